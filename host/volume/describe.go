package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/host/hardware"
	"hanok/internal/beneath"
	"hanok/internal/vmx"
)

// DescribeMachine reads the machine whose .vmx is at the path on the datastore, which is called name, with the descriptors of its
// disks, and compares those with the lengths of their files. It opens nothing that a file names before it has checked the name, and
// changes nothing. Kinds: NotFound for a file that is not there, Invalid, with the file, the line and the key, for what can't be
// read or can't be a machine of ours, WrongState when something else than a file has a name, Unsupported for a machine that is suspended or
// has snapshots and for disks that are elsewhere or in another form.
func (l *Local) DescribeMachine(ctx context.Context, id dc.DatastoreID, name, file string) (dc.FoundMachine, error) {
	d, err := l.describing(id, name)
	if err != nil {
		return dc.FoundMachine{}, err
	}
	defer d.root.Close()
	m, err := d.machine(file)
	return m, d.failure(file, err)
}

// DescribeDisk reads the descriptor at the path on the datastore as that of a disk that a machine can have: its file, capacity and
// provisioning. Kinds: as DescribeMachine, and Unavailable for one that somebody writes to.
func (l *Local) DescribeDisk(ctx context.Context, id dc.DatastoreID, file string) (dc.Disk, error) {
	d, err := l.describing(id, "")
	if err != nil {
		return dc.Disk{}, err
	}
	defer d.root.Close()
	disk := dc.Disk{File: file}
	if !diskFile(dc.Machine{}, file) {
		err = dc.Errorf(dc.Invalid, "it is not the descriptor of a disk in a folder").Fix("give a path such as [datastore] folder/disk.vmdk")
	} else {
		err = d.disk(&disk)
	}
	if err == nil {
		err = d.unused(dc.FlatFile(file))
	}
	return disk, d.failure(file, err)
}

// description is a datastore from which machines are described.
type description struct {
	l    *Local
	id   dc.DatastoreID
	name string
	root *beneath.Dir
}

func (l *Local) describing(id dc.DatastoreID, name string) (*description, error) {
	root, err := l.open(id)
	return &description{l: l, id: id, name: name, root: root}, err
}

// failure names the file that an error is about, where the error names nothing.
func (d *description) failure(file string, err error) error {
	object := "file " + file
	var odd *beneath.Irregular
	var syntax *vmx.SyntaxError
	var known *dc.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known.On(object)
	case errors.As(err, &odd):
		return dc.Errorf(dc.WrongState, "%w", odd).On(object).Fix("put the file itself in its place")
	case errors.As(err, &syntax):
		return dc.Errorf(dc.Invalid, "%w", syntax).On(object).Fix("correct that line of the file")
	case errors.Is(err, fs.ErrNotExist):
		return dc.Errorf(dc.NotFound, "there is no such file").On(object).Fix("look what the datastore has, and name another one")
	}
	return dc.Errorf(dc.Unavailable, "%w", err).On(object).Fix("look at the health of the datastore")
}

func (d *description) machine(file string) (dc.FoundMachine, error) {
	folder, config := path.Split(file)
	folder = strings.TrimSuffix(folder, "/")
	if base, template := strings.CutSuffix(file, ".vmtx"); template {
		return dc.FoundMachine{}, dc.Errorf(dc.Unsupported, "it is the configuration of a template of ESXi's").
			Fix("rename it to %s%s (hanok datastore mv), and register that with --template", base, configEnding)
	}
	if folder == "" || strings.Contains(folder, "/") || !strings.HasSuffix(config, configEnding) {
		return dc.FoundMachine{}, dc.Errorf(dc.Invalid, "a machine is registered by the file %s in a folder directly on its datastore", configEnding).
			Fix("move its folder there, and give a path such as [datastore] folder/machine%s", configEnding)
	}
	if _, err := namesOf(dc.Machine{Name: config, Folder: folder, Config: config}); err != nil {
		return dc.FoundMachine{}, err
	}
	data, err := d.read(file)
	if err != nil {
		return dc.FoundMachine{}, err
	}
	c, err := vmx.Parse(data)
	if err != nil {
		return dc.FoundMachine{}, err
	}
	if err := d.refuse(c, strings.TrimSuffix(file, configEnding)); err != nil {
		return dc.FoundMachine{}, err
	}
	m, err := hardware.Read(c)
	if err != nil {
		return dc.FoundMachine{}, err
	}
	found := dc.FoundMachine{Name: m.Name, Annotation: m.Annotation, Folder: folder, Config: config, Hardware: m.Hardware, Networks: m.Networks,
		Identity: identity(c)}
	owner, _ := c.Get(ownerKey)
	found.Owner = dc.VirtualMachineID(owner)
	h := &found.Hardware
	for i := range h.Disks {
		disk := &h.Disks[i]
		key := disk.Instance() + ".fileName"
		name := disk.File
		if disk.File, err = d.place(folder, name); err != nil {
			return dc.FoundMachine{}, c.Errorf(key, "%v", err)
		}
		if at := slices.IndexFunc(h.Disks[:i], func(other dc.Disk) bool { return other.File == disk.File }); at >= 0 {
			return dc.FoundMachine{}, c.Errorf(key, "%s is the disk %s, too", name, h.Disks[at].Instance())
		}
		if err := d.disk(disk); err != nil {
			return dc.FoundMachine{}, d.failure(disk.File, err)
		}
	}
	for i := range h.Drives {
		d.media(folder, &h.Drives[i].Media)
	}
	for i := range h.SerialPorts {
		d.media(folder, &h.SerialPorts[i].File)
	}
	return found, nil
}

// refuse returns why the machine can't go on here though its hardware could be had; base is its path without the ending.
func (d *description) refuse(c *vmx.Config, base string) error {
	if state, _ := c.Get("checkpoint.vmState"); state != "" {
		return dc.Errorf(dc.Unsupported, "%w", c.Errorf("checkpoint.vmState", "it is suspended, and the memory of another hypervisor can't be woken")).
			Fix("power it on and shut it down where it comes from, and copy it again")
	}
	data, err := d.read(base + ".vmsd")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	snapshots, err := vmx.Parse(data)
	if err != nil {
		return d.failure(base+".vmsd", err)
	}
	n, err := snapshots.Int("snapshot.numSnapshots", 0, 0, 1<<20)
	if err == nil && n > 0 {
		err = dc.Errorf(dc.Unsupported, "%w", snapshots.Errorf("snapshot.numSnapshots", "it has %d snapshots", n)).
			Fix("delete its snapshots where it comes from, which consolidates its disks, and copy it again")
	}
	if err != nil {
		return d.failure(base+".vmsd", err)
	}
	return nil
}

// identity is what the .vmx says to the question whether it was moved or copied. VMware's words are keep, create and change.
func identity(c *vmx.Config) dc.RegisterIdentity {
	action, _ := c.Get("uuid.action")
	switch strings.ToLower(action) {
	case "keep":
		return dc.IdentityMoved
	case "create", "change":
		return dc.IdentityCopied
	}
	return ""
}

// volumes is where ESXi shows its datastores, by ID or name.
const volumes = "/vmfs/volumes/"

// place returns where a disk is on the datastore whose name stands in a .vmx in the folder.
func (d *description) place(folder, file string) (string, error) {
	at := file
	switch rest, volume := strings.CutPrefix(file, volumes); {
	case volume:
		name, rest, _ := strings.Cut(rest, "/")
		if name != d.name && name != string(d.id) {
			return "", fmt.Errorf("the disk %s is on another datastore: move it into the folder, and write its name only", file)
		}
		at = rest
	case path.IsAbs(file):
		return "", fmt.Errorf("the disk %s is not on the datastore: move it into the folder, and write its name only", file)
	case strings.ContainsAny(file, `/\`):
		return "", fmt.Errorf("the disk %s is not in the folder: move it there, and write its name only", file)
	default:
		at = folder + "/" + file
	}
	if !diskFile(dc.Machine{Folder: folder}, at) || !strings.HasPrefix(at, folder+"/") && dc.CheckFilePath(at) != nil {
		return "", fmt.Errorf("%q is not the name of a disk's descriptor", file)
	}
	return at, nil
}

// media says of a file in the folder that it is there.
func (d *description) media(folder string, m *dc.Media) {
	switch {
	case m.Path == "" || m.Datastore != "":
	case !strings.ContainsAny(m.Path, `/\`):
		*m = dc.Media{Datastore: d.id, Path: folder + "/" + m.Path}
	}
	if m.Datastore == dc.DatastoreID(d.name) && d.name != "" {
		m.Datastore = d.id
	}
}

// read reads a small text file.
func (d *description) read(file string) ([]byte, error) {
	f, err := d.root.Open(file, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, vmx.MaxSize+1))
}

// disk completes a disk by what its descriptor says, which must be that of one raw file beside it.
func (d *description) disk(disk *dc.Disk) error {
	text, err := d.read(disk.File)
	if err != nil {
		return err
	}
	if magic := string(text[:min(4, len(text))]); magic == "KDMV" || magic == "COWD" {
		return unusable("it is a disk of Workstation's, or made for transport")
	}
	descriptor, err := vmx.ParseDescriptor(text)
	if err != nil {
		return err
	}
	if parent, ok := descriptor.Get("parentCID"); ok && !strings.EqualFold(parent, "ffffffff") {
		return dc.Errorf(dc.Unsupported, "parentCID: it is the snapshot of another disk").
			Fix("delete the machine's snapshots where it comes from, which consolidates its disks, and copy it again")
	}
	if len(descriptor.Extents) != 1 {
		return unusable(fmt.Sprintf("it has %d extents", len(descriptor.Extents)))
	}
	extent := descriptor.Extents[0]
	flat := (names{}).flatPath(*disk)
	switch {
	case extent.Type == "VMFSRDM" || extent.Type == "VMFSRAW":
		return dc.Errorf(dc.Unsupported, "extent 1: it is a raw device mapping, whose data is on a device").Fix("copy the device's data into a disk")
	case extent.Type != "VMFS" && extent.Type != "FLAT":
		return unusable("extent 1: it is of the type " + extent.Type)
	case extent.Access != "RW":
		return dc.Errorf(dc.Unsupported, "extent 1: it is %s, a disk is RW", extent.Access).Fix("correct it in the descriptor")
	case extent.File != path.Base(flat) || extent.Offset != 0:
		return dc.Errorf(dc.Unsupported, "extent 1: its data is in %q from sector %d on, and can only be in %q from its beginning on", extent.File,
			extent.Offset, path.Base(flat)).Fix("give the file that name")
	}
	info, err := d.root.Lstat(flat)
	if err != nil {
		return d.failure(flat, err)
	}
	if !info.Mode().IsRegular() {
		return d.failure(flat, &beneath.Irregular{Name: flat, Mode: info.Mode()})
	}
	disk.CapacityBytes = extent.Sectors * vmx.SectorSize
	if info.Size() != disk.CapacityBytes || disk.CapacityBytes == 0 {
		return dc.Errorf(dc.Invalid, "extent 1: it has %d bytes, its file %s has %d", disk.CapacityBytes, path.Base(flat), info.Size()).
			Fix("copy the file again: it was cut off")
	}
	disk.Provisioning = dc.Thin
	thin, _ := descriptor.Get("ddb.thinProvisioned")
	if st, ok := info.Sys().(*syscall.Stat_t); ok && thin != "1" && st.Blocks*512 >= info.Size() {
		return d.thick(disk, flat)
	}
	return nil
}

// thick says which of the two thick provisionings a disk has. Its descriptor doesn't, in ESXi's folders as in ours; its blocks do.
func (d *description) thick(disk *dc.Disk, flat string) error {
	file, err := d.root.Open(flat, os.O_RDONLY)
	if err != nil {
		return d.failure(flat, err)
	}
	defer file.Close()
	disk.Provisioning = dc.ThickLazyZeroed
	if isWritten(file, disk.CapacityBytes) {
		disk.Provisioning = dc.ThickEager
	}
	return nil
}

// unused refuses the bytes of a disk that somebody writes to.
func (d *description) unused(flat string) error {
	file, err := d.root.Open(flat, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	return lockAs("file "+flat, flat, file, unix.LOCK_SH)
}

func unusable(what string) error {
	return dc.Errorf(dc.Unsupported, "%s, and a machine's disk is a descriptor with one raw file beside it", what).
		Fix("remove or rename it, and import the original in its place, which makes it such a disk: hanok datastore import FILE PATH")
}

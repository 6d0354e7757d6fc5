package volume

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"

	"hanok/dc"
	"hanok/host/hardware"
	"hanok/internal/beneath"
	"hanok/internal/vmx"
)

// ownerKey is the key in a .vmx that names the machine whose folder it is. VMware ignores and keeps it.
const ownerKey = "hanok.id"

// readConfig reads the .vmx, nil if there is none. The error of one that can't be understood is WrongState.
func readConfig(dir *beneath.Dir, n names) (*vmx.Config, []byte, error) {
	file, err := dir.Open(n.config(), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, vmx.MaxSize+1))
	if err != nil {
		return nil, nil, err
	}
	c, err := vmx.Parse(data)
	if err != nil {
		return nil, nil, dc.Errorf(dc.WrongState, "its configuration %s can't be read: %w", n.config(), err).
			Fix("mend the file, or put %s in its place", n.backup())
	}
	return c, data, nil
}

// ownerOf returns the machine whose folder this is, or "" for a folder that carries no machine's mark.
func ownerOf(dir *beneath.Dir, n names) (dc.VirtualMachineID, error) {
	c, _, err := readConfig(dir, n)
	if err != nil || c == nil {
		return "", err
	}
	id, _ := c.Get(ownerKey)
	return dc.VirtualMachineID(id), nil
}

// saveConfig brings the .vmx in line with m, and keeps the one before. What others wrote into it stays.
func saveConfig(dir *beneath.Dir, n names, m dc.Machine) error {
	c, before, err := readConfig(dir, n)
	if err != nil {
		return err
	}
	if c == nil {
		c = vmx.New()
	}
	if err := configure(c, n, m); err != nil {
		return err
	}
	after := c.Bytes()
	if bytes.Equal(before, after) {
		return nil
	}
	if before != nil {
		if err := dir.Write(n.backup(), before); err != nil {
			return err
		}
	}
	return dir.Write(n.config(), after)
}

// configure writes what is known of m into c. What c says of it besides stays.
func configure(c *vmx.Config, n names, m dc.Machine) error {
	described := hardware.Machine{Name: m.Name, Annotation: m.Annotation, Hardware: m.Hardware, Networks: map[int32]string{}}
	h := &described.Hardware
	h.Disks, h.Drives, h.SerialPorts = slices.Clone(h.Disks), slices.Clone(h.Drives), slices.Clone(h.SerialPorts)
	for i, d := range m.Disks {
		h.Disks[i].File = n.descriptor(d)
		if path.Dir(d.File) != m.Folder {
			h.Disks[i].File = volumes + nameOf(m, dc.ID(m.Datastore)) + "/" + d.File
		}
	}
	for i := range h.Drives {
		h.Drives[i].Media = mediaOf(m, h.Drives[i].Media)
	}
	for i := range h.SerialPorts {
		h.SerialPorts[i].File = mediaOf(m, h.SerialPorts[i].File)
	}
	before, err := hardware.Read(c)
	for _, nic := range m.NICs {
		switch name := before.Networks[nic.Key]; {
		case nic.PortGroup != "":
			described.Networks[nic.Key] = nameOf(m, dc.ID(nic.PortGroup))
		case err == nil && name != "":
			described.Networks[nic.Key] = name // it is on none here; there it may be
		}
	}
	c.Set(ownerKey, string(m.ID))
	for _, line := range [][2]string{{"nvram", n.nvram()}, {"pciBridge0.present", "TRUE"}} {
		setNew(c, line[0], line[1])
	}
	for i := 4; i < 8; i++ { // the slots that VMware's PCI Express devices need
		bridge := fmt.Sprintf("pciBridge%d.", i)
		setNew(c, bridge+"present", "TRUE")
		setNew(c, bridge+"virtualDev", "pcieRootPort")
		setNew(c, bridge+"functions", "8")
	}
	if err := hardware.Write(c, described); err != nil {
		return dc.Errorf(dc.Invalid, "its configuration: %w", err).On(describe(m))
	}
	return nil
}

// setNew gives a key that has none a value.
func setNew(c *vmx.Config, key, value string) {
	if _, there := c.Get(key); !there {
		c.Set(key, value)
	}
}

// nameOf returns what a port group or datastore is called, as far as m knows.
func nameOf(m dc.Machine, id dc.ID) string { return cmp.Or(m.Names[id], string(id)) }

// mediaOf returns where media are, in the words of a .vmx: in the machine's folder by their name alone.
func mediaOf(m dc.Machine, media dc.Media) dc.Media {
	if folder, name := path.Split(media.Path); media.Datastore == m.Datastore && folder == m.Folder+"/" {
		return dc.Media{Path: name}
	}
	if media.Datastore != "" {
		media.Datastore = dc.DatastoreID(nameOf(m, dc.ID(media.Datastore)))
	}
	return media
}

// describeDisk returns the descriptor of a disk. Its UUID follows from the machine and the key, so that one written anew
// is the same.
func describeDisk(n names, m dc.Machine, d dc.Disk) *vmx.Descriptor {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", m.ID, d.Key))
	descriptor := vmx.NewFlat(n.flat(d), d.CapacityBytes, strconv.Itoa(m.Version), [10]byte(sum[:10]))
	if d.Provisioning == dc.ThickLazyZeroed || d.Provisioning == dc.ThickEager {
		descriptor.SetThick()
	}
	if d.Controller < dc.FirstSCSIKey {
		descriptor.SetIDE()
	}
	return descriptor
}

package volume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/internal/vmx"
)

// esxi is a machine's folder in the style of ESXi's.
var esxi = map[string]string{
	"web 01.vmx": `.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "14"
nvram = "web 01.nvram"
floppy0.present = "FALSE"
numvcpus = "2"
memSize = "1024"
scsi0.virtualDev = "pvscsi"
scsi0.present = "TRUE"
sata0.present = "TRUE"
scsi0:0.deviceType = "scsi-hardDisk"
scsi0:0.fileName = "web 01.vmdk"
scsi0:0.present = "TRUE"
scsi0:1.deviceType = "scsi-hardDisk"
scsi0:1.fileName = "data.vmdk"
scsi0:1.present = "TRUE"
sata0:0.deviceType = "cdrom-image"
sata0:0.fileName = "tools.iso"
sata0:0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "VM Network"
ethernet0.addressType = "vpx"
ethernet0.generatedAddress = "00:50:56:9A:11:22"
ethernet0.present = "TRUE"
displayName = "web 01"
annotation = "front end|0Aask Büro 4"
guestOS = "debian11-64"
uuid.bios = "56 4d 7f 2b 9a 0c 4e 11-8d 35 60 a1 b2 c3 d4 e5"
vc.uuid = "52 f3 c1 d0 77 aa 4b 2e-91 c8 0d 1e 2f 3a 4b 5c"
scsi0.pciSlotNumber = "160"
ethernet0.pciSlotNumber = "192"
`,
	"web 01.vmdk":      diskOf("web 01-flat.vmdk", 8, true),
	"web 01-flat.vmdk": strings.Repeat("\x00", 4096),
	"data.vmdk":        diskOf("data-flat.vmdk", 2, false),
	"data-flat.vmdk":   strings.Repeat("x", 1024),
	"web 01.nvram":     "MRVN\x01",
	"web 01.vmsd":      `.encoding = "UTF-8"` + "\n",
	"vmware.log":       "",
}

func diskOf(extent string, sectors int64, thin bool) string {
	d := vmx.NewFlat(extent, sectors*vmx.SectorSize, "14", [10]byte{1})
	if !thin {
		d.SetThick()
	}
	return string(d.Bytes())
}

// place puts files into the folder web of a datastore, with changes; a file that becomes "" is left out.
func place(t testing.TB, datastore string, files map[string]string, changes map[string]string) {
	t.Helper()
	dir := filepath.Join(datastore, "web")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if changed, ok := changes[name]; ok {
			content = changed
		}
		if content == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDescribeMachine(t *testing.T) {
	l, path := mount(t)
	place(t, path, esxi, nil)
	m, err := l.DescribeMachine(t.Context(), store, "ds", "web/web 01.vmx")
	if err != nil {
		t.Fatal(err)
	}
	h := m.Hardware
	if m.Name != "web 01" || m.Folder != "web" || m.Config != "web 01.vmx" || m.Annotation != "front end\nask Büro 4" || m.Owner != "" ||
		m.Networks[4000] != "VM Network" || h.NICs[0].MAC != "00:50:56:9a:11:22" {
		t.Errorf("got %+v", m)
	}
	want := []dc.Disk{
		{Key: 2000, Controller: 1000, CapacityBytes: 4096, Provisioning: dc.Thin, Mode: dc.Persistent, File: "web/web 01.vmdk"},
		{Key: 2001, Controller: 1000, Unit: 1, CapacityBytes: 1024, Provisioning: dc.ThickEager, Mode: dc.Persistent, File: "web/data.vmdk"},
	}
	if len(h.Disks) != 2 || h.Disks[0] != want[0] || h.Disks[1] != want[1] {
		t.Errorf("disks %+v", h.Disks)
	}
	if media := h.Drives[0].Media; media != (dc.Media{Datastore: store, Path: "web/tools.iso"}) {
		t.Errorf("media %+v", media)
	}
	disk, err := l.DescribeDisk(t.Context(), store, "web/data.vmdk")
	if err != nil || disk.CapacityBytes != 1024 || disk.Provisioning != dc.ThickEager {
		t.Errorf("the disk by itself: %+v, %v", disk, err)
	}
	// By ESXi's paths, too.
	place(t, path, esxi, map[string]string{"web 01.vmx": strings.ReplaceAll(esxi["web 01.vmx"], `"data.vmdk"`, `"/vmfs/volumes/ds/web/data.vmdk"`)})
	if m, err = l.DescribeMachine(t.Context(), store, "ds", "web/web 01.vmx"); err != nil || m.Hardware.Disks[1] != want[1] {
		t.Errorf("got %+v, %v", m, err)
	}
}

// What is damaged or can't be had is refused, with the file and the line, the key or the field.
func TestDescribeRefuses(t *testing.T) {
	config := func(old, new string) map[string]string {
		if !strings.Contains(esxi["web 01.vmx"], old) {
			t.Fatalf("the fixture has no %s", old)
		}
		return map[string]string{"web 01.vmx": strings.Replace(esxi["web 01.vmx"], old, new, 1)}
	}
	disk := func(old, new string) map[string]string {
		if !strings.Contains(esxi["data.vmdk"], old) {
			t.Fatalf("the fixture has no %s", old)
		}
		return map[string]string{"data.vmdk": strings.Replace(esxi["data.vmdk"], old, new, 1)}
	}
	for name, test := range map[string]struct {
		changes map[string]string
		kind    dc.ErrorKind
		want    string
	}{
		"syntax":             {config(`memSize = "1024"`, `memSize "1024"`), dc.Invalid, "file web/web 01.vmx: line 7: "},
		"key":                {config(`memSize = "1024"`, `memSize = "much"`), dc.Invalid, "web 01.vmx: line 7: memSize: "},
		"binary":             {map[string]string{"web 01.vmx": "\x7fELF\x00"}, dc.Invalid, "web 01.vmx: line 1: "},
		"too long":           {map[string]string{"web 01.vmx": strings.Repeat("#\n", vmx.MaxSize)}, dc.Invalid, "line 1: the file is longer"},
		"climbing disk":      {config(`"data.vmdk"`, `"../other/data.vmdk"`), dc.Invalid, "line 15: scsi0:1.fileName: "},
		"absolute disk":      {config(`"data.vmdk"`, `"/etc/shadow.vmdk"`), dc.Invalid, "line 15: scsi0:1.fileName: "},
		"climbing volume":    {config(`"data.vmdk"`, `"/vmfs/volumes/ds/../x/data.vmdk"`), dc.Invalid, "line 15: scsi0:1.fileName: "},
		"another volume":     {config(`"data.vmdk"`, `"/vmfs/volumes/san/x/data.vmdk"`), dc.Invalid, "line 15: scsi0:1.fileName: "},
		"a disk twice":       {config(`"data.vmdk"`, `"web 01.vmdk"`), dc.Invalid, "line 15: scsi0:1.fileName: web 01.vmdk is the disk scsi0:0"},
		"suspended":          {config(`memSize`, `checkpoint.vmState = "web.vmss"`+"\nmemSize"), dc.Unsupported, "line 7: checkpoint.vmState: "},
		"snapshots":          {map[string]string{"web 01.vmsd": `snapshot.numSnapshots = "2"`}, dc.Unsupported, "file web/web 01.vmsd: line 1: snapshot.numSnapshots: "},
		"no descriptor":      {map[string]string{"data.vmdk": ""}, dc.NotFound, "file web/data.vmdk"},
		"no extent":          {map[string]string{"data-flat.vmdk": ""}, dc.NotFound, "file web/data-flat.vmdk"},
		"extent cut off":     {map[string]string{"data-flat.vmdk": "x"}, dc.Invalid, "file web/data.vmdk: extent 1: "},
		"descriptor":         {disk("RW 2 VMFS", "RW two VMFS"), dc.Invalid, "file web/data.vmdk: line 9: "},
		"climbing extent":    {disk(`"data-flat.vmdk"`, `"../../x-flat.vmdk"`), dc.Unsupported, "file web/data.vmdk: extent 1: "},
		"absolute extent":    {disk(`"data-flat.vmdk"`, `"/dev/sda"`), dc.Unsupported, "file web/data.vmdk: extent 1: "},
		"another's extent":   {disk(`"data-flat.vmdk"`, `"web 01-flat.vmdk"`), dc.Unsupported, "file web/data.vmdk: extent 1: "},
		"raw device":         {disk(`VMFS "data-flat`, `VMFSRDM "data-flat`), dc.Unsupported, "extent 1: it is a raw device mapping"},
		"delta":              {disk("parentCID=ffffffff", "parentCID=12345678"), dc.Unsupported, "file web/data.vmdk: parentCID: "},
		"several extents":    {disk(`RW 2 VMFS "data-flat.vmdk"`, "RW 1 ZERO\nRW 1 ZERO"), dc.Unsupported, "file web/data.vmdk: it has 2 extents"},
		"split sparse disk":  {disk(`RW 2 VMFS "data-flat.vmdk"`, "RW 1 SPARSE \"data-s001.vmdk\"\nRW 1 SPARSE \"data-s002.vmdk\""), dc.Unsupported, "hanok datastore import FILE PATH"},
		"sparse disk":        {disk(`RW 2 VMFS "data-flat.vmdk"`, `RW 2 SPARSE "data-s001.vmdk"`), dc.Unsupported, "hanok datastore import FILE PATH"},
		"Workstation's disk": {map[string]string{"data.vmdk": "KDMV\x01\x00\x00\x00"}, dc.Unsupported, "file web/data.vmdk: it is a disk of Workstation's"},
	} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			place(t, path, esxi, test.changes)
			_, err := l.DescribeMachine(t.Context(), store, "ds", "web/web 01.vmx")
			wantError(t, err, test.kind, test.want)
		})
	}
	l, path := mount(t)
	place(t, path, esxi, nil)
	if err := os.Symlink("web", filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"web 01.vmx", "web/x/y.vmx", "web/web 01.vmdk", "../web/web 01.vmx", "web/.vmx", "/web/web 01.vmx"} {
		_, err := l.DescribeMachine(t.Context(), store, "ds", file)
		wantError(t, err, dc.Invalid, "")
	}
	if _, err := l.DescribeMachine(t.Context(), store, "ds", "link/web 01.vmx"); err == nil {
		t.Error("a link was followed")
	}
	_, err := l.DescribeMachine(t.Context(), store, "ds", "web/other.vmx")
	wantError(t, err, dc.NotFound, "file web/other.vmx")
	_, err = l.DescribeMachine(t.Context(), store, "ds", "web/web 01.vmtx")
	wantError(t, err, dc.Unsupported, "file web/web 01.vmtx", "rename it to web/web 01.vmx")
}

// registered is the machine that the manager would make of the fixture.
func registered(t *testing.T, l *Local, id dc.VirtualMachineID) dc.Machine {
	t.Helper()
	found, err := l.DescribeMachine(t.Context(), store, "ds", "web/web 01.vmx")
	if err != nil {
		t.Fatal(err)
	}
	m := dc.Machine{ID: id, Name: found.Name, Annotation: found.Annotation, Hardware: found.Hardware, Datastore: store, Folder: found.Folder, Config: found.Config,
		Names: map[dc.ID]string{"network-1": "VM Network", dc.ID(store): "ds"}}
	m.NICs[0].PortGroup = "network-1"
	return m
}

func TestRegisterAndRelease(t *testing.T) {
	l, path := mount(t)
	place(t, path, esxi, nil)
	m := registered(t, l, "vm-1")
	dir := filepath.Join(path, "web")
	for range 2 { // the second time is a success
		if err := l.RegisterMachine(t.Context(), m, dc.Registration{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.FindMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir, "web 01.vmx~")); got != esxi["web 01.vmx"] {
		t.Errorf("the configuration before is not kept:\n%s", got)
	}
	thief := m
	thief.ID = "vm-2"
	wantError(t, l.RegisterMachine(t.Context(), thief, dc.Registration{}), dc.Exists, "belongs to the virtual machine vm-1")
	f := files(t, l, m)
	nvram, err := f.NVRAM([]byte("template"))
	if err != nil {
		t.Fatal(err)
	}
	nvram.Close()
	if got := read(t, filepath.Join(dir, "web 01.nvram")); got != esxi["web 01.nvram"] {
		t.Errorf("VMware's firmware variables are %q", got)
	}
	// One that is executed, or whose disk is in use, is neither let go of nor taken over.
	lock, err := f.Lock()
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, l.ReleaseMachine(t.Context(), m), dc.Unavailable, "in use")
	wantError(t, l.RegisterMachine(t.Context(), thief, dc.Registration{Owner: "vm-1"}), dc.Unavailable, "in use")
	lock.Close()
	disks, err := f.Disks()
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, l.RegisterMachine(t.Context(), thief, dc.Registration{Owner: "vm-1"}), dc.Unavailable, "in use")
	for _, d := range disks {
		d.File.Close()
	}
	if err := l.ReleaseMachine(t.Context(), thief); err != nil { // it is not its
		t.Fatal(err)
	}
	if err := l.FindMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.ReleaseMachine(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, l.FindMachine(t.Context(), m), dc.NotFound, "not marked as its own")
	if err := l.DeleteMachine(t.Context(), m); err != nil { // it is not its any more
		t.Fatal(err)
	}
	// All that VMware has said is as it was; nothing else is there but what the .vmx did not say.
	before, err := vmx.Parse([]byte(esxi["web 01.vmx"]))
	if err != nil {
		t.Fatal(err)
	}
	after := read(t, filepath.Join(dir, "web 01.vmx"))
	for line := range strings.Lines(string(before.Bytes())) {
		if !strings.Contains(after, line) {
			t.Errorf("it does not say any more: %s", line)
		}
	}
	for line := range strings.Lines(strings.TrimPrefix(after, string(before.Bytes()))) {
		if !strings.HasPrefix(line, "pciBridge") && !strings.HasPrefix(line, ours) {
			t.Errorf("it says now: %s", line)
		}
	}
	for name, content := range esxi {
		if name != "web 01.vmx" && name != "vmware.log" && read(t, filepath.Join(dir, name)) != content {
			t.Errorf("%s has changed", name)
		}
	}
	if again := registered(t, l, "vm-3"); again.Name != m.Name || again.UUID != m.UUID {
		t.Errorf("read again it is %+v", again)
	}
}

// ours begins the keys that VMware does not know.
const ours = "hanok."

// What was found may have changed before it is taken over.
func TestRegisterWhatHasChanged(t *testing.T) {
	for name, test := range map[string]struct {
		changes map[string]string
		kind    dc.ErrorKind
		want    string
	}{
		"disk":  {map[string]string{"data.vmdk": diskOf("data-flat.vmdk", 3, false), "data-flat.vmdk": strings.Repeat("x", 3*512)}, dc.WrongState, "instead of"},
		"owner": {map[string]string{"web 01.vmx": esxi["web 01.vmx"] + "hanok.id = \"vm-9\"\n"}, dc.Exists, "vm-9"},
	} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			place(t, path, esxi, nil)
			m := registered(t, l, "vm-1")
			place(t, path, esxi, test.changes)
			wantError(t, l.RegisterMachine(t.Context(), m, dc.Registration{}), test.kind, test.want)
			if err := os.Remove(filepath.Join(path, "web", "web 01.vmx")); err != nil {
				t.Fatal(err)
			}
			wantError(t, l.RegisterMachine(t.Context(), m, dc.Registration{}), dc.NotFound, "web 01.vmx is missing")
		})
	}
}

// FuzzDescribeMachine checks that whatever the files of a folder say, the answer is a machine whose disks are in the datastore, or an
// error that says what to do.
func FuzzDescribeMachine(f *testing.F) {
	f.Add(esxi["web 01.vmx"], esxi["data.vmdk"], esxi["web 01.vmsd"])
	f.Add(esxi["web 01.vmx"], "KDMV", `snapshot.numSnapshots = "1"`)
	f.Add(strings.ReplaceAll(esxi["web 01.vmx"], "data.vmdk", "/vmfs/volumes/ds/web/data.vmdk"), esxi["data.vmdk"], "")
	f.Fuzz(func(t *testing.T, config, disk, snapshots string) {
		l, path := mount(t)
		place(t, path, esxi, map[string]string{"web 01.vmx": config, "data.vmdk": disk, "web 01.vmsd": snapshots})
		m, err := l.DescribeMachine(t.Context(), store, "ds", "web/web 01.vmx")
		if err != nil {
			if dc.KindOf(err) == dc.Internal || dc.FailureOf(err).Remedy == "" {
				t.Errorf("%v, of kind %s", err, dc.KindOf(err))
			}
			return
		}
		for _, d := range m.Hardware.Disks {
			if filepath.Clean(d.File) != d.File || !filepath.IsLocal(d.File) || d.CapacityBytes <= 0 {
				t.Errorf("a disk %+v", d)
			}
		}
	})
}

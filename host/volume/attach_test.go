package volume

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/sparse"
)

// withData returns machine with the disk data.vmdk of the folder web, which esxi has, as one more.
func withData() dc.Machine {
	m := machine()
	d, _ := m.AddDisk(m.Controllers[0].Type)
	d.File, d.CapacityBytes, d.Provisioning, d.Attached = "web/data.vmdk", 1024, dc.ThickLazyZeroed, true
	return m
}

// A disk that was there before a machine is neither made nor changed by it, whether it comes with the machine or later.
func TestAttach(t *testing.T) {
	for name, later := range map[string]bool{"with the machine": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			place(t, path, esxi, nil)
			m := withData()
			attach := func(m dc.Machine) error {
				return l.ConfigureMachine(t.Context(), m, []int32{m.Disks[len(m.Disks)-1].Key}, nil, fetchContent, ignore)
			}
			if later {
				create(t, l, machine())
			} else {
				attach = func(m dc.Machine) error { return l.CreateMachine(t.Context(), m, fetchContent, ignore) }
			}
			for range 2 {
				if err := attach(m); err != nil {
					t.Fatal(err)
				}
			}
			if got := read(t, filepath.Join(path, "web/data-flat.vmdk")); got != esxi["data-flat.vmdk"] {
				t.Errorf("its bytes are %q now", got)
			}
			config := read(t, filepath.Join(path, m.Folder, m.Folder+".vmx"))
			if !strings.Contains(config, `"/vmfs/volumes/`+string(store)+`/web/data.vmdk"`) {
				t.Errorf("the configuration doesn't name the disk:\n%s", config)
			}
			if err := l.FindMachine(t.Context(), m); err != nil {
				t.Error(err)
			}

			// It is read as the machine's other disks are, and the files alone say where it is.
			source, err := l.OpenDisk(t.Context(), m, m.Disks[len(m.Disks)-1].Key)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := source.(sparse.Source).Next(); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(source); err != nil || string(got) != esxi["data-flat.vmdk"] {
				t.Errorf("it reads as %q, %v", got, err)
			}
			source.Close()
			if err := l.ReleaseMachine(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			found, err := l.DescribeMachine(t.Context(), store, "here", "hello/hello.vmx")
			if err != nil || len(found.Hardware.Disks) != len(m.Disks) || found.Hardware.Disks[len(m.Disks)-1].File != "web/data.vmdk" {
				t.Errorf("found %+v, %v", found.Hardware.Disks, err)
			}
			if err := l.RegisterMachine(t.Context(), m, dc.Registration{}); err != nil {
				t.Fatal(err)
			}

			// It goes with the machine, unless its folder is another machine's.
			if err := l.DeleteMachine(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadFile(filepath.Join(path, "web/data-flat.vmdk")); left != nil {
				t.Error("it is still there")
			}
			if left, _ := os.ReadFile(filepath.Join(path, "web/web 01-flat.vmdk")); left == nil {
				t.Error("another disk is gone")
			}
		})
	}
}

// A machine's deletion leaves what is in another machine's folder.
func TestDeleteLeavesAttachedDisksInOthersFolders(t *testing.T) {
	l, path := mount(t)
	place(t, path, esxi, map[string]string{"web 01.vmx": "hanok.id = \"vm-web\"\n" + esxi["web 01.vmx"]})
	m := withData()
	if err := l.CreateMachine(t.Context(), m, fetchContent, ignore); err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	read(t, filepath.Join(path, "web/data-flat.vmdk"))
	if _, err := os.Stat(filepath.Join(path, m.Folder)); err == nil {
		t.Error("its own folder is still there")
	}
}

// What can't be attached is refused before anything is made, and makes nothing.
func TestAttachRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		files  map[string]string
		change func(d *dc.Disk)
		kind   dc.ErrorKind
		words  string
	}{
		"absent":     {nil, func(d *dc.Disk) { d.File = "web/none.vmdk" }, dc.NotFound, "web/none.vmdk"},
		"its own":    {nil, func(d *dc.Disk) { d.File = "hello/none.vmdk" }, dc.NotFound, "none.vmdk"},
		"other size": {nil, func(d *dc.Disk) { d.CapacityBytes = 2048 }, dc.WrongState, "1024 bytes instead of 2048"},
		"climbing":   {map[string]string{"data.vmdk": diskOf("../../data-flat.vmdk", 2, false)}, nil, dc.Unsupported, "extent 1"},
		"absolute":   {map[string]string{"data.vmdk": diskOf("/etc/shadow", 2, false)}, nil, dc.Unsupported, "extent 1"},
		"snapshot":   {map[string]string{"data.vmdk": strings.Replace(diskOf("data-flat.vmdk", 2, false), "parentCID=ffffffff", "parentCID=12345678", 1)}, nil, dc.Unsupported, "parentCID"},
		"qcow2":      {map[string]string{"data.vmdk": "QFI\xfb\x00\x00\x00\x03"}, nil, dc.Invalid, "data.vmdk"},
	} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			place(t, path, esxi, tt.files)
			m := withData()
			if tt.change != nil {
				tt.change(&m.Disks[len(m.Disks)-1])
			}
			err := l.CreateMachine(t.Context(), m, fetchContent, ignore)
			wantError(t, err, tt.kind, tt.words)
			if _, err := os.Stat(filepath.Join(path, m.Folder)); err == nil {
				t.Error("its folder is there")
			}
			create(t, l, machine())
			err = l.ConfigureMachine(t.Context(), m, []int32{m.Disks[len(m.Disks)-1].Key}, nil, fetchContent, ignore)
			wantError(t, err, tt.kind, tt.words)
			if _, err := os.Stat(filepath.Join(path, "hello/none-flat.vmdk")); err == nil {
				t.Error("a disk was made")
			}
		})
	}
}

// A disk that somebody writes to can't be attached, whoever that is.
func TestDescribeDiskInUse(t *testing.T) {
	l, path := mount(t)
	place(t, path, esxi, nil)
	file, err := os.Open(filepath.Join(path, "web/data-flat.vmdk"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, err = l.DescribeDisk(t.Context(), store, "web/data.vmdk")
	wantError(t, err, dc.Unavailable, "in use", "data-flat.vmdk is locked")
}

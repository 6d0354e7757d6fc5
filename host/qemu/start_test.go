package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanok/dc"
)

func TestStartFails(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(l *lab)
		kind  dc.ErrorKind
		words []string
	}{
		{"disk in use", func(l *lab) {
			files, err := l.v.Files(l.t.Context(), l.m)
			if err != nil {
				l.t.Fatal(err)
			}
			disks, err := files.Disks()
			if err != nil {
				l.t.Fatal(err)
			}
			l.t.Cleanup(func() { disks[0].File.Close(); files.Close() })
		}, dc.Unavailable, []string{"in use"}},
		{"no QEMU", func(l *lab) { l.binary = "/nonexistent/qemu"; l.reopen() }, dc.Unavailable,
			[]string{"can't be executed", "install the package"}},
		{"too much memory", func(l *lab) { l.m.MemoryMB = 6 << 20 }, dc.Exhausted, []string{"not enough memory", "give it less"}},
		{"QEMU refuses", func(l *lab) { l.m.NICs[0].MAC = "nonsense" }, dc.Unavailable,
			[]string{"exit code 1", "nonsense", "vmware.log"}},
		{"no files", func(l *lab) {
			if err := l.v.DeleteMachine(l.t.Context(), l.m); err != nil {
				l.t.Fatal(err)
			}
		}, dc.NotFound, []string{"restore"}},
		{"memory is nonsense", func(l *lab) {
			write(l, strings.Repeat("nonsense", 1000))
		}, dc.Unsupported, []string{"can't wake up", "Invalid argument"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, tinyMachine())
			good := l.m
			test.spoil(l)
			err := l.tryStart()
			if dc.KindOf(err) != test.kind {
				t.Fatalf("error %v of kind %s, want %s", err, dc.KindOf(err), test.kind)
			}
			t.Log(err)
			for _, word := range test.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error does not say %q: %v", word, err)
				}
			}
			if left := pid(l.m.ID); left != 0 {
				t.Errorf("process %d is left", left)
			}
			if _, err := os.Stat(filepath.Join(l.run, string(l.m.ID))); !os.IsNotExist(err) {
				t.Errorf("the sockets are left: %v", err)
			}
			l.m = good
			if state, err := l.d.State(t.Context(), l.m); err != nil || state.Run == dc.RunRunning {
				t.Errorf("state %+v, %v", state, err)
			}
		})
	}
}

// write puts a memory on the datastore.
func write(l *lab, content string) {
	l.t.Helper()
	files, err := l.v.Files(l.t.Context(), l.m)
	if err != nil {
		l.t.Fatal(err)
	}
	defer files.Close()
	image, err := files.CreateSuspended()
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := image.File.WriteString(content); err != nil {
		l.t.Fatal(err)
	}
	if err := image.Commit(); err != nil {
		l.t.Fatal(err)
	}
}

func TestEFI(t *testing.T) {
	m := tinyMachine()
	m.Firmware, m.MemoryMB, m.NICs = dc.EFI, 128, nil
	l := newLab(t, m)
	l.start()
	// The firmware finds nothing that it could boot, and says so.
	l.serial().await("BdsDxe|UEFI")
	nvram := filepath.Join(l.folder(), m.Folder, m.Folder+".nvram")
	if info, err := os.Stat(nvram); err != nil || info.Size() == 0 {
		t.Errorf("the firmware's variables: %v, %v", info, err)
	}
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(nvram)
	if err != nil {
		t.Fatal(err)
	}
	if template, err := os.ReadFile(firmwares[0].variables); err != nil || string(written) == string(template) {
		t.Errorf("the firmware has written none of its variables: %v", err)
	}
}

func TestScreenIsEncodedByQEMU(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	l.serial().await("H")
	count := func() int {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid(l.m.ID)))
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	var shot strings.Builder
	before := 0
	for i := range 20 {
		shot.Reset()
		if err := l.d.Screenshot(t.Context(), l.m.ID, &shot); err != nil || !strings.HasPrefix(shot.String(), "\x89PNG") {
			t.Fatalf("%q, %v", shot.String()[:min(8, shot.Len())], err)
		}
		if i == 0 {
			before = count()
		}
	}
	if after := count(); after > before {
		t.Errorf("19 pictures left %d descriptors open in QEMU", after-before)
	}
}

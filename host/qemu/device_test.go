package qemu

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/internal/qmp"
	"hanok/internal/testhost"
)

func TestUnsupported(t *testing.T) {
	sata := dc.Controller{Key: 15000, Type: dc.ControllerSATA}
	for want, h := range map[string]dc.Hardware{
		"":                           everything(),
		"is another":                 {Controllers: []dc.Controller{{Key: 7001, Type: dc.ControllerUSB}}},
		"no controller of the type":  {Controllers: []dc.Controller{{Key: 1000, Type: "buslogic"}}},
		"units 0 to 5, not 6":        {Controllers: []dc.Controller{sata}, Disks: []dc.Disk{{Controller: 15000, Unit: 6}}},
		"units 0 to 5, not 7":        {Controllers: []dc.Controller{sata}, Drives: []dc.Drive{{Type: dc.CDROM, Controller: 15000, Unit: 7}}},
		"units 0 to 7, not 8":        {Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerLSISAS}}, Disks: []dc.Disk{{Controller: 1000, Unit: 8}}},
		"can't be on the NVMe":       {Controllers: []dc.Controller{{Key: 31000, Type: dc.ControllerNVMe}}, Drives: []dc.Drive{{Type: dc.CDROM, Controller: 31000}}},
		"no network adapter":         {NICs: []dc.NIC{{Type: "vlance"}}},
		"no input device":            {Inputs: []dc.InputType{"mouse"}},
		"have no controller":         {Inputs: []dc.InputType{dc.USBTablet}},
		"can't run before the guest": {Watchdog: &dc.Watchdog{StartRunning: true}},
		"BIOS firmware has no":       {Firmware: dc.BIOS, Boot: dc.Boot{Secure: true}},
		"open its setup":             {Firmware: dc.BIOS, Boot: dc.Boot{EnterSetup: true}},
		"not between 0 and 65535":    {Boot: dc.Boot{DelayMS: 65536}},
	} {
		err := unsupported(dc.Machine{Hardware: h})
		if want == "" {
			if err != nil {
				t.Errorf("what is supported is refused: %v", err)
			}
			continue
		}
		if dc.KindOf(err) != dc.Unsupported || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one that says %q", err, want)
		}
	}
}

func TestVideoMB(t *testing.T) {
	for kb, want := range map[int64]int64{0: 16, 1: 1, 1 << 10: 1, 1<<10 + 1: 2, 4 << 10: 4, 24 << 10: 32, 128 << 10: 128} {
		if got := videoMB(dc.Video{MemoryKB: kb}); got != want {
			t.Errorf("%d KB became %d MB, want %d", kb, got, want)
		}
	}
}

// Keys count as enrolled only where the variable is whole and not deleted.
func TestEnrolled(t *testing.T) {
	variable := func(state, data byte) []byte {
		v := make([]byte, 100, 200) // other variables before
		v = append(v, 0xaa, 0x55, state)
		v = append(v, make([]byte, 33)...)
		v = append(v, 6, 0, 0, 0, data, 0, 0, 0)
		v = append(v, 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c)
		return append(v, "P\x00K\x00\x00\x00"...)
	}
	whole := variable(0x3f, 1)
	for name, test := range map[string]struct {
		variables []byte
		want      bool
	}{
		"whole":         {whole, true},
		"second":        {append(variable(0x3d, 1), whole...), true},
		"deleted":       {variable(0x3d, 1), false},
		"without a key": {variable(0x3f, 0), false},
		"cut off":       {whole[:len(whole)-1], false},
		"headless":      {whole[110:], false},
		"nothing":       {nil, false},
	} {
		if got := enrolled(test.variables); got != test.want {
			t.Errorf("%s: enrolled is %v", name, got)
		}
	}
}

// newDeviceLab is a lab whose machine has everything that can be kept in a machine's folder, with empty disks, an ISO image and no
// floppy image.
func newDeviceLab(t *testing.T) *lab {
	t.Helper()
	h := everything()
	scsi := func(key int32) bool { return key >= dc.FirstSCSIKey && key < dc.FirstSCSIKey+4 }
	h.Disks = slices.DeleteFunc(h.Disks, func(d dc.Disk) bool { return !scsi(d.Controller) })
	h.Controllers = slices.DeleteFunc(h.Controllers, func(c dc.Controller) bool { return c.Type == dc.ControllerNVMe })
	l := &lab{site: newSite(t), m: tinyMachine()}
	l.m.Hardware = h
	l.m.NameDisks(l.m.Folder)
	l.reopen()
	t.Cleanup(func() {
		if err := l.d.Stop(context.Background(), l.m); err != nil {
			t.Error("stop at the end: ", err)
		}
		l.d.Close()
	})
	nothing := func(context.Context, string) (io.ReadCloser, error) { return nil, os.ErrNotExist }
	if err := l.v.CreateMachine(t.Context(), l.m, nothing, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.folder(), "a.iso"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// QEMU starts with every device there is, and has each PCI device at its place.
func TestEverythingStarts(t *testing.T) {
	testhost.Require(t)
	dir, err := os.MkdirTemp("/run", "q") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var sockets []*os.File
	for _, name := range []string{monitorSocket, serialSocket, agentSocket} {
		socket, err := listen(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		sockets = append(sockets, socket)
	}
	c := devices(Command{
		Machine: tinyMachine(), Accelerator: dc.TCG, Type: machineType, Monitor: "fd=3", Serial: "fd=4", Agent: "fd=5",
	})
	for _, d := range c.Machine.Disks {
		c.Disks[d.Key] = file(fmt.Sprint(d.Key))
	}
	c.Media[3000], c.Media[8000], c.Ports[9001] = file("iso"), file("floppy"), file("port")
	qemu := exec.Command("qemu-system-x86_64", c.Args()...)
	qemu.Stderr, qemu.ExtraFiles = t.Output(), sockets
	if err := qemu.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		qemu.Wait()
	}()
	t.Cleanup(func() {
		qemu.Process.Kill()
		<-ended
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	mon, err := qmp.Dial(ctx, filepath.Join(dir, monitorSocket))
	if err != nil {
		t.Fatal(err)
	}
	defer mon.Close()
	var buses []struct {
		Devices []struct {
			ID       string `json:"qdev_id"`
			Slot     int    `json:"slot"`
			Function int    `json:"function"`
			Model    struct {
				Vendor int `json:"vendor"`
				Device int `json:"device"`
			} `json:"id"`
		} `json:"devices"`
	}
	if err := mon.Execute(ctx, "query-pci", nil, &buses); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, d := range buses[0].Devices {
		if d.ID != "" {
			found[d.ID] = fmt.Sprintf("%02x.%x %04x:%04x", d.Slot, d.Function, d.Model.Vendor, d.Model.Device)
		}
	}
	// The identifiers are those that the drivers of guests look for.
	want := map[string]string{
		"video0": "01.0 15ad:0405", "console0": "02.0 1af4:1003", "random0": "03.0 1af4:1005", "balloon0": "04.0 1af4:1002",
		"watchdog0": "05.0 8086:25ab", "nic4000": "06.0 15ad:07b0", "nic4001": "07.0 8086:10d3", "nic4002": "08.0 8086:100e",
		"nic4003": "09.0 1af4:1000", "scsi0": "10.0 15ad:07c0", "scsi1": "11.0 1000:0054", "scsi2": "12.0 1000:0054",
		"scsi3": "13.0 1af4:1004", "sata0": "14.0 8086:2922", "sata3": "17.0 8086:2922", "nvme0": "18.0 1b36:0010",
		"nvme3": "1b.0 1b36:0010", "ide0": "1c.0 8086:7010", "uhci0": "1d.0 8086:2934", "uhci1": "1d.1 8086:2935",
		"uhci2": "1d.2 8086:2936", "ehci0": "1d.7 8086:293a", "xhci0": "1e.0 1b36:000d",
	}
	if !maps.Equal(found, want) {
		for id := range want {
			if found[id] != want[id] {
				t.Errorf("%s is %q, want %q", id, found[id], want[id])
			}
		}
		t.Errorf("QEMU has %v", found)
	}
	var tree string
	if err := mon.Execute(ctx, "human-monitor-command", map[string]any{"command-line": "info qtree"}, &tree); err != nil {
		t.Fatal(err)
	}
	devices := []string{`usb-tablet, id "input0"`, `usb-kbd, id "input1"`, `isa-serial, id "serial0"`, `isa-serial, id "serial1"`,
		`isa-serial, id "serial3"`, `isa-fdc, id "fdc0"`, `floppy, id "drive8000"`, `ide-cd, id "drive3000"`, `ide-cd, id "drive3002"`,
		`ide-cd, id "drive16005"`}
	for _, d := range devices {
		if !strings.Contains(tree, d) {
			t.Errorf("QEMU has no %s", d)
		}
	}
	var peripherals []struct { // the tree does not show those on NVMe
		Name string `json:"name"`
	}
	if err := mon.Execute(ctx, "qom-list", map[string]any{"path": "/machine/peripheral"}, &peripherals); err != nil {
		t.Fatal(err)
	}
	disks := 0
	for _, p := range peripherals {
		if strings.HasPrefix(p.Name, "disk") {
			disks++
		}
	}
	if disks != len(c.Machine.Disks) {
		t.Errorf("QEMU has %d disks, want %d: %v", disks, len(c.Machine.Disks), peripherals)
	}
}

// What a machine has otherwise than asked is said, and an agent that finds the machine again says the same.
func TestDifferences(t *testing.T) {
	l := newDeviceLab(t)
	l.start()
	differences := []string{"SCSI controller 2 is an LSI Logic SAS 1068", "floppy drive 1 is empty, since a.flp"}
	check := func() {
		t.Helper()
		got := l.is(dc.RunRunning).Differences
		if !slices.EqualFunc(got, differences, strings.HasPrefix) {
			t.Errorf("the differences are %q", got)
		}
	}
	check()
	l.reopen()
	if err := l.d.Recover(t.Context(), l.m, l.handle); err != nil {
		t.Fatal(err)
	}
	check()
	if info, err := os.Stat(filepath.Join(l.folder(), "port.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the serial port: %v, %v", info, err)
	}
}

// A machine with VMware's hardware goes to sleep and wakes up.
func TestSuspendOfOtherHardware(t *testing.T) {
	l := newDeviceLab(t)
	l.start()
	if err := l.d.Suspend(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	l.is(dc.RunSuspended)
	l.start()
	l.is(dc.RunRunning)
}

// QEMU can't write down the state of an NVMe controller: that is said before anything halts.
func TestSuspendWithNVMe(t *testing.T) {
	l := newDeviceLab(t)
	l.m.Controllers = append(l.m.Controllers, dc.Controller{Key: 31000, Type: dc.ControllerNVMe})
	l.start()
	if err := l.d.Suspend(t.Context(), l.m); dc.KindOf(err) != dc.Unsupported {
		t.Errorf("it was suspended: %v", err)
	}
	l.is(dc.RunRunning)
}

// Secure Boot is refused with variables that would let it start anything, and in force with those that it gets by itself.
func TestSecureBoot(t *testing.T) {
	l := newDeviceLab(t)
	l.m.Firmware = dc.EFI
	l.start() // makes variables without keys
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	l.m.Boot.Secure = true
	if err := l.tryStart(); dc.KindOf(err) != dc.WrongState || !strings.Contains(err.Error(), "no keys") {
		t.Fatalf("with variables without keys: %v", err)
	}
	variables, err := filepath.Glob(filepath.Join(l.folder(), l.m.Folder, "*.nvram"))
	if err != nil || len(variables) != 1 {
		t.Fatalf("variables: %v, %v", variables, err)
	}
	if err := os.Remove(variables[0]); err != nil {
		t.Fatal(err)
	}
	l.start()
	m, err := l.d.running(l.m.ID)
	if err != nil {
		t.Fatal(err)
	}
	var secure bool
	property := map[string]any{"path": "/machine/system.flash0", "property": "secure"}
	if err := m.execute(t.Context(), "qom-get", property, &secure); err != nil || !secure {
		t.Errorf("the firmware's flash is guarded: %v, %v", secure, err)
	}
}

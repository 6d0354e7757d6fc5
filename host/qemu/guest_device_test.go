package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/image"
)

// generic is the path of the starter image with the distribution's generic kernel, which has the drivers of all hardware. It is kept
// beside its packages, since reading them takes longer than booting it.
var generic = sync.OnceValues(func() (path string, err error) {
	path = "../../.cache/device-image"
	_, err = image.Build(context.Background(), image.Config{Packages: "../../.cache/device-packages", Devices: true, Out: path})
	return path, err
})

// newGuestLab makes a machine with something of every kind that boots the generic image from its first disk, which is on PVSCSI. Each
// other disk is an image of its own content, and has a size of its own.
func newGuestLab(t *testing.T, change func(*dc.Machine)) *lab {
	t.Helper()
	l := &lab{site: newSite(t), m: tinyMachine()}
	path, err := generic()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	l.m.Hardware = everything()
	l.m.CPUs, l.m.CoresPerSocket, l.m.MemoryMB, l.m.Boot = 1, 1, 512, dc.Boot{}
	for i := range l.m.Disks {
		l.m.Disks[i].Image, l.m.Disks[i].CapacityBytes = fmt.Sprint(l.m.Disks[i].Key), int64(i+1)<<20
	}
	l.m.Disks[0].Image, l.m.Disks[0].CapacityBytes = "boot", info.Size()
	l.m.RootPorts, l.m.CPUHotRemove, l.m.TPM = true, true, true
	if change != nil {
		change(&l.m)
	}
	l.m.NameDisks(l.m.Folder)
	l.reopen()
	t.Cleanup(func() {
		if err := l.d.Stop(context.Background(), l.m); err != nil {
			t.Error("stop at the end: ", err)
		}
		l.d.Close()
	})
	fetch := func(_ context.Context, digest string) (io.ReadCloser, error) {
		if digest == "boot" {
			return os.Open(path)
		}
		content := make([]byte, 1<<20)
		copy(content, "disk "+digest)
		return io.NopCloser(bytes.NewReader(content)), nil
	}
	if err := l.v.CreateMachine(t.Context(), l.m, fetch, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"a.iso": 1 << 20, "a.flp": 1440 << 10} {
		content := make([]byte, size)
		copy(content, "media "+name)
		if err := os.WriteFile(filepath.Join(l.folder(), name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// boot starts the machine and logs in to its guest.
func (l *lab) boot() *terminal {
	l.t.Helper()
	l.start()
	port := l.serial()
	port.await(image.ReadyLine)
	port.login()
	port.enter("dmesg -n 1")
	port.await(`# `)
	return port
}

// ask enters a command and returns the lines that it prints.
func (m *terminal) ask(format string, args ...any) []string {
	m.t.Helper()
	m.enter("echo BEG''IN; "+format+"; echo E''ND", args...)
	m.await(`BEGIN\r?\n`)
	said := m.await(`(?s).*?END\r?\n`)
	said = strings.TrimSpace(said[:strings.LastIndex(said, "END")])
	if said == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(said, "\r", ""), "\n")
}

// find fails the test unless each pattern matches a line of its own.
func find(t *testing.T, lines []string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !slices.ContainsFunc(lines, regexp.MustCompile(p).MatchString) {
			t.Errorf("no line matches %s", p)
		}
	}
	if t.Failed() {
		t.Log("the guest said:\n" + strings.Join(lines, "\n"))
	}
}

// A guest with the distribution's own drivers finds every kind of hardware, each at its place.
func TestDevicesInTheGuest(t *testing.T) {
	l := newGuestLab(t, nil)
	port := l.boot()

	disks := port.ask(`for b in /sys/block/[fns]*; do n=${b##*/}; t=$(head -c 12 /dev/$n 2>/dev/null | tr -dc 'a-z0-9. '); echo "$(readlink -f $b) $(cat $b/size) $t"; done`)
	const at = `/pci0000:00/0000:00:`
	find(t, disks,
		at+`10\.0/0000:0b:00\.0/host\d+/target\d+:0:0/\S+ 131072 `, // PVSCSI, which it has booted from
		at+`10\.0/0000:0b:00\.0/host\d+/target\d+:0:15/\S+ 4096 disk 2015`,
		at+`11\.0/0000:0c:00\.0/host\d+/.*/target\d+:0:\d+/\S+ 6144 disk 2019`, // LSI SAS
		at+`12\.0/0000:0d:00\.0/host\d+/.*/target\d+:0:\d+/\S+ 8192 disk 2038`, // the same for LSI Logic
		at+`13\.0/0000:0e:00\.0/virtio\d+/host\d+/target\d+:0:9/\S+ 10240 disk 2057`,
		at+`1c\.0/ata\d+/host\d+/target\d+:0:1/\S+ 12288 disk 3003`, // IDE
		at+`1c\.0/ata\d+/host\d+/target\d+:0:0/\S+/sr\d+ 2048 media a.iso`,
		at+`14\.0/ata\d+/host\d+/target\d+:0:0/\S+ 14336 disk 16000`, // SATA
		at+`17\.0/ata\d+/host\d+/target\d+:0:0/\S+ 16384 disk 16094`,
		at+`18\.0/nvme/nvme0/nvme0c0n1 18432`, `/nvme0n1 18432 disk 32000`,
		at+`1b\.0/nvme/nvme1/nvme1c1n1 20480`, `/nvme1n1 20480 disk 32062`,
		`/floppy\.0/block/fd0 2880 media a.flp`,
	)
	find(t, port.ask("grep . /sys/block/nvme*/nsid"), "nvme0n1/nsid:1$", "nvme1n1/nsid:15$")
	find(t, port.ask(`for d in /sys/bus/pci/drivers/*/0000*; do echo $d; done`),
		"vmw_pvscsi/0000:0b:00.0", "mptsas/0000:0c:00.0", "mptsas/0000:0d:00.0", "virtio-pci/0000:0e:00.0", "ahci/0000:00:14.0",
		"nvme/0000:00:18.0", "ata_piix/0000:00:1c.0", "vmxnet3/0000:01:00.0", "e1000e/0000:02:00.0", "e1000/0000:03:00.0",
		"virtio-pci/0000:04:00.0", "ehci-pci/0000:00:1d.7", "uhci_hcd/0000:00:1d.0", "xhci_hcd/0000:00:1e.0", "i6300ESB timer/0000:00:05.0")
	find(t, port.ask("cat /sys/bus/pci/devices/0000:00:01.0/vendor /sys/bus/pci/devices/0000:00:01.0/device"), "0x15ad", "0x0405")
	find(t, port.ask("cat /sys/bus/usb/devices/*/product"), "QEMU USB Tablet", "QEMU USB Keyboard")

	find(t, port.ask("cat /sys/class/tpm/tpm0/tpm_version_major; ls /sys/class/tpm/tpm0/pcr-sha256 | wc -l"), "^2$", "^24$")

	port.ask("echo from the guest >/dev/ttyS1")
	if said, err := os.ReadFile(filepath.Join(l.folder(), "port.log")); err != nil || string(said) != "from the guest\r\n" {
		t.Errorf("the second serial port wrote %q, %v", said, err)
	}

	// The NICs, with and without a cable.
	cables := func(want ...string) {
		t.Helper()
		find(t, port.ask(`for n in /sys/class/net/eth*; do echo "$(readlink -f $n) $(cat $n/address) $(cat $n/carrier)"; done`), want...)
	}
	port.ask(`for n in /sys/class/net/eth*; do ip link set ${n##*/} up; done; for i in 1 2 3 4 5 6; do grep -q 0 /sys/class/net/eth*/carrier && sleep 1; done`)
	cables(at+`06\.0/0000:01:00\.0/net/\S+ 52:54:00:00:0e:00 1`, at+`07\.0/0000:02:00\.0/net/\S+ 52:54:00:00:0e:01 1`, at+`08\.0/0000:03:00\.0/net/\S+ 52:54:00:00:0e:02 1`,
		at+`09\.0/0000:04:00\.0/virtio\d+/net/\S+ 52:54:00:00:0e:03 1`)
	l.m.NICs = slices.Clone(l.m.NICs)
	for i := range l.m.NICs {
		l.m.NICs[i].Connected = false
	}
	if err := l.reconfigure(nil); err != nil {
		t.Fatal(err)
	}
	port.ask("for i in 1 2 3 4 5 6; do grep -q 1 /sys/class/net/eth*/carrier && sleep 1; done")
	cables(`0e:00 0`, `0e:01 0`, `0e:02 0`, `0e:03 0`)

	// The watchdog resets a guest whose driver does not answer.
	port.enter("watchdog -F -T 2 -t 100 /dev/watchdog")
	m, err := l.d.running(l.m.ID)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m.await(ctx, func() bool { return m.resets > 0 }); err != nil {
		t.Errorf("the watchdog did not reset it: %v", errors.Join(err, ctx.Err()))
	}
}

// NICs, controllers with disks, CPUs and memory come to a guest that runs, and are still there after it slept; what it lets go of goes.
func TestHotPlugInTheGuest(t *testing.T) {
	for name, slots := range map[string][]int32{"": nil, "in slots with numbers": dc.ChooseNICSlots(map[int32]int32{4000: 192}, []int32{160})} {
		t.Run(name, func(t *testing.T) { hotPlugInTheGuest(t, slots) })
	}
}

func hotPlugInTheGuest(t *testing.T, slots []int32) {
	l := newGuestLab(t, func(m *dc.Machine) {
		m.NICSlots = slots
		xhci := slices.IndexFunc(m.Controllers, func(c dc.Controller) bool { return c.Type == dc.ControllerXHCI })
		m.Controllers, m.Disks, m.NICs = []dc.Controller{m.Controllers[0], m.Controllers[xhci]}, m.Disks[:1], m.NICs[:1]
		m.Drives, m.Inputs, m.Watchdog, m.SerialPorts, m.MemoryMB = nil, nil, nil, m.SerialPorts[:1], 384
		m.Controllers[0].Key, m.Disks[0].Controller = dc.FirstSCSIKey, dc.FirstSCSIKey
	})
	port := l.boot()
	change := func(m dc.Machine, added ...int32) {
		t.Helper()
		l.m = m
		if err := l.reconfigure(added); err != nil {
			t.Fatal(err)
		}
		l.inLine()
		port = l.serial()
	}
	const at = `/pci0000:00/0000:00:`
	before := l.m
	more := withNIC(l.m, dc.NIC{Key: 4003, Type: dc.E1000E, MAC: "52:54:00:00:0e:03", Connected: true})
	more = withNIC(more, dc.NIC{Key: 4001, Type: dc.VMXNET3, MAC: "52:54:00:00:0e:01"})
	more.Controllers = slices.Insert(slices.Clone(l.m.Controllers), 1, dc.Controller{Key: 1001, Type: dc.ControllerVirtio})
	more.Disks = append(slices.Clone(l.m.Disks), dc.Disk{Key: 2018, Controller: 1001, Unit: 2, CapacityBytes: 3 << 20, File: l.m.Folder + "/hot.vmdk"})
	more.CPUs, more.MemoryMB = 3, l.m.MemoryMB+128
	change(more, 2018)
	port.ask("until [ -e /sys/class/net/eth2 ] && [ -e /sys/block/sdb ] && [ -e /sys/devices/system/cpu/cpu2 ]; do sleep 0.1; done")
	hardware := []string{
		at + `09\.0/0000:04:00\.0/net/\S+ 52:54:00:00:0e:03`, at + `07\.0/0000:02:00\.0/net/\S+ 52:54:00:00:0e:01`,
		at + `11\.0/0000:0c:00\.0/virtio\d+/host\d+/target\d+:0:2/\S+/sdb 6144`, `^present 0-2$`,
	}
	const look = `for n in /sys/class/net/eth*; do echo "$(readlink -f $n) $(cat $n/address)"; done; echo "$(readlink -f /sys/block/sdb) $(cat /sys/block/sdb/size)"; echo present $(cat /sys/devices/system/cpu/present)`
	find(t, port.ask(look), hardware...)
	inSlots := func() {
		t.Helper()
		if slots != nil { // by which Linux names its adapters: ens192, ens224, ens1184
			find(t, port.ask("for s in /sys/bus/pci/slots/*; do echo $s $(cat $s/address); done"), `/192 0000:01:00$`, `/224 0000:02:00$`, `/1184 0000:04:00$`)
		}
	}
	inSlots()
	// The guest's administrator, or its udev, takes them into use.
	port.ask("for f in /sys/devices/system/cpu/cpu[12]/online; do echo 1 >$f; done; for m in /sys/devices/system/memory/memory*; do [ $(cat $m/state) = online ] || echo online >$m/state; done")
	find(t, port.ask("nproc; awk '/MemTotal/ {print ($2 > 350000) ? \"large\" : $2}' /proc/meminfo"), "^3$", "^large$")
	// A TPM2_PCR_Extend of register 16 (TPM 2.0 library specification, part 3), whose session is a password that is empty.
	port.ask(`printf '\200\002\0\0\0\101\0\0\001\202\0\0\0\020\0\0\0\011\100\0\0\011\0\0\0\0\0\0\0\0\001\0\013%%032d' 7 >/dev/tpm0`)
	const register = "grep -v '^0*$' /sys/class/tpm/tpm0/pcr-sha256/16"
	sealed := port.ask(register)
	if len(sealed) != 1 {
		t.Errorf("the TPM's register is %q", sealed)
	}
	port.ask("dd if=/dev/urandom of=/tmp/f bs=1M count=40; md5sum </tmp/f >/tmp/sum")

	if err := l.d.Suspend(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	l.start()
	l.inLine()
	port = l.serial()
	find(t, port.ask("md5sum </tmp/f | cmp - /tmp/sum && echo whole; nproc"), "^whole$", "^3$")
	find(t, port.ask(look), hardware...)
	inSlots()
	if now := port.ask(register); !slices.Equal(now, sealed) {
		t.Errorf("the TPM's register is %q after the machine slept, was %q", now, sealed)
	}

	// A controller of LSI comes and goes with its disks, and stands still in between.
	sas := l.m
	sas.Controllers = slices.Insert(slices.Clone(l.m.Controllers), 2, dc.Controller{Key: 1003, Type: dc.ControllerLSISAS})
	for unit, size := range map[int32]int64{0: 5, 3: 6} {
		key, _ := dc.UnitKey(1003, unit)
		sas.Disks = append(slices.Clone(sas.Disks), dc.Disk{Key: key, Controller: 1003, Unit: unit, CapacityBytes: size << 20, File: fmt.Sprintf("%s/sas%d.vmdk", l.m.Folder, unit)})
	}
	slices.SortFunc(sas.Disks, func(a, b dc.Disk) int { return int(a.Key - b.Key) })
	without, open := l.m, l.sets()
	change(sas, 2048, 2051)
	port.ask("until [ $(ls -d /sys/block/sd* | wc -l) = 4 ]; do sleep 0.1; done")
	find(t, port.ask(`for b in /sys/block/sd*; do echo "$(readlink -f $b) $(cat $b/size)"; done`), at+`13\.0/0000:0e:00\.0/host\d+/.* 10240$`, at+`13\.0/0000:0e:00\.0/host\d+/.* 12288$`)
	third := sas
	third.Disks = append(slices.Clone(sas.Disks), dc.Disk{Key: 2052, Controller: 1003, Unit: 4, CapacityBytes: 1 << 20, File: l.m.Folder + "/more.vmdk"})
	l.m = third
	if err := l.reconfigure([]int32{2052}); dc.KindOf(err) != dc.Unsupported || !strings.Contains(err.Error(), "does not tell the guest") {
		t.Errorf("another disk on it: %v", err)
	}
	change(without)
	find(t, port.ask("ls -d /sys/block/sd* | wc -l"), "^2$")
	if now := l.sets(); now != open {
		t.Errorf("QEMU has %d files, had %d", now, open)
	}

	// USB devices come and go.
	inputs := without
	inputs.Inputs = []dc.InputType{dc.USBTablet, dc.USBKeyboard}
	change(inputs)
	port.ask("until [ $(cat /sys/bus/usb/devices/*/product | grep -c QEMU.USB) = 2 ]; do sleep 0.1; done")
	inputs.Inputs = []dc.InputType{dc.USBKeyboard}
	change(inputs)
	// The keyboard moves to the tablet's port, so for a moment there is neither.
	port.ask(`until [ "$(cat /sys/bus/usb/devices/*/product | grep QEMU.USB)" = "QEMU USB Keyboard" ]; do sleep 0.1; done`)
	change(without)

	// It lets go of what it is asked for. Memory never goes.
	before.MemoryMB = more.MemoryMB
	change(before)
	find(t, port.ask("ls -d /sys/class/net/eth* /sys/block/sd*; echo end $(ls -d /sys/class/net/eth* /sys/block/sd* /sys/devices/system/cpu/cpu[0-9] | wc -l)"), "^end 3$")
	before.CPUs = 2 // one comes again where one was
	change(before)
	port.ask("until [ -e /sys/devices/system/cpu/cpu1 ]; do sleep 0.1; done")
}

// A guest finds the units that only newer hardware versions have.
func TestManyUnitsInTheGuest(t *testing.T) {
	l := newGuestLab(t, func(m *dc.Machine) {
		boot := m.Disks[0]
		m.Controllers = []dc.Controller{{Key: 1000, Type: dc.ControllerPVSCSI}, {Key: 1003, Type: dc.ControllerVirtio}, {Key: 31000, Type: dc.ControllerNVMe}}
		m.Drives, m.Inputs, m.Watchdog, m.SerialPorts, m.NICs, m.Version = nil, nil, nil, m.SerialPorts[:1], nil, 21
		boot.Key, boot.Controller, boot.Unit, boot.File = 2000, 1000, 0, ""
		m.Disks = []dc.Disk{boot}
		for i, at := range [][2]int32{{1003, 16}, {1003, 64}, {31000, 15}, {31000, 63}} {
			key, _ := dc.UnitKey(at[0], at[1])
			m.Disks = append(m.Disks, dc.Disk{Key: key, Controller: at[0], Unit: at[1], CapacityBytes: int64(i+1) << 20})
		}
	})
	port := l.boot()
	find(t, port.ask(`for b in /sys/block/sd*; do echo "$(readlink -f $b) $(cat $b/size)"; done; for n in /sys/block/nvme*; do echo "$(cat $n/nsid) $(cat $n/size)"; done`),
		`target\d+:0:16/\S+ 2048$`, `target\d+:0:64/\S+ 4096$`, "^16 6144$", "^64 8192$")
	// They come and go with power.
	l.m.Disks = append(slices.Clone(l.m.Disks[:2]), l.m.Disks[3:]...)
	if err := l.reconfigure(nil); err != nil {
		t.Fatal(err)
	}
	l.inLine()
	m := l.m
	m.Disks = append(slices.Clone(m.Disks), dc.Disk{Key: 2064, Controller: 1000, Unit: 16, CapacityBytes: 1 << 20})
	if err := l.d.Reconfigure(t.Context(), m, nil); dc.KindOf(err) != dc.Unsupported || !strings.Contains(err.Error(), "PVSCSI can't tell") {
		t.Errorf("a unit that the guest would not find: %v", err)
	}
}

package qemu

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hanok/dc"
)

// newStarterLab is a lab whose machine boots the starter image, with some disks besides that the site has not made yet.
func newStarterLab(t *testing.T, disks ...dc.Disk) (*lab, func(context.Context, string) (io.ReadCloser, error)) {
	t.Helper()
	l := &lab{site: newSite(t), m: tinyMachine()}
	path, err := starter()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	l.m.MemoryMB = 128
	l.m.Disks = append([]dc.Disk{{Key: 2000, Controller: 1000, CapacityBytes: info.Size(), Image: "sha256:starter"}}, disks...)
	l.m.NameDisks(l.m.Folder)
	l.reopen()
	t.Cleanup(func() {
		if err := l.d.Stop(context.Background(), l.m); err != nil {
			t.Error("stop at the end: ", err)
		}
		l.d.Close()
	})
	return l, func(context.Context, string) (io.ReadCloser, error) { return os.Open(path) }
}

// What the guest discards or trims a thin disk gives back, and a thick one keeps.
func TestDiscardInTheGuest(t *testing.T) {
	const size = 8 << 20
	l, fetch := newStarterLab(t,
		dc.Disk{Key: 2001, Controller: 1000, Unit: 1, CapacityBytes: size, Provisioning: dc.Thin},
		dc.Disk{Key: 2002, Controller: 1000, Unit: 2, CapacityBytes: size, Provisioning: dc.ThickLazyZeroed},
		dc.Disk{Key: 2003, Controller: 1000, Unit: 3, CapacityBytes: size, Provisioning: dc.ThickEager})
	if err := l.v.CreateMachine(t.Context(), l.m, fetch, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	taken := func(disk int) int64 {
		t.Helper()
		info, err := os.Stat(filepath.Join(l.folder(), l.m.Folder, fmt.Sprintf("%s_%d-flat.vmdk", l.m.Folder, disk)))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	l.start()
	port := l.serial()
	port.await("hanok-starter: ready")
	port.login()
	step := func(command string) {
		t.Helper()
		port.enter(`for u in 1 2 3; do d=$(ls /sys/bus/pci/devices/0000:00:10.0/virtio*/host*/target*:0:$u/*/block); %s || echo fai''led; done
			sync; echo fin''ished`, command) // the kernel names disks in any order
		if got := port.await("failed|finished"); got != "finished" {
			t.Fatalf("%s has failed in the guest", command)
		}
	}
	// A file system full of a file, which goes.
	step("mke2fs -F /dev/$d >/dev/null && mkdir -p /mnt/$d && mount -t ext4 /dev/$d /mnt/$d")
	step("{ dd if=/dev/urandom of=/mnt/$d/file bs=64k 2>/dev/null; sync; rm /mnt/$d/file; }")
	full := taken(1)
	if full < size/2 || taken(2) != size || taken(3) != size {
		t.Fatalf("after writing they take %d, %d and %d bytes", full, taken(2), taken(3))
	}
	step("{ sync; fstrim /mnt/$d; }")
	if got := taken(1); got > full/2 || taken(2) != size || taken(3) != size {
		t.Errorf("after fstrim they take %d, %d and %d bytes", got, taken(2), taken(3))
	}
	step("umount /mnt/$d && blkdiscard /dev/$d")
	if got := taken(1); got != 0 || taken(2) != size || taken(3) != size {
		t.Errorf("after blkdiscard they take %d, %d and %d bytes", got, taken(2), taken(3))
	}
	step("dd if=/dev/zero of=/dev/$d bs=64k 2>/dev/null; true")
	if got := taken(1); got != 0 || taken(2) != size || taken(3) != size {
		t.Errorf("after zeros they take %d, %d and %d bytes", got, taken(2), taken(3))
	}
}

// A real guest finds the hardware that was asked for, at its places.
func TestHardwareInTheGuest(t *testing.T) {
	l, fetch := newStarterLab(t, dc.Disk{Key: 2019, Controller: 1001, Unit: 3, CapacityBytes: 3 << 20})
	l.m.CPUs = 2
	l.m.Controllers = append(l.m.Controllers, dc.Controller{Key: 1001, Type: dc.ControllerVirtio})
	l.m.NICs = append(l.m.NICs, dc.NIC{Key: 4007, MAC: "52:54:00:00:00:bb", PortGroup: "network-1", Connected: true})
	if err := l.v.CreateMachine(t.Context(), l.m, fetch, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	var handle dc.Handle
	keep := func(h dc.Handle) error {
		handle = h
		return nil
	}
	// The second NIC has no cable.
	if err := l.d.Start(t.Context(), l.m, []dc.Attachment{{Key: 4000, UserMode: true}, {Key: 4007}}, keep); err != nil {
		t.Fatal(err)
	}
	port := l.serial()
	port.await("hanok-starter: ready")
	port.login()
	for _, look := range []struct{ command, want string }{
		{"hostname", `a-b-c-m-ller-id-x`},
		{"nproc", `\n2\r`},
		{"cat /sys/class/dmi/id/product_uuid", `3f2b6a10-0000-4000-8000-0000000000aa`},
		{"cat /sys/class/dmi/id/sys_vendor", `\nHanok\r`},
		{"ls -d /sys/bus/pci/devices/0000:00:10.0/virtio*/host*/target*:0:0", `/target\d+:0:0\r`},
		{"cat /sys/bus/pci/devices/0000:00:11.0/virtio*/host*/target*:0:3/*/block/*/size", `\n6144\r`}, // sda or sdb: there is no order
		{"grep . /sys/bus/pci/devices/0000:00:06.0/virtio*/net/*/address", `52:54:00:00:00:aa`},
		{"grep . /sys/bus/pci/devices/0000:00:0d.0/virtio*/net/*/address", `52:54:00:00:00:bb`},
		{"for i in eth0 eth1; do ip link set $i up; cat /sys/class/net/$i/carrier; done", `\n1\r\n0\r`},
	} {
		port.enter("%s", look.command)
		port.await(look.want)
	}
	// It finds a disk that comes, grows and goes.
	plugged := dc.Disk{Key: 2025, Controller: 1001, Unit: 9, CapacityBytes: 2 << 20, File: l.m.Folder + "/hot.vmdk"}
	change := func(disks ...dc.Disk) {
		t.Helper()
		l.m.Disks = append(l.m.Disks[:2:2], disks...)
		if err := l.reconfigure([]int32{plugged.Key}); err != nil {
			t.Fatal(err)
		}
	}
	change(plugged)
	port.enter("until [ -e /sys/block/sdc ]; do sleep 0.1; done; readlink /sys/block/sdc")
	port.await(`pci0000:00/0000:00:11\.0/virtio\d+/host\d+/target\d+:0:9/`)
	plugged.CapacityBytes = 5 << 20
	change(plugged)
	port.enter("until grep 10240 /sys/block/sdc/size; do sleep 0.1; done; echo has gr''own")
	port.await("has grown")
	change()
	port.enter("while [ -e /sys/block/sdc ]; do sleep 0.1; done; echo is go''ne")
	port.await("is gone")
	if len(handle) == 0 {
		t.Error("no handle was kept")
	}
}

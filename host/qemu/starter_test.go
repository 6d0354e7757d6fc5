package qemu

import (
	"context"
	"io"
	"os"
	"testing"

	"hanok/dc"
)

// A real guest finds the hardware that was asked for, at its places.
func TestHardwareInTheGuest(t *testing.T) {
	l := &lab{site: newSite(t), m: tinyMachine()}
	path, err := starter()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	l.m.CPUs, l.m.MemoryMB = 2, 128
	l.m.Disks = []dc.Disk{{Key: 2000, Controller: 1000, CapacityBytes: info.Size(), Image: "sha256:starter"},
		{Key: 2019, Controller: 1001, Unit: 3, CapacityBytes: 3 << 20}}
	l.m.Controllers = append(l.m.Controllers, dc.Controller{Key: 1001, Type: dc.ControllerVirtio})
	l.m.NameDisks(l.m.Folder)
	l.m.NICs = append(l.m.NICs, dc.NIC{Key: 4007, MAC: "52:54:00:00:00:bb", PortGroup: "network-1", Connected: true})
	l.reopen()
	fetch := func(context.Context, string) (io.ReadCloser, error) { return os.Open(path) }
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
	defer func() {
		if err := l.d.Stop(context.Background(), l.m); err != nil {
			t.Error(err)
		}
		l.d.Close()
	}()
	port := l.serial()
	port.await("hanok-starter: ready")
	port.login()
	for _, look := range []struct{ command, want string }{
		{"hostname", `a-b-c-m-ller-id-x`},
		{"nproc", `\n2\r`},
		{"cat /sys/class/dmi/id/product_uuid", `3f2b6a10-0000-4000-8000-0000000000aa`},
		{"cat /sys/class/dmi/id/sys_vendor", `\nHanok\r`},
		{"readlink /sys/block/sda", `pci0000:00/0000:00:10\.0/virtio\d+/host\d+/target\d+:0:0/`},
		{"readlink /sys/block/sdb", `pci0000:00/0000:00:11\.0/virtio\d+/host\d+/target\d+:0:3/`},
		{"cat /sys/block/sdb/size", `\n6144\r`},
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

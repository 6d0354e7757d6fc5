package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/host/volume"
)

// hotPlug are the SCSI controllers that tell the guest about disks which come and go.
var hotPlug = []string{adapters[dc.ControllerVirtio], adapters[dc.ControllerPVSCSI]}

// plugs reports whether disks can come, go and grow on a controller while the machine has power.
func (c change) plugs(controller int32) bool {
	n := controller - dc.FirstSCSIKey
	id := fmt.Sprintf("scsi%d", n)
	return n >= 0 && n < 4 && slices.Contains(hotPlug, cmp.Or(c.has.devices[id], c.want[id]))
}

// together reports whether a controller comes or goes with what is on it, since it does not tell the guest of disks that come to it or go
// from it alone: it has a root port, and the guest looks for disks when it finds it.
func (c change) together(controller int32) bool {
	n := controller - dc.FirstSCSIKey
	id := fmt.Sprintf("scsi%d", n)
	return n >= 0 && n < 4 && (c.has.devices[id] == "") != (c.want[id] == "") && cmp.Or(c.has.devices[id], c.want[id]) == lsiSAS &&
		c.has.devices[portID(slotSCSI+int(n))] != ""
}

// controllerOf returns the key of the controller that the disk with the name is on, as it is or is to be.
func controllerOf(name string) int32 {
	var key int32
	if _, err := fmt.Sscanf(name, "disk%d", &key); err != nil {
		return 0
	}
	return dc.ControllerOfDisk(key)
}

// checkDisks says which disks can't come or go, and why.
func (c change) checkDisks() error {
	for i, from := range []map[string]string{c.want, c.has.devices} {
		other := []map[string]string{c.has.devices, c.want}[i]
		for _, id := range slices.Sorted(maps.Keys(from)) {
			if other[id] != "" || c.movable(id) {
				continue
			}
			var why string
			switch from[id] {
			case "scsi-hd":
				why = "its controller does not tell the guest of disks that come and go; a new controller can come with its disks, and go with them"
			case "ide-hd":
				why = "in QEMU no disk comes or goes on SATA and IDE with power"
			case "nvme-ns":
				why = "in QEMU no disk comes or goes on NVMe with power"
			default:
				continue
			}
			return failure(dc.Unsupported, c.spec, "%s: %s", id, why).Fix("power it off first, or put the disk on a virtio-scsi or PVSCSI controller")
		}
	}
	return nil
}

// addController plugs a SCSI controller in, with its disks where it does not tell the guest of those that come later. Then the guest
// stands still meanwhile.
func (c change) addController(ctx context.Context, files *volume.Files, controller dc.Controller) error {
	if !c.together(controller.Key) {
		return c.plug(ctx, c.command.controller(controller))
	}
	return c.m.still(ctx, func() error {
		if err := c.plug(ctx, c.command.controller(controller)); err != nil {
			return err
		}
		for _, d := range c.spec.Disks {
			if d.Controller == controller.Key {
				if err := c.addDisk(ctx, files, d); err != nil {
					return err
				}
				c.has.devices[diskID(d.Key)], c.has.sizes[diskID(d.Key)] = "scsi-hd", d.CapacityBytes
			}
		}
		return nil
	})
}

// still does something while the CPUs are halted. An agent that dies meanwhile lets them run when it finds the machine again.
func (m *machine) still(ctx context.Context, do func() error) error {
	switch status, err := m.queryStatus(ctx); {
	case err != nil:
		return err
	case status != "running":
		return do()
	}
	m.update(func() { m.moving = true })
	defer m.update(func() { m.moving = false })
	if err := m.execute(ctx, "stop", nil, nil); err != nil {
		return err
	}
	err := do()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	if runErr := m.execute(ctx, "cont", nil, nil); err == nil {
		err = runErr
	}
	return errors.Join(err, m.refresh(ctx))
}

// addInputs plugs in the USB devices that are not there.
func (c change) addInputs(ctx context.Context) error {
	options := usb(c.spec.Hardware)
	for i, option := range options {
		for id := range c.want {
			if i > 0 && options[i-1] == "-device" && strings.HasPrefix(id, "input") && c.has.devices[id] == "" && strings.HasSuffix(option, ",id="+id) {
				if err := c.plug(ctx, option); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// addDisk plugs a disk in. A node that a change before has left without a device is replaced.
func (c change) addDisk(ctx context.Context, files *volume.Files, d dc.Disk) error {
	name := diskID(d.Key)
	if _, left := c.has.sizes[name]; left {
		if err := c.removeNode(ctx, name); err != nil {
			return err
		}
	}
	disk, err := files.Disk(d)
	if err != nil {
		return err
	}
	defer disk.File.Close()
	file, set, err := c.give(ctx, disk.File, filepath.Join(files.Path, disk.Name))
	if err != nil {
		return err
	}
	if err := c.m.execute(ctx, "blockdev-add", diskNode(d, file), nil); err != nil {
		_ = c.takeBack(context.WithoutCancel(ctx), set) // the error before is what counts
		return err
	}
	c.has.sets[name] = set
	bus := fmt.Sprintf("scsi%d", d.Controller-dc.FirstSCSIKey)
	device := map[string]any{"driver": "scsi-hd", "id": name, "drive": name, "bus": bus + ".0",
		"channel": 0, "scsi-id": d.Unit, "lun": 0, "werror": "enospc", "rerror": "report"}
	if cmp.Or(c.has.devices[bus], c.want[bus]) == lsiSAS {
		device["wwn"] = worldWideName(c.spec.UUID, d.Key)
	}
	if err := c.m.execute(ctx, "device_add", device, nil); err != nil {
		_ = c.removeNode(context.WithoutCancel(ctx), name)
		return err
	}
	return nil
}

// removeNode lets go of a disk's file.
func (c change) removeNode(ctx context.Context, name string) error {
	if err := c.m.execute(ctx, "blockdev-del", map[string]any{"node-name": name}, nil); err != nil {
		return err
	}
	if set, ok := c.has.sets[name]; ok {
		return c.takeBack(ctx, set)
	}
	return nil
}

package qemu

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/host/volume"
)

// Reconfigure implements the agent's Hypervisor. With power, disks come, go and grow on virtio-scsi and PVSCSI controllers, NICs and
// such controllers come and go where there are root ports, those of LSI with their disks, USB devices where there is a controller, CPUs
// and memory where there is room for them; media change, NICs are moved, and cables are plugged in and out. Everything else needs the power off, and then nothing is changed. The boot settings count from the next
// power-on.
func (d *Driver) Reconfigure(ctx context.Context, spec dc.Machine, nics []dc.Attachment) error {
	m, err := d.running(spec.ID)
	if err != nil {
		return err
	}
	if err := unsupported(spec); err != nil {
		return err
	}
	has, err := m.inventory(ctx)
	if err != nil {
		return err
	}
	c := change{m: m, spec: spec, has: has, command: Command{Machine: spec, NICs: nics, Type: machineType}}
	c.want = wanted(spec)
	if err := c.check(); err != nil {
		return err
	}
	files, err := d.cfg.Volume.Files(ctx, spec)
	if err != nil {
		return err
	}
	defer files.Close()
	m.update(func() { m.asked = spec })
	err = c.execute(ctx, files)
	if compareErr := m.compare(ctx); err == nil {
		err = compareErr
	}
	return err
}

// change is one Reconfigure.
type change struct {
	m    *machine
	spec dc.Machine
	has  inventory
	// want are the devices that there are to be, as in has.
	want    map[string]string
	command Command
}

// movable reports whether a device can come and go while the machine has power.
func (c change) movable(id string) bool {
	if strings.HasPrefix(id, "input") {
		return true // USB devices come and go on any bus
	}
	if c.has.devices[id] != "" && c.want[id] != "" {
		return false // it would become another model
	}
	if strings.HasPrefix(id, "disk") {
		return c.plugs(controllerOf(id)) || c.together(controllerOf(id))
	}
	var n int32
	slot := 0
	if _, err := fmt.Sscanf(id, "nic%d", &n); err == nil {
		slot = slotNIC + int(n-dc.FirstNICKey)
	} else if _, err := fmt.Sscanf(id, "scsi%d", &n); err == nil && (c.plugs(dc.FirstSCSIKey+n) || c.together(dc.FirstSCSIKey+n)) {
		slot = slotSCSI + int(n)
	}
	return slot != 0 && c.has.devices[portID(slot)] != ""
}

// check refuses what can't be done while the machine has power.
func (c change) check() error {
	refuse := func(what string) error {
		return failure(dc.Unsupported, c.spec, "that can't be changed while it has power: %s", what).Fix("power it off first")
	}
	if err := c.checkDisks(); err != nil {
		return err
	}
	said := c.has.compareDevices(c.want, c.movable)
	if said = append(said, c.checkGrowth()...); len(said) > 0 {
		return refuse(strings.Join(said, "; "))
	}
	for _, n := range c.spec.NICs {
		if was := c.m.portGroup(n.Key); c.has.wiring.fixed[n.Key] && n.PortGroup != was {
			return refuse(fmt.Sprintf("the network adapter %d stays on %s, since an older version has started the machine", n.Key, networkName(c.spec, string(was))))
		}
	}
	for _, d := range c.spec.Disks {
		is, ok := c.has.sizes[diskID(d.Key)]
		switch {
		case ok && is != d.CapacityBytes && !c.plugs(d.Controller):
			return refuse(fmt.Sprintf("the size of disk %d, whose controller does not tell the guest", d.Key))
		case ok && is > d.CapacityBytes:
			return refuse(fmt.Sprintf("disk %d has %d bytes and would lose some", d.Key, is))
		}
	}
	return nil
}

// execute does what check has allowed, where it is not done yet: first what goes, disks before the controllers that they are on, then
// what comes.
func (c change) execute(ctx context.Context, files *volume.Files) error {
	if err := c.remove(ctx); err != nil {
		return err
	}
	if err := c.grow(ctx); err != nil {
		return err
	}
	for _, controller := range c.spec.Controllers {
		if id := fmt.Sprintf("scsi%d", controller.Bus()); adapters[controller.Type] != "" && c.has.devices[id] == "" {
			if err := c.addController(ctx, files, controller); err != nil {
				return err
			}
		}
	}
	if err := c.addInputs(ctx); err != nil {
		return err
	}
	for _, d := range c.spec.Disks {
		name := diskID(d.Key)
		if c.has.devices[name] == "" {
			if err := c.addDisk(ctx, files, d); err != nil {
				return err
			}
		} else if c.has.sizes[name] != d.CapacityBytes {
			if err := c.m.execute(ctx, "block_resize", map[string]any{"node-name": name, "size": d.CapacityBytes}, nil); err != nil {
				return err
			}
		}
	}
	for _, d := range c.spec.Drives {
		if err := c.load(ctx, d); err != nil {
			return err
		}
	}
	return c.connectNICs(ctx)
}

// remove takes away what goes, and lets go of the files of disks, which a change before may have left open.
func (c change) remove(ctx context.Context) error {
	for _, kind := range []struct {
		prefix string
		remove func(context.Context, string) error
	}{{"disk", c.removeDisk}, {"nic", c.removeNIC}, {"input", c.unplug}, {"scsi", c.unplug}} {
		for id, model := range c.has.devices {
			if !strings.HasPrefix(id, kind.prefix) || c.want[id] == model || c.want[id] != "" && kind.prefix != "input" {
				continue
			}
			if err := kind.remove(ctx, id); err != nil {
				return err
			}
			delete(c.has.devices, id)
		}
	}
	for name := range c.has.sizes {
		if c.want[name] == "" {
			if err := c.removeNode(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeDisk pulls a disk out. Its controller tells the guest, which is not asked; or the controller goes, and takes the disk along.
func (c change) removeDisk(ctx context.Context, name string) error {
	if c.together(controllerOf(name)) {
		return nil
	}
	return c.unplug(ctx, name)
}

// connectNICs adds the NICs that are not there, moves those that are to be on another network, and plugs the cables of all in and out.
func (c change) connectNICs(ctx context.Context) error {
	unplugged := c.command.unplugged()
	for _, nic := range c.spec.NICs {
		if c.has.devices[nicID(nic.Key)] == "" {
			if err := c.addNIC(ctx, nic); err != nil {
				return err
			}
		} else if err := c.move(ctx, nic.Key); err != nil {
			return err
		}
		link := map[string]any{"name": nicID(nic.Key), "up": !slices.Contains(unplugged, nicID(nic.Key))}
		if err := c.m.execute(ctx, "set_link", link, nil); err != nil {
			return err
		}
	}
	return nil
}

// give gives QEMU an open file and returns the name that it has there, and its set. The caller closes the file.
func (c change) give(ctx context.Context, file *os.File, label string) (name string, set int, err error) {
	mon, err := c.m.monitor()
	if err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var given struct {
		Set int `json:"fdset-id"`
	}
	if err := mon.ExecuteFD(ctx, "add-fd", map[string]any{"opaque": label}, &given, file); err != nil {
		return "", 0, c.m.failed(err)
	}
	return fmt.Sprintf("/dev/fdset/%d", given.Set), given.Set, nil
}

// takeBack closes QEMU's file of a set, which gives up the lock on it.
func (c change) takeBack(ctx context.Context, set int) error {
	return c.m.execute(ctx, "remove-fd", map[string]any{"fdset-id": set}, nil)
}

// load puts into a drive what should lie in it. A guest that has locked the drive is not asked.
func (c change) load(ctx context.Context, d dc.Drive) error {
	name := driveID(d.Key)
	set, full := c.has.sets[name]
	if !d.Connected || d.Media == (dc.Media{}) {
		if !full {
			return nil
		}
		return c.unload(ctx, name, set)
	}
	file, path, err := c.m.d.cfg.Volume.Media(c.spec, d.Media)
	if err != nil {
		return err
	}
	defer file.Close()
	if full && c.has.labels[set] == path {
		return nil
	}
	if full {
		if err := c.unload(ctx, name, set); err != nil {
			return err
		}
	}
	given, set, err := c.give(ctx, file, path)
	if err != nil {
		return err
	}
	media := map[string]any{"id": name, "filename": given, "format": "raw", "read-only-mode": "read-only", "force": true}
	if err := c.m.execute(ctx, "blockdev-change-medium", media, nil); err != nil {
		_ = c.takeBack(context.WithoutCancel(ctx), set)
		return err
	}
	return nil
}

// unload empties a drive and lets go of the file that was in it.
func (c change) unload(ctx context.Context, name string, set int) error {
	id := map[string]any{"id": name}
	if err := c.m.execute(ctx, "blockdev-open-tray", map[string]any{"id": name, "force": true}, nil); err != nil {
		return err
	}
	if err := c.m.execute(ctx, "blockdev-remove-medium", id, nil); err != nil {
		return err
	}
	if err := c.m.execute(ctx, "blockdev-close-tray", id, nil); err != nil {
		return err
	}
	// What lay in it at the power-on has a node by this name; what was put in since has none, and is gone already.
	_ = c.m.execute(ctx, "blockdev-del", map[string]any{"node-name": name}, nil)
	return c.takeBack(ctx, set)
}

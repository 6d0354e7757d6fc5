package drivertest

import (
	"slices"

	"hanok/dc"
)

// testAttach: a disk goes from one machine to another with power; neither makes it anew, and only who has it removes it.
func testAttach(h *host) {
	first := h.created(1)
	larger, key := with(first)
	h.ok(h.ConfigureMachine(h.ctx(), larger, []int32{key}, nil, h.fetch, ignore))
	disk := larger.Disks[len(larger.Disks)-1]
	h.ok(h.ConfigureMachine(h.ctx(), first, nil, nil, h.fetch, ignore)) // which keeps its files

	found, err := h.DescribeDisk(h.ctx(), datastore, disk.File)
	h.ok(err)
	if found.File != disk.File || found.CapacityBytes != disk.CapacityBytes {
		h.Fatalf("found %+v, want %+v", found, disk)
	}
	second := h.started(2)
	attached := second
	attached.Disks = slices.Clone(second.Disks)
	added, _ := attached.AddDisk(attached.Controllers[0].Type)
	added.CapacityBytes, added.Provisioning, added.File, added.Attached = found.CapacityBytes, found.Provisioning, found.File, true
	key = added.Key

	absent := attached
	absent.Disks = slices.Clone(attached.Disks)
	absent.Disks[len(absent.Disks)-1].File = second.Folder + "/absent.vmdk"
	h.kind(h.ConfigureMachine(h.ctx(), absent, []int32{key}, nil, h.fetch, ignore), dc.NotFound)
	h.missing(absent)

	nics, err := h.Plug(h.ctx(), attached)
	h.ok(err)
	for range 2 {
		h.ok(h.ConfigureMachine(h.ctx(), attached, []int32{key}, nil, h.fetch, ignore))
		h.ok(h.Reconfigure(h.ctx(), attached, nics))
	}
	h.ok(h.FindMachine(h.ctx(), attached))
	h.ok(h.DeleteMachine(h.ctx(), first))
	h.ok(h.FindMachine(h.ctx(), attached))
	h.is(attached, dc.RunRunning)
	h.ok(h.Stop(h.ctx(), attached))
	h.ok(h.DeleteMachine(h.ctx(), attached))
	_, err = h.DescribeDisk(h.ctx(), datastore, disk.File)
	h.kind(err, dc.NotFound)
}

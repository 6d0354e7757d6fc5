package drivertest

import (
	"hanok/dc"
)

// testRegister lets a machine go, and takes its files over as another one.
func testRegister(h *host) {
	m := h.started(1)
	h.booted(m)
	h.kind(h.ReleaseMachine(h.ctx(), m), dc.Unavailable)
	h.ok(h.Stop(h.ctx(), m))
	file := m.Folder + "/" + m.Folder + ".vmx"
	found, err := h.DescribeMachine(h.ctx(), datastore, "here", file)
	h.ok(err)
	if found.Owner != m.ID {
		h.Errorf("the machine's files are %q's", found.Owner)
	}
	elsewhere := m
	elsewhere.Datastore = "datastore-absent"
	h.kind(h.ReleaseMachine(h.ctx(), elsewhere), dc.NotFound)
	h.kind(h.RegisterMachine(h.ctx(), elsewhere, dc.Registration{}), dc.NotFound)
	for range 2 {
		h.ok(h.ReleaseMachine(h.ctx(), m))
	}
	if err := h.FindMachine(h.ctx(), m); err == nil {
		h.Error("it has its files still")
	}
	h.ok(h.DeleteMachine(h.ctx(), m)) // they are not its any more

	found, err = h.DescribeMachine(h.ctx(), datastore, "here", file)
	h.ok(err)
	if found.Owner != "" || found.Name != m.Name || found.Folder != m.Folder || len(found.Hardware.Disks) != len(m.Disks) {
		h.Fatalf("found %+v", found)
	}
	for i, d := range found.Hardware.Disks {
		want := m.Disks[i]
		if d.Key != want.Key || d.Controller != want.Controller || d.CapacityBytes != want.CapacityBytes || d.File != want.File {
			h.Errorf("found the disk %+v, want %+v", d, want)
		}
		alone, err := h.DescribeDisk(h.ctx(), datastore, d.File)
		h.ok(err)
		if alone.CapacityBytes != d.CapacityBytes || alone.File != d.File {
			h.Errorf("the disk by itself is %+v, want %+v", alone, d)
		}
	}
	_, err = h.DescribeMachine(h.ctx(), datastore, "here", m.Folder+"/other.vmx")
	h.kind(err, dc.NotFound)
	_, err = h.DescribeDisk(h.ctx(), datastore, m.Folder+"/other.vmdk")
	h.kind(err, dc.NotFound)

	again := h.machine(2)
	again.Annotation, again.Name, again.Folder, again.Config, again.Hardware = found.Annotation, found.Name, found.Folder, found.Config, found.Hardware
	again.NICs = m.NICs
	for range 2 {
		h.ok(h.RegisterMachine(h.ctx(), again, dc.Registration{}))
	}
	h.ok(h.FindMachine(h.ctx(), again))
	h.kind(h.RegisterMachine(h.ctx(), m, dc.Registration{}), dc.Exists)
	h.ok(h.ReleaseMachine(h.ctx(), m))
	h.ok(h.FindMachine(h.ctx(), again))
	h.start(again)
	h.booted(again)
	h.ok(h.Stop(h.ctx(), again))
	// Files that were copied with another machine's mark are taken over by whoever says whose they are.
	h.ok(h.RegisterMachine(h.ctx(), m, dc.Registration{Owner: again.ID}))
	h.ok(h.DeleteMachine(h.ctx(), again))
	h.ok(h.FindMachine(h.ctx(), m))
	h.ok(h.DeleteMachine(h.ctx(), m))
	h.missing(m)
}

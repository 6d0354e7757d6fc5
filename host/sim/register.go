package sim

import (
	"cmp"
	"context"
	"path"
	"slices"

	"hanok/dc"
)

// DescribeMachine implements the agent's Storage: it knows the machines whose files a host of this world has made.
func (h *Host) DescribeMachine(ctx context.Context, id dc.DatastoreID, name, file string) (dc.FoundMachine, error) {
	if err := h.lock(ctx, 0); err != nil {
		return dc.FoundMachine{}, err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(id)
	if err != nil {
		return dc.FoundMachine{}, err
	}
	f := ds.folders[path.Dir(file)]
	if f == nil || path.Base(file) != configOf(f.spec) {
		return dc.FoundMachine{}, noFile(file)
	}
	found := dc.FoundMachine{Name: f.spec.Name, Folder: f.spec.Folder, Config: configOf(f.spec), Hardware: f.spec.Hardware,
		Networks: map[int32]string{}, Owner: f.owner}
	found.Hardware.NICs = slices.Clone(found.Hardware.NICs)
	for i := range found.Hardware.NICs {
		nic := &found.Hardware.NICs[i]
		if pg := dc.ID(nic.PortGroup); pg != "" {
			found.Networks[nic.Key] = cmp.Or(f.spec.Names[pg], string(pg))
		}
		nic.PortGroup = ""
	}
	for _, d := range found.Hardware.Disks {
		if !f.has(d.File) {
			return dc.FoundMachine{}, noFile(d.File)
		}
	}
	return found, nil
}

// configOf returns the name of a machine's configuration.
func configOf(m dc.Machine) string { return cmp.Or(m.Config, m.Folder+".vmx") }

func noFile(file string) error {
	return dc.Errorf(dc.NotFound, "there is no such file").On("file " + file).Fix("look what the datastore has, and name another one")
}

// DescribeDisk implements the agent's Storage.
func (h *Host) DescribeDisk(ctx context.Context, id dc.DatastoreID, file string) (dc.Disk, error) {
	if err := h.lock(ctx, 0); err != nil {
		return dc.Disk{}, err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(id)
	if err != nil {
		return dc.Disk{}, err
	}
	for _, f := range ds.folders {
		if d, has := f.disks[file]; has {
			return dc.Disk{File: file, CapacityBytes: d.CapacityBytes, Provisioning: d.Provisioning}, nil
		}
	}
	return dc.Disk{}, noFile(file)
}

// RegisterMachine implements the agent's Storage.
func (h *Host) RegisterMachine(ctx context.Context, m dc.Machine, r dc.Registration) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return err
	}
	f := ds.folders[m.Folder]
	if f != nil && f.owner == "" || f != nil && f.owner == r.Owner {
		f.owner = m.ID
	}
	if f, err = h.find(ds, m); err != nil {
		return err
	}
	for _, d := range m.Disks {
		if !f.has(d.File) {
			return diskMissing(m, d)
		}
	}
	f.spec = m
	return nil
}

// ReleaseMachine implements the agent's Storage.
func (h *Host) ReleaseMachine(ctx context.Context, m dc.Machine) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return err
	}
	if h.w.machines[m.ID] != nil {
		return dc.Errorf(dc.Unavailable, "it is in use").On(dc.Describe(dc.KindVirtualMachine, m.Name)).Fix("power it off first")
	}
	h.keep(ds, m)
	if f := ds.folders[m.Folder]; f != nil && f.owner == m.ID {
		f.owner, f.spec = "", m
	}
	return nil
}

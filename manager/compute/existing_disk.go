package compute

import (
	"context"
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// findDisks completes disks that are there already by what the host finds on the datastore, which is the machine's; id is "" for a new
// machine. Kinds: Exists for another machine's disk, Invalid for a
// disk on another datastore and for what is no disk, NotFound, Unsupported for a disk in a form that a machine can't have, Unavailable for
// one that is in use and while the host is away.
func (s *Service) findDisks(ctx context.Context, disks []dc.NewDisk, id dc.VirtualMachineID, ds dc.DatastoreID, host dc.HostID) ([]dc.NewDisk, error) {
	change := dc.HardwareChange{AddDisks: slices.Clone(disks)}
	if len(change.DiskFiles()) == 0 {
		return disks, nil
	}
	if err := change.CheckFiles(); err != nil {
		return nil, err
	}
	for i := range change.AddDisks {
		d := &change.AddDisks[i]
		switch {
		case d.File == dc.FileRef{}:
			continue
		case d.CapacityBytes != 0 || d.Provisioning != "":
			return nil, dc.Errorf(dc.Invalid, "a disk that is there already has its own capacity and provisioning").On("file " + d.File.Path).
				Fix("give its file only, and extend it later")
		case d.File.Datastore != ds:
			return nil, dc.Errorf(dc.Invalid, "it is on another datastore than the machine").On("file " + d.File.Path).
				Fix("copy it to the machine's datastore first: hanok datastore cp")
		}
		if err := checkDiskFree(s.store.View(), id, ds, d.File.Path); err != nil {
			return nil, err
		}
		reply, err := s.askFiles(ctx, host, dc.FileRequest{Op: dc.FileDescribe, FileRef: d.File})
		if err == nil && reply.Disk == nil {
			err = dc.Errorf(dc.Invalid, "it is no disk").On("file " + d.File.Path).Fix("give the path of a disk's descriptor")
		}
		if err != nil {
			return nil, err
		}
		d.CapacityBytes, d.Provisioning = reply.Disk.CapacityBytes, reply.Disk.Provisioning
	}
	return change.AddDisks, nil
}

// findAttached is findDisks for the disks of a new machine, on the datastore that it is to be on.
func (s *Service) findAttached(ctx context.Context, req CreateRequest) ([]DiskRequest, error) {
	ds, err := store.Get[*dc.Datastore](s.store.View(), dc.ID(req.Datastore))
	if err != nil {
		return nil, err
	}
	host, err := s.hostFor(ds)
	if err != nil {
		return nil, err
	}
	forms, err := s.findDisks(ctx, req.forms(), "", ds.ID, host)
	if err != nil {
		return nil, err
	}
	disks := slices.Clone(req.Disks)
	for i := range disks {
		disks[i].Form = forms[i]
	}
	return disks, nil
}

// detach takes the disks out of a machine that were there before it: they stay where it is taken back.
func detach(vm *dc.VirtualMachine) {
	h := &vm.Spec.Hardware
	h.Disks = slices.DeleteFunc(slices.Clone(h.Disks), func(d dc.Disk) bool { return d.Attached })
}

// checkAttached refuses disks of the machine that are new to it and another machine's, or on their way out of this one.
func (s *Service) checkAttached(v *store.View, vm *dc.VirtualMachine, old dc.Hardware) error {
	folder := ""
	if ds, err := store.Get[*dc.Datastore](v, dc.ID(vm.Spec.Datastore)); err == nil {
		folder = ds.Spec.Path
	}
	for _, d := range vm.Spec.Hardware.Disks {
		if !d.Attached || slices.ContainsFunc(old.Disks, func(o dc.Disk) bool { return o.File == d.File }) {
			continue
		}
		if !s.hosts.Executes(vm.Spec.Host, vm.Spec.Hardware, vm.Spec.Folder) {
			return tooOld()
		}
		if slices.Contains(vm.Spec.Discarded, d.File) {
			return dc.Errorf(dc.WrongState, "the disk %s is being removed with its files", d.File).Fix("choose another disk")
		}
		if err := checkDiskFree(v, vm.ID, vm.Spec.Datastore, d.File); err != nil {
			return err
		}
		for _, o := range s.hosts.Orphans() {
			if o.Host == vm.Spec.Host && o.Path == folder && slices.Contains(descriptors(o.Machine.Hardware), d.File) {
				return dc.Errorf(dc.Exists, "the disk %s is that of an orphan which its host has, %s", d.File, o.Machine.ID).
					Fix("take that over first: hanok vm adopt %s", o.Machine.ID)
			}
		}
	}
	return nil
}

// checkDiskFree refuses a disk that another machine than the one has claimed.
func checkDiskFree(v *store.View, id dc.VirtualMachineID, ds dc.DatastoreID, file string) error {
	holder, taken := store.Claimed(v, dc.DiskClaim(ds, file))
	if !taken || holder == dc.ID(id) {
		return nil
	}
	return dc.Errorf(dc.Exists, "the disk %s is that of %s", file, holderName(v, holder)).
		Fix("take it out of that one first: hanok vm disk remove --keep")
}

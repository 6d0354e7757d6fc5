package compute

import (
	"context"
	"fmt"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/resource"
	"hanok/manager/store"
)

// maxBatch bounds how many machines one transaction makes.
const maxBatch = 1000

// batch is what the machines of one CreateAll have in common.
type batch struct {
	// macs and folders are those that were chosen for machines of the batch.
	macs, folders map[string]bool
	// powered are the machines that get power, and taken is what they and those that have it take of each host.
	powered []*dc.VirtualMachine
	taken   map[dc.HostID]dc.Amount
}

// CreateAll makes up to 1000 machines in one transaction: all of them or none. Each request names the host and the datastore,
// which are asked at once to make the files, and with PowerOn to power the machine on; no task follows that, the machines'
// status shows it. It is how an inventory is filled; a user who makes a machine and wants to know what becomes of it calls
// Create. The IDs are in the order of the requests. The errors are those of Create, of the first request that has one, and
// of kind Exhausted, Unavailable or WrongState where a host can't hold a machine. Privileges: those of Create.
func (s *Service) CreateAll(ctx context.Context, by dc.Caller, requests []CreateRequest) ([]dc.VirtualMachineID, error) {
	if len(requests) == 0 { // who may make none anywhere learns nothing else
		if err := s.access.Authorize(by, dc.PrivVMCreate, dc.ID(dc.RootFolder)); err != nil {
			return nil, err
		}
	}
	for _, req := range requests {
		if err := s.authorizeUse(by, dc.PrivVMCreate, req); err != nil {
			return nil, err
		}
	}
	if n := len(requests); n == 0 || n > maxBatch {
		return nil, dc.Errorf(dc.Invalid, "%d machines at once are none or too many", n).Fix("make from 1 to %d at once", maxBatch)
	}
	var ids []dc.VirtualMachineID
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		b := &batch{macs: map[string]bool{}, folders: map[string]bool{}, taken: map[dc.HostID]dc.Amount{}}
		ids = ids[:0]
		for _, req := range requests {
			vm, err := s.createPlaced(tx, by, req, b)
			if err != nil {
				return on(err, dc.Describe(dc.KindVirtualMachine, req.Name))
			}
			ids = append(ids, vm.ID)
		}
		if err := s.admitBatch(tx, b); err != nil {
			return err
		}
		first, last := requests[0].Name, requests[len(requests)-1].Name
		event.Add(tx, time.Now(), dc.Event{Type: dc.EventVMCreated, Target: dc.ID(ids[0]), TargetName: first, User: by.Name,
			Message: fmt.Sprintf("%d virtual machines were created at once: from %q to %q", len(ids), first, last)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// createPlaced makes one machine of a batch where its request says.
func (s *Service) createPlaced(tx *store.Tx, by dc.Caller, req CreateRequest, b *batch) (*dc.VirtualMachine, error) {
	if req.Host == "" || req.Datastore == "" {
		return nil, dc.Errorf(dc.Invalid, "a machine that is made together with others needs a host and a datastore").Fix("name both")
	}
	vm, imageBytes, err := s.admit(tx, by, req, distinct(b.macs, random.MAC))
	if err != nil {
		return nil, err
	}
	v := tx.View()
	cluster, host, err := s.candidateOn(v, vm.Spec.Pool, req.Host)
	if err != nil {
		return nil, err
	}
	vm.Spec.Host, vm.Spec.Datastore, err = place(demand{hardware: vm.Spec.Hardware, files: filesOf(vm.Spec.Hardware), imageBytes: imageBytes, host: req.Host,
		datastore: req.Datastore, cluster: cluster}, host)
	if err != nil {
		return nil, err
	}
	vm.Spec.Folder = s.folderName(v, req.Datastore, req.Name, b.folders)
	vm.Spec.Hardware.NameDisks(vm.Spec.Folder)
	s.leavePorts(vm)
	b.folders[string(req.Datastore)+"/"+vm.Spec.Folder] = true
	if req.PowerOn {
		vm.Spec.Power = vm.NextPower(dc.PowerOn, 0)
		if err := b.admitPower(v, vm); err != nil {
			return nil, err
		}
	}
	tx.Put(vm)
	return vm, nil
}

// admitPower returns an error of kind Exhausted where the machine's host can't hold it besides the others with power, those of the
// batch with them.
func (b *batch) admitPower(v *store.View, vm *dc.VirtualMachine) error {
	host, err := store.Get[*dc.Host](v, dc.ID(vm.Spec.Host))
	if err != nil {
		return err
	}
	accelerator := host.Status.Hypervisor.Accelerator
	taken, known := b.taken[host.ID]
	if !known {
		taken = takenOf(v, host, vm.ID)
	}
	if err := dc.AdmitOnHost(vm, host.Status, taken); err != nil {
		return on(err, dc.Describe(dc.KindHost, host.Name))
	}
	b.taken[host.ID] = taken.Plus(vm.Taken(accelerator))
	b.powered = append(b.powered, vm)
	return nil
}

// admitBatch returns an error where a resource pool does not have what the batch's machines reserve, and writes the hosts, as
// whoever powers a machine on does.
func (s *Service) admitBatch(tx *store.Tx, b *batch) error {
	for id := range b.taken {
		host, err := store.Load[*dc.Host](tx, dc.ID(id))
		if err != nil {
			return err
		}
		tx.Put(host)
	}
	return s.resources.AdmitNew(tx, b.powered)
}

// candidateOn returns the one host of the pool's cluster that a request names, or none where it is elsewhere, and the cluster's
// name.
func (s *Service) candidateOn(v *store.View, pool dc.ResourcePoolID, id dc.HostID) (string, []candidate, error) {
	cluster, err := resource.ClusterOf(v, pool)
	if err != nil {
		return "", nil, err
	}
	host, err := store.Get[*dc.Host](v, dc.ID(id))
	if err != nil || host.Parent != dc.ID(cluster.ID) {
		return cluster.Name, nil, err
	}
	return cluster.Name, []candidate{s.candidate(v, host)}, nil
}

// distinct returns next without what is in used, and puts there what it returns.
func distinct(used map[string]bool, next func() string) func() string {
	return func() string {
		for {
			if s := next(); !used[s] {
				used[s] = true
				return s
			}
		}
	}
}

package compute

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

const adoptType = "VirtualMachine.adopt"

// AdoptRequest asks for an orphan to be made a machine of the inventory.
type AdoptRequest struct {
	ID dc.VirtualMachineID
	// Name is what it is to be called; "" is what its host calls it.
	Name string
	// Folder is where it is to stand in the inventory; "" is the VM folder of the data center.
	Folder dc.FolderID
	// PortGroup is what its network adapters are to be on whose own port group does not exist; "" for none.
	PortGroup dc.PortGroupID
}

// Orphans returns the machines that connected hosts which the caller may see have and that are not theirs by the store, by ID.
func (s *Service) Orphans(by dc.Caller) ([]dc.Orphan, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	v := s.store.View()
	return slices.DeleteFunc(s.hosts.Orphans(), func(o dc.Orphan) bool {
		host := v.Find(dc.ID(o.Host))
		return host == nil || !visible(host)
	}), nil
}

// Adopt makes an orphan a machine of the inventory, with its ID, its hardware and its place, and starts the task that hands it to
// its host; the machine itself runs on or stays off. Kinds: NotFound where no connected host has reported it and for what the
// request refers to, WrongState and Unsupported as dc.CheckAdoption says, and where its datastore or a port group is not in the
// inventory, Exists where its name, its folder or an address is another machine's, Invalid for a bad name and hardware that
// can't be. Privileges: those of Create, with PrivVMRegister for PrivVMCreate; an orphan of a host that the caller
// may not see is not found.
func (s *Service) Adopt(ctx context.Context, by dc.Caller, req AdoptRequest) (*dc.Task, error) {
	all, err := s.Orphans(by)
	if err != nil {
		return nil, err
	}
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) {
		i := slices.IndexFunc(all, func(o dc.Orphan) bool { return o.Machine.ID == req.ID })
		if i < 0 {
			return nil, dc.Errorf(dc.NotFound, "no connected host has it as an orphan").On("virtual machine " + string(req.ID)).
				Fix("look at the orphans, and see that its host is connected")
		}
		vm, err := s.admitOrphan(tx, by, all[i], req)
		if err != nil {
			return nil, on(err, dc.Describe(dc.KindVirtualMachine, cmp.Or(req.Name, all[i].Machine.Name)))
		}
		tx.Put(vm)
		return s.tasks.Submit(tx, by, adoptType, vm, taskArgs{})
	})
}

// admitOrphan returns the object that makes the orphan a machine of the inventory. Its power request ends those that the host
// was given before, and asks for nothing.
func (s *Service) admitOrphan(tx *store.Tx, by dc.Caller, o dc.Orphan, req AdoptRequest) (*dc.VirtualMachine, error) {
	v, m := tx.View(), o.Machine
	if err := dc.CheckAdoption(o); err != nil {
		return nil, err
	}
	if err := s.checkConnected(v, o.Host); err != nil {
		return nil, err
	}
	name := cmp.Or(req.Name, m.Name)
	if err := dc.CheckName(dc.KindVirtualMachine, name); err != nil {
		return nil, err
	}
	if err := dc.CheckHardware(m.Hardware); err != nil {
		return nil, err
	}
	if err := dc.CheckMachineResources(m.Resources, m.Hardware); err != nil {
		return nil, err
	}
	ds, err := orphanDatastore(v, o)
	if err != nil {
		return nil, err
	}
	hardware, err := orphanNetworks(v, m.Hardware, req.PortGroup)
	if err != nil {
		return nil, err
	}
	place := CreateRequest{Name: name, Folder: req.Folder, Host: o.Host, Datastore: ds}
	for _, n := range hardware.NICs {
		place.NICs = append(place.NICs, NICRequest{PortGroup: n.PortGroup})
	}
	if err := s.authorizeUse(by, dc.PrivVMRegister, place); err != nil {
		return nil, err
	}
	pool, folder, err := s.admitPlace(tx, by, dc.PrivVMRegister, place)
	if err != nil {
		return nil, err
	}
	vm := &dc.VirtualMachine{
		ID:   m.ID,
		Meta: dc.Meta{Name: name, Parent: dc.ID(folder), Created: time.Now().UTC()},
		Spec: dc.VirtualMachineSpec{Hardware: hardware, Resources: m.Resources, Pool: pool, Host: o.Host, Datastore: ds, Folder: m.Folder, Config: m.Config,
			Power: dc.PowerRequest{Generation: max(o.Generation, o.Status.Outcome.Generation) + 1}},
		Status: o.Status,
	}
	return vm, checkClaims(v, vm)
}

// orphanDatastore returns the datastore of the orphan: the one that its host says, or the one that the store knows at the same
// place.
func orphanDatastore(v *store.View, o dc.Orphan) (dc.DatastoreID, error) {
	if ds, err := store.Get[*dc.Datastore](v, dc.ID(o.Machine.Datastore)); err == nil && ds.Spec.ReachedBy(o.Host) {
		return ds.ID, nil
	}
	host := hostName(v, o.Host)
	if o.Path == "" {
		return "", dc.Errorf(dc.WrongState, "its datastore %s is not in the inventory, and %s does not know where that is", o.Machine.Datastore, host).
			Fix("find its folder %q on the host, and make a datastore of the folder above it", o.Machine.Folder)
	}
	if id, ok := store.Claimed(v, dc.PathClaim(o.Host, o.Path)); ok {
		return dc.DatastoreID(id), nil
	}
	name := string(o.Host)
	if h, err := store.Get[*dc.Host](v, dc.ID(o.Host)); err == nil {
		name = h.Name
	}
	return "", dc.Errorf(dc.WrongState, "the folder %s of %s, in which its files are, is no datastore of the inventory", o.Path, host).
		Fix("make it one: hanok datastore create NAME --host %s --path %s", name, o.Path)
}

// orphanNetworks returns the hardware with its adapters on port groups that exist.
func orphanNetworks(v *store.View, h dc.Hardware, substitute dc.PortGroupID) (dc.Hardware, error) {
	h.NICs = slices.Clone(h.NICs)
	for i, n := range h.NICs {
		if _, err := store.Get[*dc.PortGroup](v, dc.ID(n.PortGroup)); err == nil || n.PortGroup == "" {
			continue
		}
		if substitute == "" {
			return h, dc.Errorf(dc.WrongState, "the port group %s of its network adapter %d is not in the inventory", n.PortGroup, n.Key).
				Fix("name the one that it is to be on: --network")
		}
		h.NICs[i].PortGroup = substitute
	}
	return h, nil
}

// checkClaims returns an error of kind Exists that names the machine which has what vm is to have alone.
func checkClaims(v *store.View, vm *dc.VirtualMachine) error {
	for _, claim := range vm.Claims() {
		id, taken := store.Claimed(v, claim)
		if !taken || id == dc.ID(vm.ID) {
			continue
		}
		what := fmt.Sprintf("its name or its folder %q", vm.Spec.Folder)
		if mac, ok := strings.CutPrefix(claim, macClaim); ok {
			what = "the address " + mac
		} else if file, ok := strings.CutPrefix(claim, dc.DiskClaim(vm.Spec.Datastore, "")); ok {
			what = "the disk " + file
		}
		return dc.Errorf(dc.Exists, "%s is that of %s", what, holderName(v, id)).
			Fix("look at both: they may be copies of one machine; delete one, or give it another name with --name")
	}
	return nil
}

// macClaim begins the claims of adapters' addresses.
const macClaim = "mac/"

// holderName returns who holds a claim as a user knows it.
func holderName(v *store.View, id dc.ID) string {
	if vm, err := store.Get[*dc.VirtualMachine](v, id); err == nil {
		return describe(vm)
	}
	return string(id)
}

// adoptDefinition hands an orphan, whose object the service has stored already, to its host. Taken back, it is an orphan again:
// nothing was done to it.
func (s *Service) adoptDefinition() task.Definition {
	return task.Definition{Type: adoptType, Steps: []task.Step{{Name: "hand it to its host", Do: s.awaitAdoption, Undo: s.disownVM}}}
}

// awaitAdoption waits until the host has answered the first request.
func (s *Service) awaitAdoption(ctx context.Context, r *task.Run) error {
	vm, err := store.Get[*dc.VirtualMachine](r.View(), r.Task().Target)
	if err != nil {
		return err
	}
	r.ProgressFrom(func() (int, string) { return 50, cmp.Or(s.obstacle(vm), "waiting for the host to take it") })
	err = r.Wait(ctx, func(v *store.View) (bool, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, r.Task().Target)
		return err == nil && vm.Status.Outcome.Generation >= vm.Spec.Power.Generation, err
	})
	if err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		record(tx, t, vm, dc.EventVMRegistered, "adopted as it is on "+hostName(tx.View(), vm.Spec.Host))
		return nil
	})
	return nil
}

// disownVM deletes the object without a tombstone.
func (s *Service) disownVM(_ context.Context, r *task.Run) error {
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		tx.Delete(vm)
		return nil
	})
	return nil
}

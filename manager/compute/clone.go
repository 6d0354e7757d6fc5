package compute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
)

const cloneType = "VirtualMachine.clone"

// CloneRequest asks for a copy of a machine, or of a template.
type CloneRequest struct {
	Source dc.VirtualMachineID
	Name   string
	// Folder is where it stands in the inventory; "" is the VM folder of the data center.
	Folder dc.FolderID
	// Pool is what it draws from; "" is the root pool of Host's cluster, or without a Host the source's, or the root pool of its cluster.
	Pool dc.ResourcePoolID
	// Host and Datastore are where it is to be; "" leaves the choice to placement, which prefers the source's host.
	Host      dc.HostID
	Datastore dc.DatastoreID
	// CPUs and MemoryMB are the source's if zero.
	CPUs     int
	MemoryMB int64
	// Provisioning is that of all disks; "" leaves each as it is.
	Provisioning dc.Provisioning
	// Template makes a template of it, and PowerOn powers it on: one of them at most.
	Template bool
	PowerOn  bool
}

// privilege returns what the request needs on the source.
func (r CloneRequest) privilege(source *dc.VirtualMachine) dc.Privilege {
	switch {
	case source != nil && source.Spec.Template && r.Template:
		return dc.PrivCloneTemplate
	case source != nil && source.Spec.Template:
		return dc.PrivDeployTemplate
	case r.Template:
		return dc.PrivTemplateFromVM
	}
	return dc.PrivVMClone
}

// Clone admits a full copy of a machine without power and starts the task that makes it, which the task's target names. The source stays as
// it is while the task is open: others may clone it, too, and nobody may power it on, change or delete it. Kinds: those of Create;
// WrongState as dc.CheckAtRest says of the source, Conflict while a task works on it, Unavailable while its host is away.
// Privileges: on the source PrivVMClone; of a template PrivDeployTemplate; to a template PrivTemplateFromVM, or PrivCloneTemplate of one. And those
// of Create, with PrivVMFromExisting on the folder in the place of PrivVMCreate.
func (s *Service) Clone(ctx context.Context, by dc.Caller, req CloneRequest) (*dc.Task, error) {
	if err := s.checkCloneRequest(by, req); err != nil {
		return nil, err
	}
	allocated, err := s.Allocated(ctx, by, req.Source)
	if err != nil {
		return nil, err
	}
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) { return s.CloneIn(tx, by, req, allocated) })
}

// checkCloneRequest returns nil where the caller may use what the request names, and the request can be.
func (s *Service) checkCloneRequest(by dc.Caller, req CloneRequest) error {
	known, _ := store.Get[*dc.VirtualMachine](s.store.View(), dc.ID(req.Source))
	source, err := s.authorized(by, req.privilege(known), req.Source)
	if err != nil {
		return err
	}
	object := dc.Describe(dc.KindVirtualMachine, req.Name)
	if err := s.authorizeUse(by, dc.PrivVMFromExisting, cloneRequest(source, req)); err != nil {
		return err
	}
	switch {
	case req.Template && req.PowerOn:
		return dc.Errorf(dc.Invalid, "a template can't be powered on").On(object).Fix("ask for one of the two")
	case !slices.Contains([]dc.Provisioning{"", dc.Thin, dc.ThickLazyZeroed, dc.ThickEager}, req.Provisioning):
		return dc.Errorf(dc.Invalid, "provisioning: %q is none", req.Provisioning).On(object).
			Fix("give %q, %q or %q", dc.Thin, dc.ThickLazyZeroed, dc.ThickEager)
	}
	return nil
}

// CloneIn is Clone as a part of tx, with what Allocated has said before.
func (s *Service) CloneIn(tx *store.Tx, by dc.Caller, req CloneRequest, allocated map[int32]int64) (*dc.Task, error) {
	if err := s.checkCloneRequest(by, req); err != nil {
		return nil, err
	}
	object := dc.Describe(dc.KindVirtualMachine, req.Name)
	source, err := store.Get[*dc.VirtualMachine](tx.View(), dc.ID(req.Source))
	if err != nil {
		return nil, err
	}
	vm, err := s.admitClone(tx, by, source, req)
	if err != nil {
		return nil, on(err, object)
	}
	spaces, err := s.spaces(tx.View(), by, req.Datastore)
	if err != nil {
		return nil, on(err, object)
	}
	tx.Put(vm)
	args := taskArgs{Host: req.Host, Datastore: req.Datastore, Datastores: spaces, ImageBytes: needs(vm.Spec.Hardware, allocated),
		Clone: &cloneArgs{Source: source.ID, SourceName: source.Name, Host: source.Spec.Host, Deploy: source.Spec.Template, Template: req.Template}}
	if req.PowerOn {
		args.Power = &powerArgs{Op: dc.PowerOn}
	}
	t, err := s.tasks.SubmitReading(tx, by, cloneType, vm, []dc.Object{source}, args)
	if err != nil {
		return nil, err
	}
	begun, _ := args.Clone.events()
	record(tx, t, vm, begun, "being made of "+describe(source))
	return t, nil
}

// cloneRequest is the part of the request that creations have, too.
func cloneRequest(source *dc.VirtualMachine, req CloneRequest) CreateRequest {
	out := CreateRequest{Name: req.Name, Folder: req.Folder, Pool: req.Pool, Host: req.Host, Datastore: req.Datastore}
	if req.Host == "" {
		out.Pool = cmp.Or(req.Pool, source.Spec.Pool)
	}
	for _, n := range source.Spec.Hardware.NICs {
		out.NICs = append(out.NICs, NICRequest{PortGroup: n.PortGroup})
	}
	return out
}

// admitClone returns the machine that is asked for.
func (s *Service) admitClone(tx *store.Tx, by dc.Caller, source *dc.VirtualMachine, req CloneRequest) (*dc.VirtualMachine, error) {
	v := tx.View()
	if err := s.access.Authorize(by, req.privilege(source), dc.ID(source.ID)); err != nil {
		return nil, err // a mark may have come or gone
	}
	create := cloneRequest(source, req)
	if create.Pool == "" && create.Host == "" { // of a template, which has none
		pool, err := defaultPool(v, CreateRequest{Host: source.Spec.Host})
		if err != nil {
			return nil, err
		}
		create.Pool = pool
	}
	pool, folder, err := s.admitPlace(tx, by, dc.PrivVMFromExisting, create)
	if err != nil {
		return nil, err
	}
	if req.PowerOn {
		if err := s.access.Authorize(by, dc.PrivVMPowerOn, dc.ID(folder)); err != nil {
			return nil, err
		}
	}
	if err := dc.CheckAtRest(source); err != nil {
		return nil, err
	}
	if err := s.checkConnected(v, source.Spec.Host); err != nil {
		return nil, err
	}
	if err := dc.CheckName(dc.KindVirtualMachine, req.Name); err != nil {
		return nil, err
	}
	vm := &dc.VirtualMachine{
		ID:   dc.VirtualMachineID(dc.NewID(dc.KindVirtualMachine, random.Suffix())),
		Meta: dc.Meta{Name: req.Name, Parent: dc.ID(folder), Created: time.Now().UTC()},
		Spec: dc.VirtualMachineSpec{Hardware: cloneHardware(v, source, req), Annotation: source.Spec.Annotation, Pool: pool, Resources: source.Spec.Resources},
	}
	if vm.Spec.Hardware.Firmware == dc.EFI {
		vm.Spec.Variables = dc.ContentOf(source.ID, dc.VariablesKey)
	}
	if err := dc.CheckHardware(vm.Spec.Hardware); err != nil {
		return nil, err
	}
	return vm, dc.CheckMachineResources(vm.Spec.Resources, vm.Spec.Hardware)
}

// cloneHardware returns the source's hardware with identifiers and addresses of its own, disks that are copies of the source's, and what
// the request changes.
func cloneHardware(v *store.View, source *dc.VirtualMachine, req CloneRequest) dc.Hardware {
	h := source.Spec.Hardware
	h.UUID, h.InstanceUUID = random.UUID(), random.UUID()
	h.CPUs, h.MemoryMB = cmp.Or(req.CPUs, h.CPUs), cmp.Or(req.MemoryMB, h.MemoryMB)
	if h.CoresPerSocket > 1 && h.CPUs%h.CoresPerSocket != 0 {
		h.CoresPerSocket = 1
	}
	h.Disks = slices.Clone(h.Disks)
	for i := range h.Disks {
		d := &h.Disks[i]
		d.File, d.Image, d.Provisioning = "", dc.ContentOf(source.ID, d.Key), cmp.Or(req.Provisioning, d.Provisioning)
		d.Attached = false
	}
	nics := slices.Clone(h.NICs)
	h.NICs = nil
	for _, n := range nics {
		n.MAC = freeMAC(v, h.NICs, random.MAC)
		h.NICs = append(h.NICs, n)
	}
	h.SerialPorts = slices.Clone(h.SerialPorts)
	for i := range h.SerialPorts {
		h.SerialPorts[i].File = dc.Media{} // two machines don't write one file
	}
	return h
}

// needs returns how many bytes the disks take from their first moment on; allocated is what their sources have.
func needs(h dc.Hardware, allocated map[int32]int64) (bytes int64) {
	for _, d := range h.Disks {
		if d.Provisioning == dc.Thin {
			bytes += min(allocated[d.Key], d.CapacityBytes)
		} else {
			bytes += d.CapacityBytes
		}
	}
	return bytes
}

// measureTime bounds how long the source's host is asked how large its disks are.
const measureTime = 10 * time.Second

// Allocated asks the machine's host how many bytes its disks really have, by their keys. Those that it does not say are missing: then
// the copy fails where there is no room for it, and not before. Kinds: NotFound. Privilege: PrivRead.
func (s *Service) Allocated(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (map[int32]int64, error) {
	vm, err := s.authorized(by, dc.PrivRead, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	out := map[int32]int64{}
	for _, d := range vm.Spec.Hardware.Disks {
		n, err := s.allocatedOf(ctx, vm, d)
		if err != nil {
			s.log.Info("a disk that is to be copied can't be measured", "machine", vm.ID, "disk", d.Key, "err", err)
			continue
		}
		out[d.Key] = n
	}
	return out, nil
}

func (s *Service) allocatedOf(ctx context.Context, vm *dc.VirtualMachine, d dc.Disk) (int64, error) {
	flat := dc.FlatFile(d.File)
	reply, err := s.askFiles(ctx, vm.Spec.Host, dc.FileRequest{Op: dc.FileStat, FileRef: dc.FileRef{Datastore: vm.Spec.Datastore, Path: flat}})
	if err == nil && reply.File == nil {
		err = errors.New("the host does not say what the file is")
	}
	if err != nil {
		return 0, fmt.Errorf("stat %s: %w", flat, err)
	}
	return reply.File.AllocatedBytes, nil
}

package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"hanok/dc"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/task"
)

const createType = "VirtualMachine.create"

// taskArgs are the arguments of all tasks of this package, as they are kept in the store.
type taskArgs struct {
	// Host and Datastore are those that the creator asked for, or "".
	Host      dc.HostID      `json:"host,omitempty"`
	Datastore dc.DatastoreID `json:"datastore,omitempty"`
	// Datastores are those that may be chosen, where not all may: on which the creator may allocate space.
	Datastores []dc.DatastoreID `json:"datastores,omitempty"`
	ImageBytes int64            `json:"imageBytes,omitempty"`
	// Created is set when the machine's creation was recorded as an event.
	Created bool `json:"created,omitempty"`
	// Package is what the machine is imported from, as Packages knows it.
	Package json.RawMessage `json:"package,omitempty"`
	// Clone says what the machine is a copy of; nil for one that is none.
	Clone *cloneArgs `json:"clone,omitempty"`
	// Power is the power operation, or nil for none.
	Power *powerArgs `json:"power,omitempty"`
}

// createDefinition makes a machine whose object the service has stored already. Its first undo takes everything back: the
// tombstone makes the host power off and delete whatever it has.
func (s *Service) createDefinition() task.Definition {
	return task.Definition{Type: createType, Steps: append([]task.Step{
		{Name: "choose a place", Do: s.placeVM, Undo: s.removeVM},
		{Name: "make the files", Do: s.awaitFiles},
	}, s.powerSteps()...)}
}

// placeVM chooses host, datastore and folder in the transaction that ends the step, when there is a host that answers.
func (s *Service) placeVM(ctx context.Context, r *task.Run) error {
	return s.placeWith(ctx, r, func(_ *store.View, vm *dc.VirtualMachine) { s.leavePorts(vm) })
}

// placeWith is placeVM; complete may change the machine, which has its place then.
func (s *Service) placeWith(ctx context.Context, r *task.Run, complete func(v *store.View, vm *dc.VirtualMachine)) error {
	var args taskArgs
	if err := r.Args(&args); err != nil {
		return err
	}
	r.Progress(0, "waiting for a host")
	err := awaitHost(ctx, r, func(v *store.View, vm *dc.VirtualMachine) bool {
		_, _, err := s.place(v, vm, args)
		return dc.KindOf(err) != dc.Unavailable
	})
	if err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		v := tx.View()
		host, ds, err := s.place(v, vm, args)
		if err != nil {
			return on(err, describe(vm))
		}
		tx.Exists(dc.ID(host))
		tx.Exists(dc.ID(ds))
		vm.Spec.Host, vm.Spec.Datastore, vm.Spec.Folder = host, ds, s.folderName(v, ds, vm.Name, nil)
		vm.Spec.Hardware.NameDisks(vm.Spec.Folder)
		if err := s.checkAttached(v, vm, dc.Hardware{}); err != nil {
			return on(err, describe(vm))
		}
		complete(v, vm)
		tx.Put(vm)
		return nil
	})
	return nil
}

// hostPatience is how long a task waits at its beginning for hosts that do not answer: those of a manager that has just
// started connect again one by one.
const hostPatience = 30 * time.Second

// awaitHost waits until ready or for hostPatience; what is missing then is the next check's to say.
func awaitHost(ctx context.Context, r *task.Run, ready func(v *store.View, vm *dc.VirtualMachine) bool) error {
	patient, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	err := r.Wait(patient, func(v *store.View) (bool, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, r.Task().Target)
		return err == nil && ready(v, vm), err
	})
	if patient.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// place chooses a place by what the view says.
func (s *Service) place(v *store.View, vm *dc.VirtualMachine, args taskArgs) (dc.HostID, dc.DatastoreID, error) {
	cluster, candidates, err := s.candidates(v, vm.Spec.Pool)
	if err != nil {
		return "", "", err
	}
	d := demand{hardware: vm.Spec.Hardware, imageBytes: args.ImageBytes, host: args.Host, datastore: args.Datastore, datastores: args.Datastores, cluster: cluster}
	if args.Clone == nil {
		d.files = filesOf(vm.Spec.Hardware)
	} else {
		d.near, d.copied = args.Clone.Host, true
	}
	return place(d, candidates)
}

// candidates returns the hosts of the pool's cluster with what they reach, and the cluster's name.
func (s *Service) candidates(v *store.View, pool dc.ResourcePoolID) (string, []candidate, error) {
	cluster, err := resource.ClusterOf(v, pool)
	if err != nil {
		return "", nil, err
	}
	var candidates []candidate
	for host := range store.Children[*dc.Host](v, dc.ID(cluster.ID)) {
		candidates = append(candidates, s.candidate(v, host))
	}
	return cluster.Name, candidates, nil
}

// candidate returns a host with what it reaches.
func (s *Service) candidate(v *store.View, host *dc.Host) candidate {
	return candidate{host: host, givenMB: store.GivenOn(v, host.ID).MemoryMB,
		executes:   func(h dc.Hardware) bool { return s.hosts.Executes(host.ID, h, "") },
		datastores: func() []target { return s.targets(v, host.ID) }}
}

// targets returns the datastores that a host reaches.
func (s *Service) targets(v *store.View, host dc.HostID) []target {
	var all []target
	for ds := range store.DatastoresOf(v, host) {
		t := target{datastore: ds}
		if usage, ok := s.hosts.Usage(ds.ID); ok {
			t.usage = &usage
		}
		all = append(all, t)
	}
	return all
}

// awaitFiles waits until the host has made the machine's files.
func (s *Service) awaitFiles(ctx context.Context, r *task.Run) error {
	return s.awaitMade(ctx, r, "making the files", func(tx *store.Tx, t *dc.Task, vm *dc.VirtualMachine, _ *taskArgs) {
		record(tx, t, vm, dc.EventVMCreated, fmt.Sprintf("created on %s", hostName(tx.View(), vm.Spec.Host)))
	})
}

// awaitMade waits until the host has made the machine's files, by which doing is meant. made is part of the end of the step, records it, and
// may change the machine.
func (s *Service) awaitMade(ctx context.Context, r *task.Run, doing string, made func(*store.Tx, *dc.Task, *dc.VirtualMachine, *taskArgs)) error {
	vm, err := store.Get[*dc.VirtualMachine](r.View(), r.Task().Target)
	if err != nil {
		return err
	}
	r.ProgressFrom(func() (int, string) {
		if obstacle := s.obstacle(vm); obstacle != "" {
			return 0, obstacle
		}
		done, total, ok := s.hosts.Progress(vm.ID)
		if !ok || total <= 0 {
			return 0, doing
		}
		return int(100 * done / total), fmt.Sprintf("%s: %d of %d MB", doing, done>>20, total>>20)
	})
	err = r.Wait(ctx, func(v *store.View) (bool, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, r.Task().Target)
		if err != nil {
			return false, err
		}
		if f := vm.Status.FilesFailure; f != nil {
			return false, reported(vm, *f)
		}
		return vm.Status.Files == dc.FilesReady, nil
	})
	if err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		var args taskArgs
		if err := task.Args(t, &args); err != nil {
			return err
		}
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		made(tx, t, vm, &args)
		tx.Put(vm)
		args.Created = true
		return task.SetArgs(t, args)
	})
	return nil
}

// removeVM takes a new machine back, whatever there is of it by now.
func (s *Service) removeVM(ctx context.Context, r *task.Run) error {
	err := r.Change(ctx, func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, r.Task().Target)
		if err != nil || vm.Spec.Deleted {
			return err
		}
		vm.Spec.Deleted = true
		detach(vm)
		tx.Put(vm)
		return nil
	})
	if err != nil {
		return err
	}
	var args taskArgs
	if err := r.Args(&args); err != nil {
		return err
	}
	return s.forgetVM(ctx, r, args.Created)
}

// obstacle says why a task stands still that waits for a machine's host: it is away, or can't do what is asked of it now.
// Without such a reason it is empty.
func (s *Service) obstacle(vm *dc.VirtualMachine) string {
	if vm.Spec.Host == "" {
		return ""
	}
	v := s.store.View()
	host := hostName(v, vm.Spec.Host)
	if !s.hosts.Connected(vm.Spec.Host) {
		return host + " is not connected; waiting for it to come back"
	}
	if now, err := store.Get[*dc.VirtualMachine](v, dc.ID(vm.ID)); err == nil && now.Status.Blocked != nil {
		return "waiting: " + on(now.Status.Blocked.Err(), host).Error()
	}
	return ""
}

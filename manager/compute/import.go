package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
	"hanok/manager/task"
)

const importType = "ResourcePool.ImportVAppLRO"

// Packages is where the disks of imported machines come from. What it gets as pkg is what Import was called with. Every method may
// be called again after a crash, and does then what is left.
type Packages interface {
	// Unpack makes the contents of the machine's disks and returns their digests in the order of the request's disks, "" for an
	// empty one. Nothing is to be found by its digest yet.
	Unpack(ctx context.Context, r *task.Run, pkg json.RawMessage) ([]string, error)
	// Keep lets hosts find the contents that Unpack has made; the machine has their digests now.
	Keep(r *task.Run, pkg json.RawMessage, vm *dc.VirtualMachine) error
	// Drop removes the package and all that was made of it, but what others use.
	Drop(r *task.Run, pkg json.RawMessage, vm *dc.VirtualMachine) error
}

// ImportFrom registers the task that makes machines of packages. It is called once, before the engine runs.
func (s *Service) ImportFrom(p Packages) { s.tasks.Register(s.ImportDefinition(p)) }

// CheckImport returns the error that Import would have whatever the package is: so that a user hears of it before he sends one.
// The request's hardware is not looked at. Privileges: those of Import.
func (s *Service) CheckImport(ctx context.Context, by dc.Caller, req CreateRequest) error {
	if err := s.authorizeUse(by, dc.PrivVMCreate, req); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		pool, folder, err := s.admitPlace(tx, by, dc.PrivVMCreate, req)
		if err == nil {
			err = s.authorizeImport(by, pool, folder, req.PowerOn)
		}
		if err == nil {
			err = dc.CheckName(dc.KindVirtualMachine, req.Name)
		}
		return on(err, dc.Describe(dc.KindVirtualMachine, req.Name))
	})
}

// PortGroups returns the port groups of the data center in which the machine of a request is to be, by name: those that the caller may
// see, and no name that several have. The request's hardware is not looked at. The errors are those of Import.
func (s *Service) PortGroups(ctx context.Context, by dc.Caller, req CreateRequest) (map[string]dc.PortGroupID, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	var out map[string]dc.PortGroupID
	err = s.store.Change(ctx, func(tx *store.Tx) error {
		_, folder, err := s.admitPlace(tx, by, dc.PrivVMCreate, req)
		if err != nil {
			return on(err, dc.Describe(dc.KindVirtualMachine, req.Name))
		}
		v := tx.View()
		home := datacenterOf(v, dc.ID(folder))
		out = map[string]dc.PortGroupID{}
		for pg := range store.List[*dc.PortGroup](v) {
			switch _, twice := out[pg.Name]; {
			case !visible(pg) || datacenterOf(v, dc.ID(pg.ID)) != home:
			case twice:
				out[pg.Name] = ""
			default:
				out[pg.Name] = pg.ID
			}
		}
		maps.DeleteFunc(out, func(_ string, id dc.PortGroupID) bool { return id == "" })
		return nil
	})
	return out, err
}

func (s *Service) authorizeImport(by dc.Caller, pool dc.ResourcePoolID, folder dc.FolderID, powerOn bool) error {
	if err := s.access.Authorize(by, dc.PrivVAppImport, dc.ID(pool)); err != nil || !powerOn {
		return err
	}
	return s.access.Authorize(by, dc.PrivVMPowerOn, dc.ID(folder))
}

// Import admits a new machine whose disks get their contents from a package, and starts the task that makes it; contentBytes is how
// many bytes those are. Until the task has ended the package is its. The errors are those of Create. Privileges: those of Create,
// and PrivVAppImport on the resource pool.
func (s *Service) Import(ctx context.Context, by dc.Caller, req CreateRequest, pkg any, contentBytes int64) (*dc.Task, error) {
	if err := s.authorizeUse(by, dc.PrivVMCreate, req); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(pkg)
	if err != nil {
		return nil, fmt.Errorf("encode the package: %w", err)
	}
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) {
		vm, imageBytes, err := s.admit(tx, by, req, random.MAC)
		if err == nil {
			err = s.access.Authorize(by, dc.PrivVAppImport, dc.ID(vm.Spec.Pool))
		}
		if err != nil {
			return nil, on(err, dc.Describe(dc.KindVirtualMachine, req.Name))
		}
		spaces, err := s.spaces(tx.View(), by, req.Datastore)
		if err != nil {
			return nil, on(err, dc.Describe(dc.KindVirtualMachine, req.Name))
		}
		tx.Put(vm)
		args := taskArgs{Host: req.Host, Datastore: req.Datastore, Datastores: spaces, ImageBytes: imageBytes + contentBytes, Package: encoded}
		if req.PowerOn {
			args.Power = &powerArgs{Op: dc.PowerOn}
		}
		return s.tasks.Submit(tx, by, importType, vm, args)
	})
}

// ImportDefinition is the task of Import, for tests of its packages: it makes a machine whose object Import has stored already. It gets its place when its disks are unpacked, so that
// no host knows it before. Its first undo takes everything back.
func (s *Service) ImportDefinition(p Packages) task.Definition {
	with := func(do func(r *task.Run, pkg json.RawMessage, vm *dc.VirtualMachine) error) func(context.Context, *task.Run) error {
		return func(_ context.Context, r *task.Run) error {
			var args taskArgs
			if err := r.Args(&args); err != nil {
				return err
			}
			vm, err := store.Get[*dc.VirtualMachine](r.View(), r.Task().Target)
			if err != nil {
				return err
			}
			return do(r, args.Package, vm)
		}
	}
	steps := []task.Step{
		{Name: "unpack the disks", Do: unpack(p), Undo: func(ctx context.Context, r *task.Run) error {
			if err := s.removeVM(ctx, r); err != nil {
				return err
			}
			return with(p.Drop)(ctx, r)
		}},
		{Name: "keep the disks", Do: with(p.Keep)},
		{Name: "choose a place", Do: s.placeVM},
		{Name: "make the files", Do: s.awaitFiles},
	}
	steps = append(steps, s.powerSteps()...)
	return task.Definition{Type: importType, Steps: append(steps, task.Step{Name: "remove the package", Final: true, Do: with(p.Drop)})}
}

// unpack makes the contents, and gives the machine's disks their digests.
func unpack(p Packages) func(context.Context, *task.Run) error {
	return func(ctx context.Context, r *task.Run) error {
		var args taskArgs
		if err := r.Args(&args); err != nil {
			return err
		}
		digests, err := p.Unpack(ctx, r, args.Package)
		if err != nil {
			return err
		}
		r.Finish(func(tx *store.Tx, t *dc.Task) error {
			vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
			if err != nil {
				return err
			}
			if len(digests) != len(vm.Spec.Hardware.Disks) {
				return fmt.Errorf("%d contents for %d disks", len(digests), len(vm.Spec.Hardware.Disks))
			}
			for i, digest := range digests {
				vm.Spec.Hardware.Disks[i].Image = digest
			}
			tx.Put(vm)
			return nil
		})
		return nil
	}
}

// Package bulk does one operation with many objects of the inventory: one call, one task, one result for each object. What is done
// with an object is the operation of the room that it belongs to, in one transaction with the mark that it was begun, so that nothing
// is done twice whatever crashes: see dc.Task.Batch.
//
// It decides nothing about an object, and knows no operation of its own: packages compute, hostsystem, resource, inventory, tag,
// attribute and access do. Privileges are theirs, too, and are checked when an object's turn comes. The facades call Service.
package bulk

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/attribute"
	"hanok/manager/compute"
	"hanok/manager/guard"
	"hanok/manager/hostsystem"
	"hanok/manager/inventory"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/tag"
	"hanok/manager/task"
)

// Config is what the service works with. All fields are needed.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// Tasks gets this package's definitions.
	Tasks     *task.Engine
	Machines  *compute.Service
	Hosts     *hostsystem.Service
	Pools     *resource.Service
	Inventory *inventory.Service
	Tags      *tag.Service
	Fields    *attribute.Service
	Log       *slog.Logger
}

// Service starts bulk tasks. It is safe for concurrent use.
type Service struct{ Config }

// New returns the service and registers its task definitions with c.Tasks.
func New(c Config) *Service {
	s := &Service{c}
	c.Tasks.Register(s.definitions()...)
	return s
}

// The names of the tasks that delete something with everything in it are vSphere's; bulkType is that of an operation with many objects.
const (
	destroyFolderType     = "Folder.destroy"
	destroyDatacenterType = "Datacenter.destroy"
	destroyClusterType    = "ClusterComputeResource.destroy"
)

func bulkType(op dc.BulkOp) string { return "Bulk." + string(op) }

// definitions are one for each operation, with the same step.
func (s *Service) definitions() []task.Definition {
	types := []string{destroyFolderType, destroyDatacenterType, destroyClusterType}
	for _, op := range dc.BulkOps() {
		types = append(types, bulkType(op))
	}
	var out []task.Definition
	for _, typ := range types {
		out = append(out, task.Definition{Type: typ, Steps: []task.Step{{Name: workStep, Do: s.work, Undo: s.stop}}})
	}
	return out
}

// args are the arguments of a bulk task: what is to be done, and who asked. His rights are those of the moment when an object's turn
// comes.
type args struct {
	By   dc.Caller `json:"by"`
	Bulk dc.Bulk   `json:"bulk"`
}

// Start starts the task that does an operation with objects: those of b, of which each may be there once, and those selected
// that the caller may see, if selection is not nil. The task succeeds when every object had its turn, and has a result for each; one
// that is canceled has them, too. Kinds: those of dc.CheckBulk. A request of which the caller may do nothing is refused as a request
// about its first object alone. Deletions are guarded: WrongState where b.Confirmed is needed. Privilege: the operation's on each object, when its turn comes.
func (s *Service) Start(ctx context.Context, by dc.Caller, b dc.Bulk, selection *dc.BulkSelection) (*dc.Task, error) {
	return s.StartWith(ctx, by, b, selection, alone)
}

// alone is nothing more.
func alone(*store.Tx, *dc.Task) error { return nil }

// StartWith is Start with more in the transaction that submits the task, which may be tried several times.
func (s *Service) StartWith(ctx context.Context, by dc.Caller, b dc.Bulk, selection *dc.BulkSelection,
	with func(tx *store.Tx, submitted *dc.Task) error) (*dc.Task, error) {
	if err := s.Access.Authenticated(by); err != nil {
		return nil, err
	}
	var err error
	if b.Objects, err = s.Objects(by, b.Objects, selection); err != nil {
		return nil, err
	}
	if err := cmp.Or(dc.CheckBulk(b), s.checkAny(by, b)); err != nil {
		return nil, err
	}
	if b.Clone != nil {
		clone := b.Clone.At(time.Now().UTC())
		b.Clone = &clone
	}
	root, err := store.Get[*dc.Folder](s.Store.View(), dc.ID(dc.RootFolder))
	if err != nil {
		return nil, err
	}
	return s.submit(ctx, by, bulkType(b.Op), root, b.What(), []string{"bulk/" + random.Suffix()}, b, with)
}

// Objects returns the objects that are named and those of the selection, if it is not nil, that the caller may see: each once. The error is
// of kind Unauthenticated.
func (s *Service) Objects(by dc.Caller, named []dc.BulkObject, selection *dc.BulkSelection) ([]dc.BulkObject, error) {
	if err := s.Access.Authenticated(by); err != nil {
		return nil, err
	}
	all := slices.Clone(named)
	if selection != nil {
		selected, err := s.selected(by, *selection)
		if err != nil {
			return nil, err
		}
		all = append(all, selected...)
	}
	seen := map[dc.ID]bool{}
	return slices.DeleteFunc(all, func(o dc.BulkObject) bool {
		again := o.ID != "" && seen[o.ID]
		seen[o.ID] = true
		return again
	}), nil
}

// checkAny returns nil where the caller may do the operation with one of the objects at least.
func (s *Service) checkAny(by dc.Caller, b dc.Bulk) (first error) {
	for _, o := range b.Objects {
		err := o.Failure.Err()
		if o.Failure == nil {
			p, ok := b.Op.Privilege(o.ID.Kind())
			if !ok {
				p = dc.PrivRead // whoever may not even do that learns nothing else
			}
			err = cmp.Or(s.Access.Authorize(by, p, o.ID), b.Op.CheckKind(o.ID.Kind()))
		}
		if err == nil {
			return nil
		}
		first = cmp.Or(first, err)
	}
	return first
}

// Destroy starts the task that deletes a folder, a data center or a cluster with everything in it, machines first, as vSphere's Destroy does:
// each object as by itself, so that machines go with their files, and hosts leave the inventory. What can't be deleted stays with what it is in; the
// task's results say what that is, and why. Kinds: NotFound; Invalid for other objects, and for one with more than dc.MaxBulk objects;
// WrongState for the root folder, the folders that belong to a data center and the compute resource of one host, while hosts in it are in
// service, and without the confirmation that is needed; Conflict while another task works on it. Privilege: dc.DeletePrivilege's, and on each object its own.
func (s *Service) Destroy(ctx context.Context, by dc.Caller, id dc.ID, confirmed int) (*dc.Task, error) {
	privilege, _ := dc.DeletePrivilege(cmp.Or(id.Kind(), dc.KindFolder))
	if err := s.Access.Authorize(by, privilege, id); err != nil {
		return nil, err
	}
	v := s.Store.View()
	target := v.Find(id)
	typ, err := checkDestroy(v, target)
	if err != nil {
		return nil, err
	}
	described := dc.Describe(id.Kind(), target.Metadata().Name)
	content := inventory.Content(v, id)
	if len(content) > dc.MaxBulk {
		return nil, dc.Errorf(dc.Invalid, "it is %d objects with what is in it", len(content)).On(described).
			Fix("delete folders in it first: %d objects at most in one call", dc.MaxBulk)
	}
	b := dc.Bulk{Op: dc.BulkDelete, Confirmed: confirmed}
	for i, o := range content {
		rank := i + 1 // one after the other
		switch o := o.(type) {
		case *dc.VirtualMachine:
			rank = 0
		case *dc.Host:
			if err := hostsystem.CheckOutOfService(o); err != nil {
				return nil, err
			}
		}
		b.Objects = append(b.Objects, dc.BulkObject{ID: o.Identity(), Name: o.Metadata().Name, Rank: rank})
	}
	return s.submit(ctx, by, typ, target, "", nil, b, alone)
}

// checkDestroy returns the type of the task that deletes an object with everything in it, where there may be one.
func checkDestroy(v *store.View, o dc.Object) (string, error) {
	switch o := o.(type) {
	case *dc.Folder:
		return destroyFolderType, inventory.CheckOwn(v, o)
	case *dc.Datacenter:
		return destroyDatacenterType, nil
	case *dc.Cluster:
		return destroyClusterType, inventory.CheckCluster(o)
	}
	return "", dc.Errorf(dc.Invalid, "it is not deleted with what is in it").On(dc.Describe(o.Kind(), o.Metadata().Name)).
		Fix("choose a folder, a data center or a cluster")
}

func (s *Service) submit(ctx context.Context, by dc.Caller, typ string, target dc.Object, what string, parts []string, b dc.Bulk,
	with func(*store.Tx, *dc.Task) error) (submitted *dc.Task, err error) {
	by.Session = "" // the task outlives it
	change := s.Store.Change
	if b.Op == dc.BulkDelete {
		var ids []dc.ID
		for _, o := range b.Objects {
			if o.ID != "" {
				ids = append(ids, o.ID)
			}
		}
		change = func(ctx context.Context, fn func(*store.Tx) error) error {
			return guard.ChangeMany(ctx, s.Store, by, ids, b.Confirmed, fn)
		}
	}
	err = change(ctx, func(tx *store.Tx) error {
		if submitted, err = s.Tasks.SubmitFor(tx, by, typ, target, what, parts, args{By: by, Bulk: b}); err != nil {
			return err
		}
		return with(tx, submitted)
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

// selected returns the objects that a selection means and the caller may see, by name.
func (s *Service) selected(by dc.Caller, q dc.BulkSelection) (out []dc.BulkObject, _ error) {
	visible, err := s.Access.Visible(by)
	if err != nil {
		return nil, err
	}
	v, kind := s.Store.View(), cmp.Or(q.Kind, dc.KindVirtualMachine)
	for o := range inventory.Objects(v) {
		if o.Kind() != kind || !visible(o) ||
			q.Folder != "" && !inventory.Below(v, o.Identity(), dc.ID(q.Folder)) || q.Pool != "" && !inPool(v, o, q.Pool) ||
			slices.ContainsFunc(q.Tags, func(id dc.TagID) bool { return !slices.Contains(o.Metadata().Tags, id) }) {
			continue
		}
		out = append(out, dc.BulkObject{ID: o.Identity(), Name: o.Metadata().Name})
	}
	slices.SortFunc(out, func(a, b dc.BulkObject) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// inPool reports whether an object is a machine in the pool or in one below it.
func inPool(v *store.View, o dc.Object, pool dc.ResourcePoolID) bool {
	vm, ok := o.(*dc.VirtualMachine)
	return ok && slices.ContainsFunc(resource.Chain(v, vm.Spec.Pool), func(p *dc.ResourcePool) bool { return p.ID == pool })
}

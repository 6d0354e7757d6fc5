// Package inventory keeps the tree in which everything of the data center stands, besides the virtual machines: data
// centers, folders, clusters with their resource pools, datastores, port groups; and the images, which stand in no tree.
// It also turns what users write (names, inventory paths, IDs) into IDs, for objects of every kind in the tree.
//
// Every creation and removal is recorded as an event in the same transaction. A new object makes the existence of its
// parent a condition of its transaction; an object is removed only while nothing is in it and nothing uses it, which the
// store's claims guarantee against whatever happens at the same time (dc.ChildClaims, dc.UseClaim).
//
// Virtual machines are package compute's; hosts join through package dispatch and are only listed here. The dialects call
// this package for their users, and the manager calls it for itself as dc.System.
package inventory

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Service keeps the inventory. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	log    *slog.Logger
}

// New returns the service over the store's inventory.
func New(st *store.Store, acc *access.Service, log *slog.Logger) *Service {
	return &Service{store: st, access: acc, log: log}
}

// list returns the objects of a type that the caller may see, by name, and by ID where names are the same. They are shared and must not be
// changed.
func list[T dc.Object](s *Service, by dc.Caller) ([]T, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	var out []T
	for o := range store.List[T](s.store.View()) {
		if visible(o) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b T) int {
		return cmp.Or(cmp.Compare(a.Metadata().Name, b.Metadata().Name), cmp.Compare(a.Identity(), b.Identity()))
	})
	return out, nil
}

// The folders of a data center in which objects are created.
func hostFolder(d *dc.Datacenter) dc.FolderID    { return d.HostFolder }
func networkFolder(d *dc.Datacenter) dc.FolderID { return d.NetworkFolder }

// folderIn returns the folder of a data center in which an object is to be created, for a caller who may do that.
func (s *Service) folderIn(by dc.Caller, p dc.Privilege, id dc.DatacenterID, folder func(*dc.Datacenter) dc.FolderID) (dc.FolderID, error) {
	d, err := store.Get[*dc.Datacenter](s.store.View(), dc.ID(id))
	if err != nil {
		return "", cmp.Or(s.access.Authorize(by, p, dc.ID(id)), err) // the first one says who may know that it is not there
	}
	return folder(d), s.access.Authorize(by, p, dc.ID(folder(d)))
}

// checkHolds returns an error of kind Invalid unless the folder holds what folders of the type do.
func checkHolds(v *store.View, id dc.FolderID, typ dc.FolderType) error {
	f, err := store.Get[*dc.Folder](v, dc.ID(id))
	if err == nil && f.Type != typ {
		return dc.Errorf(dc.Invalid, "it is a folder of the type %q", f.Type).On(dc.Describe(dc.KindFolder, f.Name)).Fix("choose one of the type %q", typ)
	}
	return err
}

// newMeta returns the common part of a new object.
func newMeta(name string, parent dc.ID) dc.Meta {
	return dc.Meta{Name: name, Parent: parent, Created: time.Now().UTC()}
}

// newID returns an ID that was never used.
func newID(kind dc.Kind) dc.ID { return dc.NewID(kind, random.Suffix()) }

// created stores a new object and records it.
func created(tx *store.Tx, by dc.Caller, typ dc.EventType, o dc.Object) {
	if parent := o.Metadata().Parent; parent != "" {
		tx.Exists(parent)
	}
	tx.Put(o)
	record(tx, by, typ, o, "created")
}

// removed deletes an object and records it, unless something is left in it or uses it: the error of kind WrongState then
// names that. left is what the transaction's view shows; should more come until the commit, the store runs the
// transaction again.
func removed(tx *store.Tx, by dc.Caller, typ dc.EventType, o dc.Object, left []dc.Object) error {
	if len(left) > 0 {
		return &dc.Error{Kind: dc.WrongState, Object: dc.Describe(o.Kind(), o.Metadata().Name),
			Message: "it still has " + names(left), Remedy: "delete that first"}
	}
	tx.Delete(o)
	record(tx, by, typ, o, "removed")
	return nil
}

// maxNames is how many objects an error lists by name.
const maxNames = 3

// names lists the first few objects as a user knows them.
func names(objects []dc.Object) string {
	var out []string
	for _, o := range objects[:min(maxNames, len(objects))] {
		out = append(out, dc.Describe(o.Kind(), o.Metadata().Name))
	}
	if more := len(objects) - maxNames; more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, ", ")
}

func record(tx *store.Tx, by dc.Caller, typ dc.EventType, o dc.Object, what string) {
	name := o.Metadata().Name
	message := dc.Describe(o.Kind(), name) + " was " + what + "."
	event.Add(tx, time.Now(), dc.Event{Type: typ, Target: o.Identity(), TargetName: name, User: by.Name,
		Message: strings.ToUpper(message[:1]) + message[1:]})
}

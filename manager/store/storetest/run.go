package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// Run runs the suite. open returns an empty store and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"object", objectTests}, {"claim", claimTests}, {"delete", deleteTests}, {"conflict", conflictTests},
		{"fence", fenceTests}, {"view", viewTests}, {"changes", changesTests}, {"dump", dumpTests},
		{"life", lifeTests},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, tt := range g.tests {
				t.Run(tt.name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					defer cancel()
					tt.run(&bench{T: t, Store: open(t), ctx: ctx})
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(b *bench)
}

// bench is a test with a store and short words for what the tests do.
type bench struct {
	*testing.T
	*store.Store
	ctx context.Context
}

// change makes a change that must succeed.
func (b *bench) change(fn func(tx *store.Tx) error) {
	b.Helper()
	if err := b.Change(b.ctx, fn); err != nil {
		b.Fatalf("Change: %v", err)
	}
}

// put stores objects in one change that must succeed.
func (b *bench) put(objs ...dc.Object) {
	b.Helper()
	b.change(func(tx *store.Tx) error {
		for _, o := range objs {
			tx.Put(o)
		}
		return nil
	})
}

// try stores one object and returns the error.
func (b *bench) try(obj dc.Object) error {
	return b.Change(b.ctx, func(tx *store.Tx) error { tx.Put(obj); return nil })
}

// remove deletes one object and returns the error.
func remove[T dc.Object](b *bench, id dc.ID) error {
	return b.Change(b.ctx, func(tx *store.Tx) error {
		obj, err := store.Load[T](tx, id)
		if err != nil {
			return err
		}
		tx.Delete(obj)
		return nil
	})
}

// update loads, edits and puts one object.
func update[T dc.Object](s *store.Store, ctx context.Context, id dc.ID, edit func(T)) error {
	return s.Change(ctx, func(tx *store.Tx) error {
		obj, err := store.Load[T](tx, id)
		if err != nil {
			return err
		}
		edit(obj)
		tx.Put(obj)
		return nil
	})
}

// get returns an object that must be there.
func get[T dc.Object](b *bench, id dc.ID) T {
	b.Helper()
	obj, err := store.Get[T](b.View(), id)
	if err != nil {
		b.Fatalf("Get %s: %v", id, err)
	}
	return obj
}

// gone checks that the object is not there.
func gone[T dc.Object](b *bench, id dc.ID) {
	b.Helper()
	if _, err := store.Get[T](b.View(), id); dc.KindOf(err) != dc.NotFound {
		b.Errorf("Get %s: error %v, want one of kind NotFound", id, err)
	}
}

// wantKind checks the kind of an error.
func (b *bench) wantKind(err error, kind dc.ErrorKind) {
	b.Helper()
	if dc.KindOf(err) != kind {
		b.Errorf("error %v of kind %q, want kind %q", err, dc.KindOf(err), kind)
	}
}

// wantText checks what a user reads.
func (b *bench) wantText(err error, text string) {
	b.Helper()
	if err == nil || err.Error() != text {
		b.Errorf("error %q, want %q", err, text)
	}
}

// wantIDs checks the objects that a query yields, in order.
func wantIDs[T dc.Object](b *bench, seq iter.Seq[T], want ...dc.ID) {
	b.Helper()
	var got []dc.ID
	for o := range seq {
		got = append(got, o.Identity())
	}
	if !slices.Equal(got, want) {
		b.Errorf("got %v, want %v", got, want)
	}
}

// wantHolder checks who holds a claim; "" means nobody.
func (b *bench) wantHolder(claim string, want dc.ID) {
	b.Helper()
	if got, _ := store.Claimed(b.View(), claim); got != want {
		b.Errorf("claim %s is held by %q, want %q", claim, got, want)
	}
}

var errAbort = errors.New("abort")

func folder(id dc.FolderID, parent dc.ID, name string) *dc.Folder {
	return &dc.Folder{ID: id, Meta: dc.Meta{Name: name, Parent: parent}, Type: dc.FolderVM}
}

func vm(id dc.VirtualMachineID, parent dc.ID, name string) *dc.VirtualMachine {
	return &dc.VirtualMachine{ID: id, Meta: dc.Meta{Name: name, Parent: parent}}
}

func vmID(n int) dc.VirtualMachineID { return dc.VirtualMachineID(fmt.Sprintf("vm-%06d", n)) }

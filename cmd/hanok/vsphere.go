package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"log/slog"

	"hanok/dc"
	"hanok/facade/vsphere"
	"hanok/facade/vsphere/model"
	"hanok/manager"
	"hanok/manager/store"
)

// newVSphere returns the vSphere API of the manager. The data center's authority names it for ever.
func newVSphere(m *manager.Manager, log *slog.Logger) *vsphere.Server {
	sum := sha256.Sum256(m.CA.PEM())
	return vsphere.New(vsphere.Backend{
		State: vsphereState{m}, Access: m.Access, Audit: m.Audit, Inventory: m.Inventory, Machines: m.Machines, Tasks: m.Tasks,
	}, model.UUID(hex.EncodeToString(sum[:])), log)
}

// vsphereState is the store as the facade reads it.
type vsphereState struct{ m *manager.Manager }

func (s vsphereState) View() model.View { return vsphereView{s.m.Store.View()} }

func (s vsphereState) Changes(since int64) ([]model.Change, int64, bool) {
	changes, upto, ok := s.m.Store.Changes(since)
	out := make([]model.Change, len(changes))
	for i, c := range changes {
		out[i] = model.Change{Kind: c.Kind, ID: c.ID, Revision: c.Revision, Object: c.Object, Old: c.Old}
	}
	return out, upto, ok
}

func (s vsphereState) Wait(ctx context.Context, since int64) error { return s.m.Store.Wait(ctx, since) }

func (s vsphereState) Usage(id dc.DatastoreID) (dc.DatastoreUsage, bool) { return s.m.Agents.Usage(id) }

func (s vsphereState) Pools() map[dc.ResourcePoolID]model.PoolRuntime {
	all, err := s.m.Pools.Runtimes(dc.System)
	if err != nil {
		return nil // which the system is never told
	}
	out := make(map[dc.ResourcePoolID]model.PoolRuntime, len(all))
	for id, r := range all {
		out[id] = model.PoolRuntime(r)
	}
	return out
}

func (s vsphereState) Progress(id dc.TaskID) (int, bool) {
	percent, _, ok := s.m.Tasks.Progress(dc.System, id)
	return percent, ok
}

// vsphereView is a view whose objects are asked for by kind.
type vsphereView struct{ *store.View }

func (v vsphereView) Object(id dc.ID) dc.Object { return v.Find(id) }

func (v vsphereView) Objects(kind dc.Kind) iter.Seq[dc.Object] { return v.ListOf(kind) }

func (v vsphereView) Children(kind dc.Kind, parent dc.ID) iter.Seq[dc.Object] {
	return v.ChildrenOf(kind, parent)
}

func (v vsphereView) OnHost(host dc.HostID) iter.Seq[*dc.VirtualMachine] {
	return store.OnHost(v.View, host)
}

func (v vsphereView) DatastoresOf(host dc.HostID) iter.Seq[*dc.Datastore] {
	return store.DatastoresOf(v.View, host)
}

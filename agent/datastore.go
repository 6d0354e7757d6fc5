package agent

import (
	"context"
	"sync"
	"time"

	"hanok/dc"
)

// datastores mounts what is assigned to the host, and keeps trying. A datastore is never unmounted: machines may run on
// it.
type datastores struct {
	a *Agent

	mu  sync.Mutex
	all map[dc.DatastoreID]*datastore
}

type datastore struct {
	rec datastoreRecord
	// newest is the assignment that came last and was not written down yet, or nil. Until it is, rec counts; without
	// that the datastore is not mounted.
	newest  *datastoreRecord
	looked  bool // whether mounted says anything yet
	mounted bool
	failure error // of the last try
	usage   dc.DatastoreUsage
	// busy is set while a goroutine looks after the datastore; a file system that doesn't answer holds up only that one.
	busy bool
}

// state reports whether the datastore can be used, or whether that is about to be known.
func (d *datastores) state(id dc.DatastoreID) (mounted, looking bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ds := d.all[id]
	if ds == nil {
		return false, false
	}
	return ds.mounted, !ds.looked
}

// path returns where the datastore is, or "" for one that the host doesn't know.
func (d *datastores) path(id dc.DatastoreID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ds := d.all[id]; ds != nil {
		return ds.rec.Path
	}
	return ""
}

// nameOf returns what users call the datastore, or "".
func (d *datastores) nameOf(id dc.DatastoreID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ds := d.all[id]; ds != nil {
		return ds.rec.Name
	}
	return ""
}

// explain returns why the datastore isn't mounted where that is the reason for err, else err.
func (d *datastores) explain(id dc.DatastoreID, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ds := d.all[id]; ds != nil && !ds.mounted && ds.failure != nil {
		return ds.failure
	}
	return err
}

// named returns f with the name in the place of the ID where f is about a datastore: drivers know only IDs.
func (d *datastores) named(f *dc.Failure) *dc.Failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.name(f)
}

// name is named with d.mu held.
func (d *datastores) name(f *dc.Failure) *dc.Failure {
	if f == nil {
		return nil
	}
	for id, ds := range d.all {
		if f.Object == dc.Describe(dc.KindDatastore, string(id)) && ds.rec.Name != "" {
			c := *f
			c.Object = dc.Describe(dc.KindDatastore, ds.rec.Name)
			return &c
		}
	}
	return f
}

// assign takes an assignment over: it is written down, then mounted. A lower revision changes nothing. What can't be
// written down is tried again at the pace of heartbeats.
func (d *datastores) assign(ctx context.Context, rec datastoreRecord) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ds := d.all[rec.ID]
	if ds == nil {
		ds = &datastore{rec: datastoreRecord{ID: rec.ID}}
		d.all[rec.ID] = ds
	}
	if rec.Revision > ds.rec.Revision && (ds.newest == nil || rec.Revision > ds.newest.Revision) {
		ds.newest = &rec
		d.look(ctx, ds)
	}
}

// take writes the newest assignment of a datastore down, if that was not done yet, and returns what the datastore is then.
// d.mu is held.
func (d *datastores) take(ds *datastore) (*datastore, error) {
	if ds.newest == nil {
		return ds, nil
	}
	rec := *ds.newest
	if rec.Path != ds.rec.Path || rec.Name != ds.rec.Name {
		if err := d.a.disk.save(datastoreFile(rec.ID), rec); err != nil {
			return ds, err
		}
	}
	renamed := ds.rec.Name != rec.Name
	if ds.rec.Path != rec.Path {
		ds = &datastore{}
		d.all[rec.ID] = ds
	}
	ds.rec, ds.newest = rec, nil
	if renamed { // their reports may name it
		d.a.eachMachine(func(m *machine) { m.poke() })
	}
	return ds, nil
}

// forget lets go of a datastore that the manager doesn't know. The caller has made sure that no machine is on it. When
// the power goes before the file is removed, the datastore is reported, and answered so, again.
func (d *datastores) forget(id dc.DatastoreID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.a.disk.forget(datastoreFile(id)); err != nil {
		return err
	}
	delete(d.all, id)
	d.a.board.removeDatastore(id)
	return nil
}

// run looks after all datastores until ctx ends, at the pace of heartbeats.
func (d *datastores) run(ctx context.Context) {
	tick := time.NewTicker(datastorePace)
	defer tick.Stop()
	for ctx.Err() == nil {
		d.mu.Lock()
		for _, ds := range d.all {
			d.look(ctx, ds)
		}
		d.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// datastorePace is how often a datastore that can't be mounted is tried again, and how often the others are measured.
const datastorePace = 5 * time.Second

// look starts one look at the datastore, unless one is under way. d.mu is held.
func (d *datastores) look(ctx context.Context, ds *datastore) {
	ds, err := d.take(ds)
	if err != nil && ds.rec.Path == "" {
		d.found(ds, dc.DatastoreUsage{}, err)
		return
	}
	if err != nil {
		d.a.cfg.Log.Warn("what is asked of a datastore can't be written down", "datastore", ds.rec.ID, "error", err)
	}
	if ds.busy {
		return
	}
	ds.busy = true
	rec := ds.rec
	d.a.tasks.Go(func() {
		err := d.a.cfg.Storage.Mount(ctx, rec.ID, rec.Path)
		var usage dc.DatastoreUsage
		if err == nil {
			usage, err = d.a.cfg.Storage.Usage(ctx, rec.ID)
		}
		if ctx.Err() != nil {
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		ds.busy = false
		if d.all[rec.ID] == ds { // not forgotten or replaced meanwhile
			d.found(ds, usage, err)
		}
	})
}

// found keeps what a look at the datastore has found. d.mu is held.
func (d *datastores) found(ds *datastore, usage dc.DatastoreUsage, err error) {
	if err != nil && (ds.failure == nil || ds.failure.Error() != err.Error()) {
		d.a.cfg.Log.Warn("the datastore cannot be used", "datastore", ds.rec.ID, "path", ds.rec.Path, "error", err)
	}
	appeared := !ds.looked || err == nil && !ds.mounted
	ds.looked = true
	ds.mounted, ds.failure, ds.usage = err == nil, err, usage
	status := dc.DatastoreStatus{Accessible: ds.mounted, Failure: d.name(dc.FailureOf(err)), CapacityBytes: usage.CapacityBytes}
	d.a.board.setDatastore(ds.rec.ID, status)
	if appeared {
		d.a.eachMachine(func(m *machine) { m.tryAgain() })
	}
}

// usages returns how full the mounted datastores were at the last look.
func (d *datastores) usages() map[dc.DatastoreID]dc.DatastoreUsage {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[dc.DatastoreID]dc.DatastoreUsage{}
	for id, ds := range d.all {
		if ds.mounted {
			out[id] = ds.usage
		}
	}
	return out
}

package model

import (
	"context"
	"sync"

	"hanok/dc"
)

// Aspect is what of an object's surroundings a property depends on. They are combined by or.
type Aspect uint8

// The aspects.
const (
	Self     Aspect = 1 << iota // the object itself
	Children                    // which objects stand below it
	Machines                    // the virtual machines that use it
	Alarms                      // the alarms that it and what is below it have triggered
	Tasks                       // the tasks about it
)

const aspects = 5

// touched is when each aspect of one object changed last, by the feed's clock.
type touched [aspects]int64

// event is one entry of what Feed remembers.
type event struct {
	at     int64
	object dc.ID
	aspect Aspect
}

// remembered is how many events are kept for clients that come late.
const remembered = 1 << 16

// Feed follows the changes of the data center and knows which objects each has touched. It is safe for concurrent use.
type Feed struct {
	state State

	mu sync.Mutex
	// clock counts the batches of changes; all that is up to revision is in it.
	clock, revision int64
	objects         map[dc.ID]*touched
	// everything is when what stands around any object may have changed: names that others show, permissions, what is in a data center.
	everything int64
	// structural is when the inventory got another shape last.
	structural int64
	// events are the last ones, the oldest first; those up to forgotten are not there.
	events    []event
	forgotten int64
	// moved is closed when the clock moves.
	moved chan struct{}
}

// NewFeed returns a feed of the state. Run keeps it awake.
func NewFeed(state State) *Feed {
	return &Feed{state: state, clock: 1, revision: state.View().Revision(), objects: map[dc.ID]*touched{}, forgotten: 1, moved: make(chan struct{})}
}

// Run tells those who wait of changes until ctx ends.
func (f *Feed) Run(ctx context.Context) {
	for {
		f.mu.Lock()
		revision := f.revision
		f.mu.Unlock()
		if f.state.Wait(ctx, revision) != nil {
			return // ctx has ended, or the data center's state has
		}
		f.now()
	}
}

// Reshape says that clients may find other objects than before though the inventory has not changed: a view of theirs has.
func (f *Feed) Reshape() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock++
	f.structural = f.clock
	close(f.moved)
	f.moved = make(chan struct{})
}

// Moved returns a channel that is closed when the clock goes beyond since. One that has gone is closed at once.
func (f *Feed) Moved(since int64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clock > since {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return f.moved
}

// now returns the newest view, and the clock up to which everything in it is noted and nothing more.
func (f *Feed) now() (View, int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	view := f.state.View()
	if view.Revision() <= f.revision {
		return view, f.clock
	}
	changes, _, ok := f.state.Changes(f.revision)
	f.clock++
	if !ok {
		f.everything, f.structural, f.forgotten, f.events = f.clock, f.clock, f.clock, nil
	}
	for _, c := range changes {
		if ok && c.Revision <= view.Revision() {
			f.note(view, c)
		}
	}
	if n := len(f.events) - remembered; n > 0 {
		f.forgotten = f.events[n-1].at
		f.events = append([]event(nil), f.events[n:]...)
	}
	f.revision = view.Revision()
	close(f.moved)
	f.moved = make(chan struct{})
	return view, f.clock
}

// note writes down what a change touches.
func (f *Feed) note(view View, c Change) {
	f.touch(c.ID, Self)
	made, moved := c.Object == nil || c.Old == nil, false
	if !made {
		a, b := c.Object.Metadata(), c.Old.Metadata()
		moved = a.Parent != b.Parent || a.Name != b.Name
	}
	switch c.Kind {
	case dc.KindVirtualMachine:
		f.noteMachine(c)
	case dc.KindTask:
		for _, o := range []dc.Object{c.Object, c.Old} {
			if t, ok := o.(*dc.Task); ok {
				f.touch(t.Target, Tasks)
			}
		}
		return
	case dc.KindAlarmState:
		for _, o := range []dc.Object{c.Object, c.Old} {
			if s, ok := o.(*dc.AlarmState); ok {
				for id := s.Object; id != ""; id = parentOf(view, id) {
					f.touch(id, Alarms)
				}
			}
		}
		return
	case dc.KindHost:
		f.noteHost(view, c)
		if made || moved {
			f.everything = f.clock
		}
	case dc.KindFolder, dc.KindDatacenter, dc.KindCluster, dc.KindResourcePool, dc.KindDatastore, dc.KindPortGroup:
		if made || moved {
			f.everything = f.clock
		}
	case dc.KindPermission, dc.KindRole, dc.KindGroup, dc.KindCustomField:
		f.everything, f.structural = f.clock, f.clock
		return
	default:
		return
	}
	if made || moved {
		f.structural = f.clock
		for _, o := range []dc.Object{c.Object, c.Old} {
			if o != nil {
				f.touch(o.Metadata().Parent, Children)
			}
		}
	}
}

// noteHost writes down what is shown of a host elsewhere: its machines are connected as it is, and root pools have what it has.
func (f *Feed) noteHost(view View, c Change) {
	old, was := c.Old.(*dc.Host)
	h, is := c.Object.(*dc.Host)
	if !was || !is {
		return
	}
	if old.Status.CPUs != h.Status.CPUs || old.Status.MemoryMB != h.Status.MemoryMB || old.Status.CPUMHz != h.Status.CPUMHz || old.Status.ReservedMemoryMB != h.Status.ReservedMemoryMB {
		f.everything = f.clock
	}
	if old.Status.Connection != h.Status.Connection {
		for vm := range view.OnHost(h.ID) {
			f.touch(dc.ID(vm.ID), Self)
		}
	}
}

// noteMachine writes down what uses a machine, or is used by it, where that has changed.
func (f *Feed) noteMachine(c Change) {
	old, _ := c.Old.(*dc.VirtualMachine)
	vm, _ := c.Object.(*dc.VirtualMachine)
	before, after := uses(old), uses(vm)
	other := func(ids, than map[dc.ID]bool) {
		for id := range ids {
			if !than[id] {
				f.touch(id, Machines)
				f.structural = f.clock
			}
		}
	}
	other(before, after)
	other(after, before)
}

// uses returns the objects that list a machine among theirs.
func uses(vm *dc.VirtualMachine) map[dc.ID]bool {
	out := map[dc.ID]bool{}
	if vm == nil {
		return out
	}
	out[dc.ID(vm.Spec.Host)], out[dc.ID(vm.Spec.Pool)] = true, true
	for id := range datastoresOf(vm) {
		out[dc.ID(id)] = true
	}
	for _, n := range vm.Spec.Hardware.NICs {
		out[dc.ID(n.PortGroup)] = true
	}
	delete(out, "")
	return out
}

func (f *Feed) touch(id dc.ID, a Aspect) {
	if id == "" {
		return
	}
	t := f.objects[id]
	if t == nil {
		t = &touched{}
		f.objects[id] = t
	}
	for i := range aspects {
		if a&(1<<i) != 0 {
			t[i] = f.clock
		}
	}
	f.events = append(f.events, event{f.clock, id, a})
}

// stamp returns when one of the aspects of an object changed last.
func (f *Feed) stamp(id dc.ID, a Aspect) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := max(f.everything, 1)
	if t := f.objects[id]; t != nil {
		for i := range aspects {
			if a&(1<<i) != 0 {
				at = max(at, t[i])
			}
		}
	}
	return at
}

// since returns the objects that were touched after a time and not after the other, each once; see property.Picture.
func (f *Feed) since(since, upto int64) (values []string, structural, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	structural = f.structural > since
	if since < f.forgotten || f.everything > since {
		return nil, structural, false
	}
	seen := map[dc.ID]bool{}
	for i := len(f.events) - 1; i >= 0 && f.events[i].at > since; i-- {
		if e := f.events[i]; e.at <= upto && !seen[e.object] {
			seen[e.object] = true
			values = append(values, string(e.object))
		}
	}
	return values, structural, true
}

func parentOf(view View, id dc.ID) dc.ID {
	if o := view.Object(id); o != nil {
		return o.Metadata().Parent
	}
	return ""
}

package backup

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
)

// Ended is a task that was open in a backup and does not go on after its restore.
type Ended struct {
	Type, TargetName string
}

// Contents returns what a restore at now makes of the archive, and the open tasks that it ends. What the hosts have done since
// the backup is not known here, so nothing that was asked for then is asked for again:
//
//   - All revisions will be above those of the backup, and above those that came after it, as long as there were fewer than a
//     million changes a second: hosts take what has a higher revision than what they know.
//   - The last power request of each virtual machine becomes one that does nothing and has a higher generation than any that its
//     host has carried out since.
//   - An open task ends, unless it can do no harm (goesOn), and a host that was being emptied is in service again.
//   - A virtual machine that had no host yet is not restored: it had no files. Where it got a host later, it is an orphan there.
//
// The error is of kind WrongState for objects that this program can't read, and Unsupported for a store of another format than its own
// and the one before.
func (a *Archive) Contents(now time.Time) (store.Contents, []Ended, error) {
	r := &restoration{now: now.UTC(), base: max(now.UnixMicro(), a.Revision+1)}
	machines := map[dc.ID]*dc.VirtualMachine{}
	var others []store.Entry
	var tasks []*dc.Task
	entries, err := store.Migrate(a.StoreFormat, a.Entries)
	if err != nil {
		return store.Contents{}, nil, err
	}
	for _, e := range entries {
		obj, err := e.Object()
		if err != nil {
			return store.Contents{}, nil, err
		}
		switch o := obj.(type) {
		case *dc.VirtualMachine:
			if o.Spec.Host == "" {
				continue
			}
			machines[dc.ID(o.ID)] = o
			o.Spec.Power = dc.PowerRequest{Generation: r.base}
			r.put(o)
		case *dc.Task:
			tasks = append(tasks, o)
		case *dc.Host:
			if o.Spec.Maintenance != dc.MaintenanceEntering {
				others = append(others, e)
				continue
			}
			o.Spec.Maintenance = ""
			r.put(o)
		default:
			others = append(others, e)
		}
	}
	for _, t := range tasks {
		if !t.Done() && !goesOn(machines[t.Target]) {
			r.end(t)
		}
		r.put(t)
	}
	r.put(r.event(a.Header))
	return store.Contents{Base: r.base, Entries: slices.Concat(others, r.entries)}, r.ended, r.err
}

// goesOn reports whether a task that was open at the backup may go on after its restore. vm is the virtual machine that it is
// about, or nil.
//
// Only what is bound to a tombstone that stands goes on: that is never taken back, so the host has removed the machine's files or
// will. A deletion before that may have been canceled and the machine be in use. A creation or a power operation may have been
// carried out, or undone, and the machine used for other things since: to power it on, or to take that back by a power-off, would
// surprise somebody. A host that was being emptied has machines that this store knows nothing of.
func goesOn(vm *dc.VirtualMachine) bool { return vm != nil && vm.Spec.Deleted }

// restoration collects the objects that a restore changes.
type restoration struct {
	now     time.Time
	base    int64
	entries []store.Entry
	ended   []Ended
	err     error
}

func (r *restoration) put(o dc.Object) {
	e, err := store.NewEntry(o)
	r.entries, r.err = append(r.entries, e), cmp.Or(r.err, err)
}

func (r *restoration) end(t *dc.Task) {
	t.State, t.Completed = dc.TaskError, r.now
	t.Failure = &dc.Failure{Kind: dc.Canceled, Message: "the data center was restored from a backup that was taken while this was under way",
		Remedy: "see what has become of it, and ask again for what is missing"}
	r.ended = append(r.ended, Ended{Type: t.Type, TargetName: t.TargetName})
}

func (r *restoration) event(h Header) *dc.Event {
	message := fmt.Sprintf("the data center was restored from a backup of %s", h.Taken.Format("2006-01-02 15:04:05 MST"))
	if n := len(r.ended); n > 0 {
		message += fmt.Sprintf("; %d tasks that were under way then have ended", n)
	}
	return &dc.Event{ID: dc.EventID(dc.NewID(dc.KindEvent, random.Ordered(r.now))), Meta: dc.Meta{Created: r.now}, Type: dc.EventGeneral, Message: message}
}

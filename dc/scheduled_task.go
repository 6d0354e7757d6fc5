package dc

import (
	"slices"
	"time"
)

// ScheduledTask starts a bulk task by the clock, for the user who has last said what it does or when. Its name is unique. It goes with the
// last of the objects that it was made on.
type ScheduledTask struct {
	ID ScheduledTaskID `json:"id"`
	Meta
	// Spec is what users ask for, by package manager/schedule, which takes out of it what is deleted.
	Spec ScheduledTaskSpec `json:"spec"`
	// Status is written by the manager that leads, and what is next also where the spec changes.
	Status ScheduledTaskStatus `json:"status"`
}

// ScheduledTaskSpec says what a scheduled task does, when and for whom.
type ScheduledTaskSpec struct {
	Description string          `json:"description,omitempty"`
	Disabled    bool            `json:"disabled,omitempty"`
	Scheduler   Scheduler       `json:"scheduler"`
	Action      ScheduledAction `json:"action"`
	// Runner is who has last said what it does or when: it runs for him, with what he may do then.
	Runner Runner `json:"runner"`
	// Modified is when it was made or changed last, and ModifiedBy the name of who did that.
	Modified   time.Time `json:"modified"`
	ModifiedBy string    `json:"modifiedBy"`
}

// ScheduledAction is what a scheduled task does.
type ScheduledAction struct {
	// Bulk is the operation; its Objects are those that were named. Confirmed is how many a run may delete at most where the guard asks
	// for it.
	Bulk Bulk `json:"bulk"`
	// Selection are objects besides those, as they are selected when it runs; nil selects none.
	Selection *BulkSelection `json:"selection,omitempty"`
}

// Runner is the user for whom a scheduled task runs: a Caller without the login.
type Runner struct {
	User UserID `json:"user"`
	Name string `json:"name"`
	// Token is the API token with which he called, or "", and TokenName its name: then it runs within the token's scope, until the token ends.
	Token     APITokenID `json:"token,omitempty"`
	TokenName string     `json:"tokenName,omitempty"`
	Narrow    bool       `json:"narrow,omitempty"`
}

// ScheduledTaskStatus is what became of a scheduled task, and what is next.
type ScheduledTaskStatus struct {
	// Next is when it runs next; zero for never.
	Next time.Time `json:"next,omitzero"`
	// Last is its last run; of State "" before the first.
	Last ScheduledRun `json:"last,omitzero"`
	// Skipped is the last time at which it did not run although it was due.
	Skipped *SkippedRun `json:"skipped,omitempty"`
}

// ScheduledRun is one run of a scheduled task.
type ScheduledRun struct {
	// Due is when it was due, zero for one that somebody asked for, and Started when it started.
	Due     time.Time `json:"due,omitzero"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Task is its bulk task, or "" where none could be started.
	Task  TaskID    `json:"task,omitempty"`
	State TaskState `json:"state"`
	// Failure is why it failed: that of the task, or of the first object with which it failed.
	Failure *Failure `json:"failure,omitempty"`
	// Objects is with how many it ended, and Failed with how many of them it failed.
	Objects int `json:"objects,omitempty"`
	Failed  int `json:"failed,omitempty"`
}

// SkippedRun says why a scheduled task did not run when it was due.
type SkippedRun struct {
	Due    time.Time `json:"due"`
	Reason string    `json:"reason"`
}

// MaxScheduledTasks is how many there are at most.
const MaxScheduledTasks = 10_000

func (*ScheduledTask) Kind() Kind         { return KindScheduledTask }
func (o *ScheduledTask) Identity() ID     { return ID(o.ID) }
func (o *ScheduledTask) Claims() []string { return []string{"schedule/" + o.Name} }

// RunnerOf returns who calls, without his login.
func RunnerOf(by Caller) Runner {
	return Runner{User: by.User, Name: by.Name, Token: by.Token, TokenName: by.TokenName, Narrow: by.Narrow}
}

// Caller returns the runner as a caller.
func (r Runner) Caller() Caller {
	return Caller{User: r.User, Name: r.Name, Token: r.Token, TokenName: r.TokenName, Narrow: r.Narrow}
}

// Entities returns the objects of the inventory that the task is scheduled on, each once: those that are named, and the folder and
// the pool of the selection. A selection by tags alone is on the root folder.
func (a ScheduledAction) Entities() []ID {
	var ids []ID
	for _, o := range a.Bulk.Objects {
		ids = append(ids, o.ID)
	}
	if q := a.Selection; q != nil {
		if q.Folder != "" {
			ids = append(ids, ID(q.Folder))
		}
		if q.Pool != "" {
			ids = append(ids, ID(q.Pool))
		}
		if q.Folder == "" && q.Pool == "" {
			ids = append(ids, ID(RootFolder))
		}
	}
	return ids
}

// Without returns the action without what is not there any more: an object that was named, or the whole selection where it is by something
// that is gone, for what is left of it would be more. It does nothing where it has no entities then.
func (a ScheduledAction) Without(gone func(ID) bool) ScheduledAction {
	a.Bulk.Objects = slices.DeleteFunc(slices.Clone(a.Bulk.Objects), func(o BulkObject) bool { return gone(o.ID) })
	if q := a.Selection; q != nil {
		by := []ID{ID(q.Folder), ID(q.Pool)}
		for _, tag := range q.Tags {
			by = append(by, ID(tag))
		}
		if slices.ContainsFunc(by, func(id ID) bool { return id != "" && gone(id) }) {
			a.Selection = nil
		}
	}
	return a
}

// CheckScheduledTask returns an error of kind Invalid for a scheduled task that can't be.
func CheckScheduledTask(o *ScheduledTask) error {
	if err := CheckName(KindScheduledTask, o.Name); err != nil {
		return err
	}
	fail := func(err error) error {
		if e, ok := err.(*Error); ok {
			return e.On(Describe(KindScheduledTask, o.Name))
		}
		return err
	}
	if err := checkDescription(Describe(KindScheduledTask, o.Name), o.Spec.Description); err != nil {
		return err
	}
	if err := CheckScheduler(o.Spec.Scheduler); err != nil {
		return fail(err)
	}
	b := o.Spec.Action.Bulk
	if b.Confirmed < 0 || b.Confirmed > MaxBulk {
		return fail(Errorf(Invalid, "it can't delete up to %d objects", b.Confirmed).Fix("give 1 to %d, or 0", MaxBulk))
	}
	if o.Spec.Action.Selection != nil && len(b.Objects) == 0 {
		b.Objects = make([]BulkObject, 1) // of those that will be selected
	}
	return fail(CheckBulk(b))
}

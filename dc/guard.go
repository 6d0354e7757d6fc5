package dc

import (
	"slices"
	"time"
)

// DeletionGuard is the guard against mass deletion: its limits, and who has deleted how much of late. There is one, or none for
// DefaultDeletionLimits and nobody.
type DeletionGuard struct {
	ID DeletionGuardID `json:"id"`
	Meta
	Limits DeletionLimits `json:"limits"`
	// Recent are the times of the single deletions of each principal within the last window, oldest first.
	Recent map[string][]time.Time `json:"recent,omitempty"`
	// Stopped is until when the single deletions of a principal are refused.
	Stopped map[string]time.Time `json:"stopped,omitempty"`
}

// DeletionLimits say what needs a confirmation, and what is stopped. A limit of 0 is none.
type DeletionLimits struct {
	// Objects is how many one call deletes without a confirmation.
	Objects int `json:"objects"`
	// Percent is the part of all virtual machines that one call deletes without one, if it deletes smallDeletion objects at least.
	Percent int `json:"percent"`
	// Single is how many deletions of one principal without a confirmation there may be within Window.
	Single int           `json:"single"`
	Window time.Duration `json:"window"`
}

// DefaultDeletionLimits are in force until somebody changes them.
var DefaultDeletionLimits = DeletionLimits{Objects: 10, Percent: 20, Single: 30, Window: 10 * time.Minute}

// TheDeletionGuard is the ID of the one that there is.
const TheDeletionGuard DeletionGuardID = "deletionguard-1"

// smallDeletion is how many objects are few enough in the smallest data center.
const smallDeletion = 5

// maxSingle bounds what is remembered of each principal.
const maxSingle = 1000

func (*DeletionGuard) Kind() Kind         { return KindDeletionGuard }
func (o *DeletionGuard) Identity() ID     { return ID(o.ID) }
func (o *DeletionGuard) Claims() []string { return nil }

// CheckDeletionLimits returns an error of kind Invalid for limits that can't be.
func CheckDeletionLimits(l DeletionLimits) error {
	switch {
	case l.Objects < 0 || l.Objects > MaxBulk:
		return Errorf(Invalid, "objects: %d can't be", l.Objects).Fix("give 1 to %d, or 0 for no limit", MaxBulk)
	case l.Percent < 0 || l.Percent > 100:
		return Errorf(Invalid, "percent: %d can't be", l.Percent).Fix("give 1 to 100, or 0 for no limit")
	case l.Single < 0 || l.Single > maxSingle:
		return Errorf(Invalid, "single: %d can't be", l.Single).Fix("give 1 to %d, or 0 for no limit", maxSingle)
	case l.Window < time.Minute || l.Window > 24*time.Hour:
		return Errorf(Invalid, "window: %s can't be", l.Window).Fix("give 1m to 24h")
	}
	return nil
}

// CheckConfirmed returns an error of kind WrongState unless a call that deletes so many objects, so many machines of all among
// them, needs no confirmation or has it: the number of the objects.
func (l DeletionLimits) CheckConfirmed(objects, machines, all, confirmed int) error {
	many := l.Objects > 0 && objects > l.Objects
	large := l.Percent > 0 && objects >= smallDeletion && machines*100 > l.Percent*all
	if confirmed == objects || confirmed == 0 && !many && !large {
		return nil
	}
	return Errorf(WrongState, "this deletes %d objects, among them %d of %d virtual machines", objects, machines, all).
		Fix("see that all of it is meant, and repeat the call with the confirmation %d", objects)
}

// Count counts n deletions of a principal, and reports whether they are allowed. What is refused is not counted.
func (o *DeletionGuard) Count(principal string, n int, now time.Time) bool {
	if o.Limits.Single == 0 {
		return true
	}
	for p, until := range o.Stopped {
		if !now.Before(until) {
			delete(o.Stopped, p)
		}
	}
	for p, times := range o.Recent {
		if o.Recent[p] = slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) >= o.Limits.Window }); len(o.Recent[p]) == 0 {
			delete(o.Recent, p)
		}
	}
	if _, stopped := o.Stopped[principal]; stopped || len(o.Recent[principal])+n > o.Limits.Single {
		return false
	}
	if o.Recent == nil {
		o.Recent = map[string][]time.Time{}
	}
	for range n {
		o.Recent[principal] = append(o.Recent[principal], now)
	}
	return true
}

// Stop refuses the single deletions of a principal for a window, and reports whether they were not yet.
func (o *DeletionGuard) Stop(principal string, now time.Time) bool {
	if now.Before(o.Stopped[principal]) {
		return false
	}
	if o.Stopped == nil {
		o.Stopped = map[string]time.Time{}
	}
	o.Stopped[principal] = now.Add(o.Limits.Window)
	delete(o.Recent, principal)
	return true
}

// Release lets a principal go on who was stopped, with nothing counted, and reports whether he was.
func (o *DeletionGuard) Release(principal string, now time.Time) bool {
	if !now.Before(o.Stopped[principal]) {
		return false
	}
	delete(o.Stopped, principal)
	delete(o.Recent, principal)
	return true
}

package access

import (
	"maps"
	"sync"
	"time"

	"hanok/dc"
)

// uses is when each session was used last. It is kept in memory only: after a restart of the manager a session that is there
// counts as used then.
type uses struct {
	mu    sync.Mutex
	begin time.Time
	last  map[dc.SessionID]time.Time
}

func newUses() *uses { return &uses{begin: time.Now(), last: map[dc.SessionID]time.Time{}} }

// renew notes that the session is used at now, unless it has been idle for too long, which it reports as false.
func (u *uses) renew(session *dc.Session, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.idleLocked(session, now) {
		return false
	}
	u.last[session.ID] = now
	return true
}

// idle reports whether nobody has used the session for too long.
func (u *uses) idle(session *dc.Session, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.idleLocked(session, now)
}

func (u *uses) idleLocked(session *dc.Session, now time.Time) bool {
	last, ok := u.last[session.ID]
	if !ok {
		last = u.begin
		if session.Created.After(last) {
			last = session.Created
		}
	}
	return now.Sub(last) >= sessionIdle
}

// forget drops the sessions that are not alive.
func (u *uses) forget(alive func(dc.SessionID) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.last, func(id dc.SessionID, _ time.Time) bool { return !alive(id) })
}

package access

import (
	"sync"
	"time"
)

// The bounds of a throttle: so many in each span.
const (
	throttleMost = 30
	throttleSpan = time.Minute
)

// throttle lets the first few through in each span of time and counts the others. The zero throttle is ready.
type throttle struct {
	mu       sync.Mutex
	start    time.Time // of the current span
	admitted int       // in the current span
	refused  int       // since the last one that was admitted
}

// admit reports whether one more may pass at now, and if so how many were refused since the last one that passed.
func (t *throttle) admit(now time.Time) (refused int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.start) >= throttleSpan {
		t.start, t.admitted = now, 0
	}
	if t.admitted == throttleMost {
		t.refused++
		return 0, false
	}
	t.admitted++
	refused, t.refused = t.refused, 0
	return refused, true
}

package native

import (
	"sync"
	"time"

	"hanok/dc"
	"hanok/internal/random"
)

// ticketTime is how long a ticket may wait for its use.
const ticketTime = 30 * time.Second

// ticket is the right to open one console once.
type ticket struct {
	by      dc.Caller
	machine dc.VirtualMachineID
	kind    dc.ConsoleKind
	expires time.Time
}

// tickets are the tickets that wait for their use. They are in memory only: a restart voids them.
type tickets struct {
	now func() time.Time

	mu      sync.Mutex
	waiting map[string]ticket
}

func newTickets(now func() time.Time) *tickets {
	return &tickets{now: now, waiting: map[string]ticket{}}
}

// issue returns the secret of a new ticket and when it expires.
func (t *tickets) issue(by dc.Caller, machine dc.VirtualMachineID, kind dc.ConsoleKind) (string, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for secret, other := range t.waiting {
		if now.After(other.expires) {
			delete(t.waiting, secret)
		}
	}
	secret := random.Token()
	t.waiting[secret] = ticket{by, machine, kind, now.Add(ticketTime)}
	return secret, now.Add(ticketTime)
}

// redeem uses a ticket up.
func (t *tickets) redeem(secret string) (ticket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.waiting[secret]
	delete(t.waiting, secret)
	if !ok || t.now().After(found.expires) {
		return ticket{}, &dc.Error{Kind: dc.Unauthenticated, Message: "the console ticket is used, expired or unknown",
			Remedy: "ask for a new one"}
	}
	return found, nil
}

package access

import (
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"hanok/dc"
)

// Who fails to log in too often is locked out for a while, with vSphere's figures: as that user, and from that address only, so that a
// program with an old password, or somebody who wants to keep an administrator out, keeps nobody out but itself. From one address, all
// users together have a pace besides, so that nobody tries one password on every user.
const (
	lockAfter  = 5
	lockWithin = 180 * time.Second
	lockFor    = 300 * time.Second

	addressBurst, addressPace = 100, time.Second
	// maxGuessers bounds the memory: of more at once, those that failed longest ago are forgotten.
	maxGuessers = 10_000
)

// guesser is who tries: an address, and the name that it tries.
type guesser struct{ from, name string }

// tries are the failures of one guesser since its last success: the times of the newest ones, oldest first, and until when it is locked out.
type tries struct {
	failed []time.Time
	locked time.Time
}

// guesses counts failed logins.
type guesses struct {
	mu        sync.Mutex
	users     *lru.Cache[guesser, *tries]
	addresses *lru.Cache[string, *rate.Limiter]
}

func newGuesses() *guesses {
	users, err := lru.New[guesser, *tries](maxGuessers)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	addresses, err := lru.New[string, *rate.Limiter](maxGuessers)
	if err != nil {
		panic(err)
	}
	return &guesses{users: users, addresses: addresses}
}

// check returns an error of kind Exhausted while logins as name from the address are not to be tried.
func (g *guesses) check(from, name string, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := 0.0
	if t, ok := g.users.Peek(guesser{from, name}); ok {
		wait = t.locked.Sub(now).Seconds()
	}
	if l, ok := g.addresses.Peek(from); ok && l.TokensAt(now) < 1 {
		wait = max(wait, (1-l.TokensAt(now))/float64(l.Limit()))
	}
	if wait <= 0 {
		return nil
	}
	return dc.Errorf(dc.Exhausted, "too many failed logins").Fix("wait %.0f seconds", math.Ceil(wait))
}

// failed counts a failed login, and reports whether it was the one too many.
func (g *guesses) failed(from, name string, now time.Time) (locked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, ok := g.addresses.Peek(from)
	if !ok {
		l = rate.NewLimiter(rate.Every(addressPace), addressBurst)
	}
	g.addresses.Add(from, l)
	l.AllowN(now, 1)

	t, ok := g.users.Peek(guesser{from, name})
	if !ok {
		t = &tries{}
	}
	g.users.Add(guesser{from, name}, t)
	t.failed = append(t.failed, now)
	if len(t.failed) < lockAfter {
		return false
	}
	t.failed = t.failed[len(t.failed)-lockAfter:]
	if now.Sub(t.failed[0]) > lockWithin {
		return false
	}
	t.failed, t.locked = nil, now.Add(lockFor)
	return true
}

// succeeded forgets the failures of who has logged in.
func (g *guesses) succeeded(from, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users.Remove(guesser{from, name})
}

package access

import (
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"hanok/dc"
)

// Who fails to log in may try again at once a few times, and then at a pace. From one address, each user has a pace of its own,
// so that a program with an old password keeps nobody out but itself; all users together have another one, so that nobody
// tries one password on every user.
const (
	userBurst, userPace       = 10, 10 * time.Second
	addressBurst, addressPace = 100, time.Second
	// maxGuessers bounds the memory: of more at once, those that failed longest ago are forgotten.
	maxGuessers = 10_000
)

// guesser is who tries: an address, and the name that it tries, or "" for all of them.
type guesser struct{ from, name string }

// guesses counts failed logins.
type guesses struct {
	mu  sync.Mutex
	all *lru.Cache[guesser, *rate.Limiter]
}

func newGuesses() *guesses {
	all, err := lru.New[guesser, *rate.Limiter](maxGuessers)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &guesses{all: all}
}

// check returns an error of kind Exhausted while logins as name from the address are not to be tried.
func (g *guesses) check(from, name string, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, who := range []guesser{{from, name}, {from: from}} {
		if l, ok := g.all.Peek(who); ok && l.TokensAt(now) < 1 {
			wait := (1 - l.TokensAt(now)) / float64(l.Limit())
			return dc.Errorf(dc.Exhausted, "too many failed logins").Fix("wait %.0f seconds", math.Ceil(wait))
		}
	}
	return nil
}

// failed counts a failed login.
func (g *guesses) failed(from, name string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limiter(guesser{from, name}, userBurst, userPace).AllowN(now, 1)
	g.limiter(guesser{from: from}, addressBurst, addressPace).AllowN(now, 1)
}

func (g *guesses) limiter(who guesser, burst int, pace time.Duration) *rate.Limiter {
	l, ok := g.all.Peek(who)
	if !ok {
		l = rate.NewLimiter(rate.Every(pace), burst)
	}
	g.all.Add(who, l)
	return l
}

package vsphere

import (
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
	"hanok/facade/vsphere/property"
)

// maxOwn is how many objects of its own a session may have: a client that never destroys its views is told so.
const maxOwn = 10_000

// sessions are the logins that have called lately, by their tokens.
type sessions struct {
	mu  sync.Mutex
	all map[string]*session
}

func newSessions() *sessions { return &sessions{all: map[string]*session{}} }

// of returns the session with a token, of which the caller has been authenticated.
func (s *sessions) of(token string, by dc.Caller) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.all[token]
	if o == nil {
		o = &session{by: by, login: time.Now(), own: map[string]ownObject{}, pages: map[string]*page{}, ended: make(chan struct{})}
		o.collector = &collector{session: o, value: defaultCollector, waits: map[*wait]bool{}}
		s.all[token] = o
	}
	return o
}

// end forgets a session, and ends what waits in it.
func (s *sessions) end(token string) {
	s.mu.Lock()
	o := s.all[token]
	delete(s.all, token)
	s.mu.Unlock()
	if o != nil {
		close(o.ended)
	}
}

// sweep ends the sessions that are not live any more.
func (s *sessions) sweep(live func(token string) bool) {
	s.mu.Lock()
	tokens := maps.Clone(s.all)
	s.mu.Unlock()
	for token := range tokens {
		if !live(token) {
			s.end(token)
		}
	}
}

// session is one login with the managed objects that are its own.
type session struct {
	by    dc.Caller
	login time.Time
	// collector is the session's own instance of the PropertyCollector that everybody finds under the same name.
	collector *collector
	// ended is closed with the session.
	ended chan struct{}

	mu    sync.Mutex
	last  int64
	own   map[string]ownObject
	pages map[string]*page
}

// ownObject is a managed object that belongs to a session.
type ownObject interface {
	ref() types.ManagedObjectReference
	// in returns it as clients read it.
	in(p *model.Picture) property.Object
}

// key is what a client knows the session as. It does not open it.
func (s *session) key() string { return string(s.by.Session) }

// name returns a new value for a reference to an object of the session: "session[…]kind-1".
func (s *session) name(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	return "session[" + strings.TrimPrefix(s.key(), "session-") + "]" + kind + "-" + strconv.FormatInt(s.last, 10)
}

// add makes an object one of the session's.
func (s *session) add(o ownObject) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.own) >= maxOwn {
		return dc.Errorf(dc.Exhausted, "the session has %d views, collectors and filters", len(s.own)).Fix("destroy those that are not needed, or log in anew")
	}
	s.own[o.ref().Value] = o
	return nil
}

func (s *session) remove(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.own, value)
}

// find returns the session's object with the value, or nil.
func (s *session) find(value string) ownObject {
	if value == defaultCollector {
		return s.collector
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own[value]
}

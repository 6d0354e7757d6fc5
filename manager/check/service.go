package check

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"sync"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/dispatch"
	"hanok/manager/store"
)

const (
	// enough is in how many rounds one after the other something has to be found that may pass, rounds how many there are at
	// most, and pace the time between two of them: long enough for a report of a host to arrive.
	enough = 3
	rounds = 6
	pace   = 1500 * time.Millisecond
	// answerTime bounds the answer of one host, viewTime how far the manager's view may lag behind the store.
	answerTime = 30 * time.Second
	viewTime   = 10 * time.Second
	// asked is how many hosts are asked at once, largest how long an answer may be, in bytes.
	asked   = 32
	largest = 256 << 20
)

// Hosts are the connections to the hosts.
type Hosts interface {
	// OpenStream opens a stream of a host; the connection is the caller's to close.
	OpenStream(ctx context.Context, host dc.HostID, vm dc.VirtualMachineID, kind string) (net.Conn, error)
}

// Service examines the data center. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	hosts  Hosts
}

// New returns a Service.
func New(st *store.Store, acc *access.Service, hosts Hosts) *Service {
	return &Service{store: st, access: acc, hosts: hosts}
}

// Examine returns what became of each promise. Because the data center moves while it is looked at, what may be a difference
// between two moments is looked at again, and reported only if it stays while its object does not change. It takes a second
// where all is well, some seconds where it is not, and half a minute more where a host does not answer. Privilege:
// PrivDiagnostics. Errors besides: Unavailable where the store can't be read.
func (s *Service) Examine(ctx context.Context, by dc.Caller) ([]Result, error) {
	if err := s.access.Authorize(by, dc.PrivDiagnostics, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	silent := map[dc.HostID]error{}
	var last *collector
	for n := range rounds {
		if n > 0 {
			select {
			case <-time.After(pace):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		found, err := s.round(ctx, silent)
		if err != nil {
			return nil, err
		}
		found.follow(last)
		last = found
		if found.settled() {
			break
		}
	}
	return last.results(), nil
}

// round looks at everything once. Hosts are asked before the store is read, so that nothing that they know is news to it. One
// that has not answered, in silent, is not asked again.
func (s *Service) round(ctx context.Context, silent map[dc.HostID]error) (*collector, error) {
	hosts := s.ask(ctx, silent)
	d, err := s.store.Dump(ctx)
	if err != nil {
		return nil, err
	}
	c := newCollector()
	inv := readInventory(d, c)
	checkStored(inv, c)
	s.checkReads(ctx, inv, c)
	checkHosts(newPicture(inv, hosts), c)
	return c, nil
}

func (s *Service) checkReads(ctx context.Context, inv *inventory, c *collector) {
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	if err := s.store.Wait(ctx, inv.revision-1); err != nil {
		c.certain(Reads, subject{object: "the manager"}, "restart it, and report this as a defect with its log",
			"it has seen changes up to the revision %d only, and the store is at %d: %v", s.store.View().Revision(), inv.revision, err)
		return
	}
	checkReads(inv, s.store.View(), c)
}

// ask asks all hosts at once.
func (s *Service) ask(ctx context.Context, silent map[dc.HostID]error) map[dc.HostID]*seen {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	all := map[dc.HostID]*seen{}
	var asking sync.WaitGroup
	free := make(chan struct{}, asked)
	for h := range store.List[*dc.Host](s.store.View()) {
		answer := &seen{err: silent[h.ID]}
		all[h.ID] = answer
		if answer.err != nil {
			continue
		}
		free <- struct{}{}
		asking.Go(func() {
			defer func() { <-free }()
			answer.Inspection, answer.err = s.inspect(ctx, h.ID)
		})
	}
	asking.Wait()
	for id, answer := range all {
		if answer.err != nil {
			silent[id] = answer.err
		}
	}
	return all
}

// inspect asks one host what it looks like.
func (s *Service) inspect(ctx context.Context, host dc.HostID) (dc.Inspection, error) {
	var found dc.Inspection
	conn, err := s.hosts.OpenStream(ctx, host, "", dispatch.StreamInspect)
	if err != nil {
		return found, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewDecoder(io.LimitReader(conn, largest)).Decode(&found); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return dc.Inspection{}, dc.Errorf(dc.Unavailable, "its answer can't be read: %w", err)
	}
	return found, nil
}

package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1/agentv1connect"
	"hanok/dc"
	"hanok/internal/pki"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Config is what the service needs.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// CA signs the certificates of hosts and recognizes them.
	CA *pki.CA
	// Images is the folder with the images: each a file whose name is the 64 hexadecimal digits of its digest.
	Images string
	// Heartbeat is how often hosts are to show that they are alive; 0 is 5 s. After three of them a silent host is not
	// responding.
	Heartbeat time.Duration
	// Statistics may be nil: what hosts measure is thrown away then.
	Statistics Statistics
	// Log may be nil.
	Log *slog.Logger
}

// Service is the manager's end of all hosts' connections. It is safe for concurrent use.
type Service struct {
	cfg Config
	// ctx ends with Close.
	ctx   context.Context
	close context.CancelFunc

	mu       sync.Mutex
	links    map[dc.HostID]*link
	changing map[dc.HostID]*sync.Mutex // held while a host's link changes
	usage    map[dc.DatastoreID]dc.DatastoreUsage
	progress map[dc.VirtualMachineID]progress
	orphans  map[dc.VirtualMachineID]dc.Orphan
	refused  map[dc.HostID]Refusal
	tickets  map[string]*ticket
}

type progress struct {
	host        dc.HostID
	done, total int64
}

// New returns a service without connections, which follows the store. Call Close before the store's.
func New(cfg Config) *Service {
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{
		cfg: cfg, ctx: ctx, close: cancel, links: map[dc.HostID]*link{}, changing: map[dc.HostID]*sync.Mutex{},
		usage: map[dc.DatastoreID]dc.DatastoreUsage{}, progress: map[dc.VirtualMachineID]progress{},
		orphans: map[dc.VirtualMachineID]dc.Orphan{}, refused: map[dc.HostID]Refusal{}, tickets: map[string]*ticket{},
	}
	go s.feed()
	return s
}

// Close ends all connections and streams; new ones are refused. Without it an http.Server waits for them in Shutdown.
func (s *Service) Close() { s.close() }

// Handler serves the agent protocol: everything below /hanok.agent.v1.AgentService/ and /agent/. It belongs on a server
// with TLS settings as of pki.CA.ServerConfig, HTTP/2, and no time limit on requests and responses.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	// What a thousand hosts get is not compressed: it takes more of the manager than to send it, and a megabyte for each that does.
	path, protocol := agentv1connect.NewAgentServiceHandler(protocolHandler{s}, connect.WithCompression("gzip", nil, nil))
	mux.Handle(path, s.withPeer(protocol))
	mux.HandleFunc("GET /agent/ca.pem", s.serveAuthority)
	mux.Handle("GET /agent/images/{digest}", s.withPeer(http.HandlerFunc(s.serveImage)))
	mux.Handle("GET /agent/disks/{machine}/{key}", s.withPeer(http.HandlerFunc(s.serveDisk)))
	mux.Handle("GET /agent/stream/{ticket}", s.withPeer(http.HandlerFunc(s.serveStream)))
	return mux
}

// Connected reports whether the host's agent is connected to this manager.
func (s *Service) Connected(host dc.HostID) bool { return s.link(host) != nil }

// Configures reports whether the host's agent is connected and speaks a version of the protocol in which hardware changes.
func (s *Service) Configures(host dc.HostID) bool {
	l := s.link(host)
	return l != nil && l.protocol >= convert.ConfiguringProtocol
}

// Offers reports whether the host's agent is connected and has the features.
func (s *Service) Offers(host dc.HostID, features []dc.HostFeature) bool {
	l := s.link(host)
	return l != nil && dc.HasAll(l.features, features)
}

// Executes reports whether the host's agent has words for the hardware by its version of the protocol and its features, in a machine whose folder
// has that name or has none yet. An agent that is not connected may be another one when it is.
func (s *Service) Executes(host dc.HostID, h dc.Hardware, folder string) bool {
	l := s.link(host)
	return l == nil || convert.SpeaksMachine(l.protocol, l.features, dc.Machine{Hardware: h, Folder: folder})
}

// Usage returns how full the datastore was when its host last said so; ok is false where it never did.
func (s *Service) Usage(ds dc.DatastoreID) (u dc.DatastoreUsage, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok = s.usage[ds]
	return u, ok
}

// Progress returns how many bytes of the machine's files are made, and of how many; ok is false while none are.
func (s *Service) Progress(vm dc.VirtualMachineID) (done, total int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.progress[vm]
	return p.done, p.total, ok
}

func (s *Service) link(host dc.HostID) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[host]
}

// change returns with the lock on the host's connection taken; the caller releases it.
func (s *Service) change(host dc.HostID) (release func()) {
	s.mu.Lock()
	lock := s.changing[host]
	if lock == nil {
		lock = new(sync.Mutex)
		s.changing[host] = lock
	}
	s.mu.Unlock()
	lock.Lock()
	return lock.Unlock
}

func fenceName(host dc.HostID) string { return "host/" + string(host) }

// MarkUnconnected marks all hosts as not responding that the store says are connected and that are not. A manager calls it
// when it begins to lead, before it serves Handler: the one before it may have died without doing so.
func (s *Service) MarkUnconnected(ctx context.Context) error {
	var errs []error
	for host := range store.List[*dc.Host](s.cfg.Store.View()) {
		if host.Status.Connection == dc.Connected {
			errs = append(errs, s.markUnconnected(ctx, host.ID))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) markUnconnected(ctx context.Context, host dc.HostID) error {
	defer s.change(host)()
	if s.link(host) != nil {
		return nil
	}
	fence, err := s.cfg.Store.TakeFence(ctx, fenceName(host)) // a late write of the earlier connection must not follow
	if err != nil {
		return err
	}
	return s.commitLost(ctx, host, fence, "the manager was restarted")
}

// commitLost writes down that the host's agent can't be talked to.
func (s *Service) commitLost(ctx context.Context, host dc.HostID, fence store.Fence, why string) error {
	return s.cfg.Store.Change(ctx, func(tx *store.Tx) error {
		tx.Require(fence)
		h, err := store.Load[*dc.Host](tx, dc.ID(host))
		if dc.KindOf(err) == dc.NotFound || err == nil && h.Status.Connection != dc.Connected {
			return nil
		} else if err != nil {
			return err
		}
		h.Status.Connection = dc.NotResponding
		tx.Put(h)
		if h.Spec.Disconnected {
			return nil // who wanted it records it
		}
		event.Add(tx, time.Now(), dc.Event{Type: dc.EventHostLost, Target: dc.ID(host), TargetName: h.Name,
			Message: "the connection to " + dc.Describe(dc.KindHost, h.Name) + " was lost: " + why})
		return nil
	})
}

// commitConnected writes down what the host says of itself.
func (s *Service) commitConnected(ctx context.Context, p *peer, fence store.Fence, facts dc.HostStatus) error {
	return s.cfg.Store.Change(ctx, func(tx *store.Tx) error {
		tx.Require(fence)
		h, err := store.Load[*dc.Host](tx, dc.ID(p.host))
		if err != nil {
			return err
		}
		if err := p.checkWelcome(h); err != nil {
			return err
		}
		before := h.Status.Connection
		h.Status, h.Status.Connection, h.Certified = facts, dc.Connected, p.issued
		tx.Put(h)
		if before != dc.Connected {
			event.Add(tx, time.Now(), dc.Event{Type: dc.EventHostConnected, Target: dc.ID(p.host), TargetName: h.Name,
				Message: dc.Describe(dc.KindHost, h.Name) + " is connected"})
		}
		return nil
	})
}

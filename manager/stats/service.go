package stats

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"hanok/dc"
	"hanok/internal/durable"
	"hanok/manager/access"
	"hanok/manager/store"
)

// Hosts are asked for the samples that only they have.
type Hosts interface {
	// Series returns the samples of 20 s of an object on the host; an empty object is the host itself.
	Series(ctx context.Context, host dc.HostID, q dc.SeriesQuery) ([]dc.Series, error)
}

const (
	// queueLength is how many rolled-up frames wait to be written at most, and batchObjects how many figures are written at once:
	// that bounds what the writing has in memory.
	queueLength  = 2048
	batchFigures = 200_000
	// gather is how long the first frame of a batch waits for others: hosts send theirs at about the same time.
	gather = 2 * time.Second
	// sweepPace is how often what is over is dropped.
	sweepPace = 5 * time.Minute
)

// Service keeps and shows statistics. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	log    *slog.Logger
	hosts  Hosts
	newest *newest
	db     *database
	queue  chan waiting
}

// waiting is a frame that is to be written.
type waiting struct {
	frame dc.Frame
	kept  func()
}

// Open opens the statistics in the file at path, which is made if need be, with its folder; a damaged one is set aside. Close it after Run.
func Open(st *store.Store, acc *access.Service, path string, log *slog.Logger) (*Service, error) {
	err := durable.MkdirAll(filepath.Dir(path), 0o700)
	var db *database
	if err == nil {
		db, err = openDatabase(path, log)
	}
	if err != nil {
		return nil, dc.Errorf(dc.Unavailable, "the statistics can't be opened: %w", err).Fix("look at the file %s, or remove it: only statistics are in it", path)
	}
	return &Service{store: st, access: acc, log: log, newest: newNewest(), db: db, queue: make(chan waiting, queueLength)}, nil
}

// Ask says whom to ask for samples of 20 s. It is called before any other method.
func (s *Service) Ask(hosts Hosts) { s.hosts = hosts }

// Close ends the use of the file.
func (s *Service) Close() error { return s.db.close() }

// Measured takes the newest samples of a host and what is on it.
func (s *Service) Measured(host dc.HostID, f dc.Frame) { s.newest.set(host, f) }

// Keep takes a rolled-up frame, and calls kept once it is on the disk. Where that cannot be done, kept is never called: the host
// sends the frame again.
func (s *Service) Keep(f dc.Frame, kept func()) {
	select {
	case s.queue <- waiting{f, kept}:
	default:
	}
}

// Now returns the newest values of a whole object, or nil where nothing was measured within the last minute. The slice is shared.
// It checks no privilege: what shows it to users does.
func (s *Service) Now(object dc.ID) []dc.CounterValue {
	return s.newest.of(object, time.Now())
}

// Run writes what comes and drops what is over, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepPace)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-sweep.C:
			s.newest.forget(time.Now())
			if err := s.db.expire(time.Now()); err != nil {
				s.log.Warn("old statistics can't be dropped", "err", err)
			}
		case first := <-s.queue:
			s.write(ctx, first)
		}
	}
}

// write writes a frame and those that come soon after it.
func (s *Service) write(ctx context.Context, first waiting) {
	batch, figures := []waiting{first}, len(first.frame.Figures)
	soon := time.NewTimer(gather)
	defer soon.Stop()
	for figures < batchFigures {
		select {
		case w := <-s.queue:
			batch, figures = append(batch, w), figures+len(w.frame.Figures)
			continue
		case <-soon.C:
		case <-ctx.Done():
		}
		break
	}
	frames := make([]dc.Frame, len(batch))
	for i, w := range batch {
		frames[i] = w.frame
	}
	if err := s.db.keep(frames); err != nil {
		s.log.Warn("statistics can't be written", "err", err)
		return
	}
	for _, w := range batch {
		w.kept()
	}
}

// Query returns the series of a host, virtual machine or datastore; period is dc.SampleInterval or that of one of dc.Intervals.
// Kinds: Unauthenticated, Denied, NotFound, Invalid for another period and an object of another kind, Unavailable where the host
// that has the samples is not connected.
func (s *Service) Query(ctx context.Context, by dc.Caller, period time.Duration, q dc.SeriesQuery) ([]dc.Series, error) {
	if err := s.access.Authorize(by, dc.PrivRead, q.Object); err != nil {
		return nil, err
	}
	hosts, err := s.find(q.Object)
	if err != nil {
		return nil, err
	}
	if q.Max < 0 {
		return nil, dc.Errorf(dc.Invalid, "%d samples can't be returned", q.Max).Fix("give 1 or more, or 0 for all")
	}
	if period == dc.SampleInterval {
		return s.realTime(ctx, hosts, q)
	}
	for i, interval := range dc.Intervals() {
		if interval.Period == period {
			return s.db.query(i, q, time.Now())
		}
	}
	return nil, dc.Errorf(dc.Invalid, "statistics of intervals of %v are not kept", period).Fix("ask for intervals of 20s, 5m, 30m or 2h")
}

// realTime asks the first of the hosts that answers.
func (s *Service) realTime(ctx context.Context, hosts []dc.HostID, q dc.SeriesQuery) (out []dc.Series, err error) {
	for _, host := range hosts {
		asked := q
		if q.Object == dc.ID(host) {
			asked.Object = ""
		}
		if out, err = s.hosts.Series(ctx, host, asked); err == nil {
			return out, nil
		}
	}
	return []dc.Series{}, err // a machine may never have been on a host
}

// find returns the hosts that measure an object.
func (s *Service) find(id dc.ID) ([]dc.HostID, error) {
	switch o := s.store.View().Find(id).(type) {
	case *dc.Host:
		return []dc.HostID{o.ID}, nil
	case *dc.VirtualMachine:
		if o.Spec.Host == "" {
			return nil, nil
		}
		return []dc.HostID{o.Spec.Host}, nil
	case *dc.Datastore:
		return o.Spec.Hosts(), nil
	}
	return nil, dc.Errorf(dc.Invalid, "%q has no statistics", id).Fix("name a host, a virtual machine or a datastore")
}

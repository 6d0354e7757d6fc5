// Package audit keeps the audit log: who called what, from where, on what, and how it ended, for every call that changes something,
// that was denied, or that logs in. It is a chain: each record has the SHA-256 of the one before, so that nobody changes, removes,
// inserts or reorders one without it being found (Verify). The facades' call wrappers write it; users list and verify it (Service).
//
// It is not the memory of events, which says what happened to objects, nor the service's log, which is for people who look for a
// defect. It knows no protocol, and holds no secrets: what may be recorded of a request is the facade's to choose.
//
// The log is a folder of files of 16 MiB, each named after its first record; of more than 32 the oldest is removed, and a record
// says so. A line is the SHA-256 of a record in hexadecimal, a blank, and the record in JSON. A call that changes something is on
// the disk (fsync) before it is carried out, together with those that wait at the same time; what is recorded at the end of a call
// is written at once and reaches the disk with the next fsync, five seconds later at most. What a crash leaves of a line stays, and
// the next record has its checksum. A manager has one log of its own: several managers of one store have several.
package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"hanok/dc"
)

const (
	// fileSize is how large a file grows, in bytes.
	fileSize = 16 << 20
	// maxFiles is how many files are kept.
	maxFiles = 32
	// maxWaiting is how many records wait for room on the disk.
	maxWaiting = 1000
	// syncTime is how long a record that nobody waits for may not be on the disk.
	syncTime = 5 * time.Second
	// strangerBurst and strangerPace bound the records of calls and logins by nobody: anybody can cause them.
	strangerBurst, strangerPace = 100, time.Second
)

// file is what the log does with an open file.
type file interface {
	Write([]byte) (int, error)
	Truncate(int64) error
	Sync() error
	Close() error
}

// Log is an audit log that is written. It is safe for concurrent use.
type Log struct {
	folder    string
	size      int64 // of a file, at most
	keep      int   // files
	log       *slog.Logger
	open      func(path string) (file, error)
	strangers *rate.Limiter

	mu      sync.Mutex
	last    file
	length  int64 // of last
	chain   link  // the newest record
	broken  bool  // nobody knows what last holds: it is opened anew
	leftOut int64 // records of strangers
	waiting []dc.AuditRecord
	timer   *time.Timer
	closed  bool

	syncing sync.Mutex
	synced  atomic.Int64 // the number of the newest record that is on the disk
	// kept is read-locked while somebody reads files, which are not removed then.
	kept sync.RWMutex
}

// link is the end of a chain.
type link struct {
	number int64
	sum    string
}

// Open opens the log in the folder, which is made if need be, and closes what a crash has left behind. Errors are those of the
// file system, and Internal for a log whose end can't be read.
func Open(folder string, log *slog.Logger) (*Log, error) {
	l := &Log{folder: folder, size: fileSize, keep: maxFiles, log: log, open: appendTo,
		strangers: rate.NewLimiter(rate.Every(strangerPace), strangerBurst)}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l, l.reopen()
}

func appendTo(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// Close writes what waits and lets go of the files. Later records fail.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	_ = l.flush() // what can't be written now is in the service's log
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.last == nil {
		return nil
	}
	return errors.Join(l.last.Sync(), l.last.Close())
}

// Begin records that a call is about to be carried out that changes something, and returns when the record is on the disk. The
// error is of kind Exhausted: the call must not be carried out. A call that helps against a full disk is carried out even then,
// and its record waits in memory.
func (l *Log) Begin(r dc.AuditRecord, helps bool) error {
	r.Result = dc.AuditBegun
	l.mu.Lock()
	err := l.append(r)
	number, f := l.chain.number, l.last
	if err != nil && helps {
		l.wait(r)
	}
	l.mu.Unlock()
	if err == nil {
		err = l.sync(number, f)
	}
	if err == nil || helps {
		return nil
	}
	return &dc.Error{Kind: dc.Exhausted, Object: "the audit log", Message: "it can't be written, and nothing is changed that it does not have: " + reason(err), Err: err,
		Remedy: "make room on the disk of the manager's data folder; logins and deletions of machines and files still work"}
}

// End records how a call ended. A record that can't be written waits in memory until there is room.
func (l *Log) End(r dc.AuditRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Result == dc.AuditResult(dc.Unauthenticated) {
		if !l.strangers.Allow() {
			l.leftOut++
			return
		}
		if l.leftOut > 0 {
			r.Message = fmt.Sprintf("%d more before it that were not authenticated are not recorded", l.leftOut)
			l.leftOut = 0
		}
	}
	if err := l.append(r); err != nil {
		l.wait(r)
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(syncTime, l.syncLate)
	}
}

// wait keeps a record in memory. The caller holds mu.
func (l *Log) wait(r dc.AuditRecord) {
	l.log.Warn("the audit log can't be written", "call", r.Call, "user", r.User, "result", r.Result, "request", r.Request, "objects", r.Objects)
	if len(l.waiting) < maxWaiting {
		r.Time = time.Now().UTC()
		l.waiting = append(l.waiting, r)
	}
}

// syncLate brings to the disk what nobody waits for.
func (l *Log) syncLate() {
	l.mu.Lock()
	l.timer = nil
	_ = l.flush() // or with the next record
	number, f, closed := l.chain.number, l.last, l.closed
	l.mu.Unlock()
	if !closed {
		if err := l.sync(number, f); err != nil {
			l.log.Warn("the audit log can't be brought to the disk", "err", err)
		}
	}
}

// sync returns when the record of the number, which was written to f, is on the disk.
func (l *Log) sync(number int64, f file) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.synced.Load() >= number {
		return nil
	}
	l.mu.Lock()
	upto, now := l.chain.number, l.last
	l.mu.Unlock()
	var err error
	if now == f {
		err = f.Sync()
	}
	switch {
	case now != f || errors.Is(err, os.ErrClosed): // another file has begun
		if l.synced.Load() < number {
			return errors.New("the file could not be brought to the disk")
		}
	case err != nil:
		l.mu.Lock()
		l.broken = true
		l.mu.Unlock()
		return err
	default:
		l.synced.Store(upto)
	}
	return nil
}

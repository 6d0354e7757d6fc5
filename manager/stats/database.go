package stats

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"hanok/dc"
	"hanok/internal/durable"
)

// database is the samples of all historical intervals on the disk, in one file: a bucket for each interval, in it one for each
// end of an interval, and there a value for each object. So what belongs to one moment lies together, is written together, and goes
// as a whole.
type database struct {
	path string
	log  *slog.Logger

	mu sync.RWMutex // held for reading while db is used
	db *bbolt.DB
}

// openDatabase opens the file, and makes it if need be. One that can't be read is set aside, and a new one begun: what it holds can
// be done without. The error is that of a disk that takes no new one either.
func openDatabase(path string, log *slog.Logger) (*database, error) {
	d := &database{path: path, log: log}
	db, err := d.open()
	if err == nil {
		d.db = db
		return d, nil
	}
	if !damaged(err) {
		return nil, err
	}
	return d, d.startAnew(err)
}

// openTime bounds the wait for the lock on the file.
const openTime = 5 * time.Second

func (d *database) open() (db *bbolt.DB, err error) {
	defer recovered(&err)
	db, err = bbolt.Open(d.path, 0o600, &bbolt.Options{Timeout: openTime, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for i := range dc.Intervals() {
			if _, err := tx.CreateBucketIfNotExists(intervalKey(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// errDamaged is what a file is whose pages make no sense.
var errDamaged = errors.New("the file is damaged")

// recovered makes an error of the panic by which the database tells that a page makes no sense.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: %v", errDamaged, v)
	}
}

// damaged reports whether the error says that the file's content is the reason.
func damaged(err error) bool {
	var errno syscall.Errno
	var path *fs.PathError
	switch {
	case errors.Is(err, errDamaged), errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return true
	case errors.Is(err, berrors.ErrTimeout), errors.As(err, &errno), errors.As(err, &path):
		return false
	}
	return true // such as a file that is shorter than its pages
}

// startAnew sets the file aside and begins a new one.
func (d *database) startAnew(why error) error {
	aside := fmt.Sprintf("%s.damaged-%d", d.path, time.Now().UnixNano())
	d.log.Error("the statistics can't be read: they are set aside, and new ones begun", "file", d.path, "aside", aside, "err", why)
	if err := os.Rename(d.path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := durable.SyncDir(filepath.Dir(d.path)); err != nil {
		return err
	}
	db, err := d.open()
	d.db = db
	return err
}

// heal begins a new file where err says that this one is damaged, and returns err.
func (d *database) heal(err error) error {
	if err == nil || !errors.Is(err, errDamaged) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// A file whose pages make no sense may not be closed in order either.
	func() {
		defer recovered(new(error))
		_ = d.db.Close()
	}()
	return errors.Join(err, d.startAnew(err))
}

// close ends the use of the file.
func (d *database) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.db.Close()
}

func intervalKey(i int) []byte { return []byte{byte('0' + i)} }

func endKey(end time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(end.Unix())) }

// keep adds frames of the finest interval to all intervals, all of them or none. Figures of an object and an end that are there
// already change nothing.
func (d *database) keep(frames []dc.Frame) error {
	err := d.use(func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			for _, f := range frames {
				if err := keepFrame(tx, f); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return d.heal(err)
}

func (d *database) use(f func(*bbolt.DB) error) (err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.db == nil {
		return dc.Errorf(dc.Unavailable, "the statistics can't be kept: their file could not be made").Fix("make space on the manager's disk, and start it again")
	}
	defer recovered(&err)
	return f(d.db)
}

// fill is how full a page is when another one is begun. What belongs to one moment comes nearly at once and hardly grows later: with
// bbolt's half, half of the file would be empty.
const fill = 0.9

func keepFrame(tx *bbolt.Tx, f dc.Frame) error {
	var ends []*bbolt.Bucket
	var moments []int64
	for i, interval := range dc.Intervals() {
		whole := f.End.Truncate(interval.Period)
		if !whole.Equal(f.End) {
			whole = whole.Add(interval.Period)
		}
		b, err := tx.Bucket(intervalKey(i)).CreateBucketIfNotExists(endKey(whole))
		if err != nil {
			return err
		}
		b.FillPercent = fill
		ends = append(ends, b)
		moments = append(moments, int64((interval.Period - whole.Sub(f.End)).Seconds()))
	}
	for begin := 0; begin < len(f.Figures); {
		end := begin + 1
		for end < len(f.Figures) && f.Figures[end].Object == f.Figures[begin].Object {
			end++
		}
		if err := keepObject(ends, moments, f.Figures[begin:end]); err != nil {
			return err
		}
		begin = end
	}
	return nil
}

func keepObject(ends []*bbolt.Bucket, moments []int64, figures []dc.Figure) error {
	key := []byte(figures[0].Object)
	if ends[0].Get(key) != nil {
		return nil
	}
	for i, b := range ends {
		v, err := parseValue(b.Get(key))
		if err != nil {
			return err
		}
		n := make(value, len(figures))
		for j, f := range figures {
			n[j] = cell{counter: f.Counter, count: 1, sum: f.Value, last: f.Value, moment: moments[i]}
		}
		if err := b.Put(key, appendValue(nil, v.with(n))); err != nil {
			return err
		}
	}
	return nil
}

// query returns the series of an object in an interval, in the order of counters. now tells what is over.
func (d *database) query(interval int, q dc.SeriesQuery, now time.Time) ([]dc.Series, error) {
	if oldest := now.Add(-dc.Intervals()[interval].Span); q.Start.Before(oldest) {
		q.Start = oldest
	}
	series := map[dc.CounterID]*dc.Series{}
	err := d.use(func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			all := tx.Bucket(intervalKey(interval))
			cursor := all.Cursor()
			for k, _ := cursor.Seek(endKey(q.Start)); k != nil; k, _ = cursor.Next() {
				if len(k) != 8 {
					return errValue
				}
				end := time.Unix(int64(binary.BigEndian.Uint64(k)), 0).UTC()
				if !q.Within(end) {
					continue
				}
				v, err := parseValue(all.Bucket(k).Get([]byte(q.Object)))
				if err != nil {
					return err
				}
				for _, c := range v {
					if !q.Wants(dc.Figure{Object: q.Object, Counter: c.counter}) {
						continue
					}
					if series[c.counter] == nil {
						series[c.counter] = &dc.Series{Counter: c.counter}
					}
					s := series[c.counter]
					s.Samples = append(s.Samples, dc.Sample{End: end, Value: dc.RollUp(c.counter, c.sum, c.count, c.last)})
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, d.heal(err)
	}
	out := []dc.Series{}
	for _, c := range dc.Counters() {
		if s := series[c.ID]; s != nil {
			s.Samples = q.Newest(s.Samples)
			out = append(out, *s)
		}
	}
	return out, nil
}

// expire drops what is over. Its space is used again.
func (d *database) expire(now time.Time) error {
	err := d.use(func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			for i, interval := range dc.Intervals() {
				b := tx.Bucket(intervalKey(i))
				var over [][]byte
				cursor := b.Cursor()
				for k, _ := cursor.First(); k != nil && int64(binary.BigEndian.Uint64(k)) < now.Add(-interval.Span).Unix(); k, _ = cursor.Next() {
					over = append(over, append([]byte{}, k...))
				}
				for _, k := range over {
					if err := b.DeleteBucket(k); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	return d.heal(err)
}

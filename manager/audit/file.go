package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"hanok/dc"
	"hanok/internal/durable"
)

// sumLength is that of a SHA-256 in hexadecimal.
const sumLength = 2 * sha256.Size

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// encode returns the line of a record, without its end, and its checksum.
func encode(r dc.AuditRecord) (line []byte, sum string, err error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, "", err
	}
	sum = sumOf(data)
	return append([]byte(sum+" "), data...), sum, nil
}

// decode is the inverse of encode. ok is false for what is no record, or is not the one that was written.
func decode(line []byte) (r dc.AuditRecord, sum string, ok bool) {
	if len(line) < sumLength+1 || line[sumLength] != ' ' {
		return r, "", false
	}
	sum, data := string(line[:sumLength]), line[sumLength+1:]
	if sumOf(data) != sum || json.Unmarshal(data, &r) != nil {
		return dc.AuditRecord{}, "", false
	}
	return r, sum, true
}

// whole fits a line that no crash has cut off.
var whole = regexp.MustCompile(`^[0-9a-f]{64} \{.*\}$`)

var fileName = regexp.MustCompile(`^audit-[0-9]{16}\.log$`)

// names returns the names of the files in a folder, oldest first; none where it is not there.
func names(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if fileName.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

func nameFor(number int64) string { return fmt.Sprintf("audit-%016d.log", number) }

// read returns the content of a file, but no more than any file has.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 2*fileSize+1))
	if err == nil && len(data) > 2*fileSize {
		err = dc.Errorf(dc.Internal, "it is larger than any file of an audit log").On("file " + path).Fix("move it away, and keep it")
	}
	return data, err
}

// reopen finds the end of the log and closes what a crash has left behind it. The caller holds mu.
func (l *Log) reopen() error {
	l.broken = true
	if l.last != nil {
		_ = l.last.Close() // nobody relies on it any more
		l.last = nil
	}
	if err := durable.MkdirAll(l.folder, 0o700); err != nil {
		return err
	}
	all, err := names(l.folder)
	if err != nil {
		return err
	}
	l.chain, l.length = link{}, 0
	var rest []byte // what follows the last record in the last file
	for i, name := range slices.Backward(all) {
		data, err := read(filepath.Join(l.folder, name))
		if err != nil {
			return err
		}
		end, after := tail(data)
		if i == len(all)-1 {
			l.length, rest = int64(len(data)), data[after:]
		}
		if end.number > 0 {
			l.chain = end
			break
		}
	}
	name := nameFor(1)
	if len(all) > 0 {
		name = all[len(all)-1]
	}
	if l.last, err = l.open(filepath.Join(l.folder, name)); err != nil {
		return err
	}
	if err := errors.Join(l.last.Sync(), durable.SyncDir(l.folder)); err != nil {
		return err
	}
	l.synced.Store(l.chain.number)
	if len(rest) > 0 {
		end := []byte("\n")
		if rest[len(rest)-1] == '\n' {
			end = nil
		}
		note := dc.AuditRecord{Call: "AuditLog.Open", Result: dc.AuditNote, Gap: sumOf(append(slices.Clone(rest), end...)),
			Message: fmt.Sprintf("the manager ended in the middle of a record: %d bytes before this one are none", len(rest))}
		if err := l.write(note, end); err != nil {
			return err
		}
	}
	l.broken = false
	return nil
}

// tail returns the last record of a file's content, with the number 0 where there is none, and where it ends.
func tail(data []byte) (end link, after int) {
	for at := 0; ; {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			return end, after
		}
		r, sum, ok := decode(data[at : at+n])
		at += n + 1
		if ok {
			end, after = link{r.Number, sum}, at
		}
	}
}

// append adds a record behind those that wait. The caller holds mu.
func (l *Log) append(r dc.AuditRecord) error {
	if err := l.flush(); err != nil {
		return err
	}
	return l.add(r)
}

// flush writes the records that wait. The caller holds mu.
func (l *Log) flush() error {
	if l.closed {
		return fs.ErrClosed
	}
	if l.broken {
		if err := l.reopen(); err != nil {
			l.broken = true
			return err
		}
	}
	for len(l.waiting) > 0 {
		if err := l.add(l.waiting[0]); err != nil {
			return err
		}
		l.waiting = l.waiting[1:]
	}
	return nil
}

// add writes a record, to the next file where this one is full.
func (l *Log) add(r dc.AuditRecord) error {
	if l.length >= l.size {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	return l.write(r, nil)
}

// write writes a record behind the bytes before, or nothing.
func (l *Log) write(r dc.AuditRecord, before []byte) error {
	r.Number, r.Previous = l.chain.number+1, l.chain.sum
	if r.Time.IsZero() {
		r.Time = time.Now().UTC()
	}
	line, sum, err := encode(r)
	if err != nil {
		return err
	}
	data := append(append(slices.Clone(before), line...), '\n')
	n, err := l.last.Write(data)
	if err != nil {
		if n > 0 && l.last.Truncate(l.length) != nil {
			l.broken = true
		}
		return err
	}
	l.length += int64(len(data))
	l.chain = link{r.Number, sum}
	return nil
}

// rotate begins the next file, and removes the oldest where there are too many.
func (l *Log) rotate() error {
	if err := l.last.Sync(); err != nil {
		l.broken = true
		return err
	}
	next, err := l.open(filepath.Join(l.folder, nameFor(l.chain.number+1)))
	if err != nil {
		return err
	}
	if err := durable.SyncDir(l.folder); err != nil {
		next.Close()
		return err
	}
	l.synced.Store(l.chain.number)
	_ = l.last.Close() // it is on the disk
	l.last, l.length = next, 0
	return l.trim()
}

// trim removes the oldest files of too many, after a record says so, unless somebody reads.
func (l *Log) trim() error {
	if !l.kept.TryLock() {
		return nil // then after the next file
	}
	defer l.kept.Unlock()
	all, err := names(l.folder)
	if err != nil {
		return err
	}
	for ; len(all) > l.keep; all = all[1:] {
		var upto int64
		if _, err := fmt.Sscanf(all[1], "audit-%d.log", &upto); err != nil {
			return err
		}
		upto--
		note := dc.AuditRecord{Call: "AuditLog.Trim", Result: dc.AuditNote, Removed: upto,
			Message: fmt.Sprintf("the records up to %d are removed with the oldest file", upto)}
		if err := l.write(note, nil); err != nil {
			return err
		}
		if err := l.last.Sync(); err != nil {
			l.broken = true
			return err
		}
		if err := durable.Remove(filepath.Join(l.folder, all[0])); err != nil {
			return err
		}
	}
	return nil
}

// reason returns why a file could not be written, without its path.
func reason(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	return "its files can't be used"
}

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
)

func openLog(t *testing.T, folder string) *Log {
	t.Helper()
	l, err := Open(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// add records n calls.
func add(t *testing.T, l *Log, n int) {
	t.Helper()
	for i := range n {
		r := dc.AuditRecord{User: "alice", Call: "UserService.CreateUser", Objects: map[string]string{"name": fmt.Sprint("user", i)}, Request: fmt.Sprint(i)}
		if err := l.Begin(r, false); err != nil {
			t.Fatal(err)
		}
		r.Result = dc.AuditOK
		l.End(r)
	}
}

func verify(t *testing.T, folder, known string) *dc.AuditReport {
	t.Helper()
	report, err := Verify(folder, known)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func wantWhole(t *testing.T, r *dc.AuditReport, first, last int64) {
	t.Helper()
	if len(r.Problems) > 0 || r.First != first || r.Last != last || r.Records != last-first+1 {
		t.Errorf("%+v, want the records %d to %d", r, first, last)
	}
}

func TestChain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "audit")
	l := openLog(t, folder)
	add(t, l, 3)
	head := verify(t, folder, "").Head
	l.Close()
	if err := l.Begin(dc.AuditRecord{}, false); dc.KindOf(err) != dc.Exhausted {
		t.Errorf("a call after the end: %v", err)
	}
	add(t, openLog(t, folder), 2)
	wantWhole(t, verify(t, folder, head), 1, 10)
	if _, err := Verify(t.TempDir(), ""); dc.KindOf(err) != dc.NotFound {
		t.Errorf("a folder without a log: %v", err)
	}
	for _, bad := range []string{"x", "1", "0:" + head[2:], "1:short"} {
		if _, err := Verify(folder, bad); dc.KindOf(err) != dc.Invalid {
			t.Errorf("the head %q: %v", bad, err)
		}
	}
}

// TestTampering changes a log of six records in each way, and looks for what the verification says of it.
func TestTampering(t *testing.T) {
	line := func(r dc.AuditRecord) []byte {
		data, _, err := encode(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, test := range []struct {
		name   string
		tamper func(lines [][]byte) [][]byte
		line   int
		want   string
	}{
		{"changed", func(l [][]byte) [][]byte { l[2] = bytes.Replace(l[2], []byte("alice"), []byte("bobby"), 1); return l }, 3, "the record after 2 was changed"},
		{"changed at the end", func(l [][]byte) [][]byte { l[5] = bytes.Replace(l[5], []byte("alice"), []byte("bobby"), 1); return l }, 6, "the record after 5 was changed"},
		{"exchanged", func(l [][]byte) [][]byte {
			r, _, _ := decode(l[2])
			r.User = "bobby"
			l[2] = line(r)
			return l
		}, 4, "which was changed or exchanged"},
		{"removed", func(l [][]byte) [][]byte { return slices.Delete(l, 2, 4) }, 3, "the records 3 to 4 before it are missing"},
		{"removed at the beginning", func(l [][]byte) [][]byte { return l[2:] }, 0, "the records before 3 are missing"},
		{"removed at the end", func(l [][]byte) [][]byte { return l[:4] }, 0, "the record that was noted is missing"},
		{"inserted", func(l [][]byte) [][]byte {
			_, sum, _ := decode(l[2])
			return slices.Insert(l, 3, line(dc.AuditRecord{Number: 3, Previous: sum, Call: "forged"}))
		}, 4, "it stands after record 3: inserted"},
		{"reordered", func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l }, 4, "it stands after record 4: inserted, or out of order"},
		{"no record", func(l [][]byte) [][]byte { return slices.Insert(l, 3, []byte("nothing")) }, 4, "this is no record"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			l := openLog(t, folder)
			add(t, l, 3)
			l.Close()
			head := verify(t, folder, "").Head
			path := filepath.Join(folder, nameFor(1))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := test.tamper(bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")))
			if err := os.WriteFile(path, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			problems := verify(t, folder, head).Problems
			if !slices.ContainsFunc(problems, func(p dc.AuditProblem) bool { return p.Line == test.line && strings.Contains(p.Message, test.want) }) {
				t.Errorf("%+v, want line %d, %q", problems, test.line, test.want)
			}
		})
	}
}

// TestTorn cuts the log at every byte of its last record, as a crash does, and once more in what follows.
func TestTorn(t *testing.T) {
	whole := t.TempDir()
	l := openLog(t, whole)
	add(t, l, 2)
	l.Close()
	data, err := os.ReadFile(filepath.Join(whole, nameFor(1)))
	if err != nil {
		t.Fatal(err)
	}
	begin := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for at := begin; at < len(data); at += 7 {
		folder := t.TempDir()
		path := filepath.Join(folder, nameFor(1))
		torn := slices.Clone(data[:at])
		if at%2 == 0 {
			torn = append(torn, make([]byte, 5000)...) // which some file systems leave
		}
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, folder)
		add(t, l, 1)
		l.Close()
		gaps := int64(0)
		if len(torn) > begin {
			gaps = 1
		}
		report := verify(t, folder, "")
		if report.Gaps != gaps || len(report.Problems) > 0 || report.Last != 5+gaps {
			t.Fatalf("cut at %d of %d: %+v", at, len(data), report)
		}
		again, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, again[:len(torn)+20], 0o600); err != nil { // in the record that closes the gap
			t.Fatal(err)
		}
		openLog(t, folder).Close()
		if report := verify(t, folder, ""); report.Gaps != 1 || len(report.Problems) > 0 {
			t.Fatalf("cut at %d and again: %+v", at, report)
		}
	}
}

func TestRotation(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	l.size, l.keep = 2000, 3
	add(t, l, 100)
	s := NewService(l, allowed{})
	all, err := names(folder)
	if err != nil || len(all) != 3 {
		t.Fatalf("files %v, %v", all, err)
	}
	report, err := s.Verify(dc.System, "")
	if err != nil || len(report.Problems) > 0 || report.First == 1 || report.First+report.Records-1 != report.Last {
		t.Errorf("%+v, %v", report, err)
	}
	newest, err := s.List(dc.System, dc.AuditQuery{Limit: 8})
	if err != nil || len(newest) != 8 || newest[0].Number != report.Last || newest[7].Number != report.Last-7 {
		t.Errorf("%+v, %v", newest, err)
	}
	l.Close()
	wantWhole(t, verify(t, folder, ""), report.First, report.Last)
	if err := os.Remove(filepath.Join(folder, all[0])); err != nil {
		t.Fatal(err)
	}
	if p := verify(t, folder, "").Problems; len(p) != 1 || !strings.Contains(p[0].Message, "are missing") {
		t.Errorf("without the oldest file: %+v", p)
	}
}

// allowed lets everybody do everything.
type allowed struct{}

func (allowed) Authorize(dc.Caller, dc.Privilege, dc.ID) error { return nil }

// fullDisk is a file on a disk with room for so many bytes more.
type fullDisk struct {
	file
	room *int
}

func (f fullDisk) Write(p []byte) (int, error) {
	if len(p) > *f.room {
		n, _ := f.file.Write(p[:*f.room])
		*f.room = 0
		return n, syscall.ENOSPC
	}
	*f.room -= len(p)
	return f.file.Write(p)
}

func TestFullDisk(t *testing.T) {
	folder, room := t.TempDir(), 1000
	l := openLog(t, folder)
	l.last = fullDisk{l.last, &room}
	add(t, l, 1)
	room = 100
	err := l.Begin(dc.AuditRecord{Call: "UserService.CreateUser"}, false)
	if dc.KindOf(err) != dc.Exhausted || !strings.Contains(err.Error(), "no space left on device") || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a call on a full disk: %v", err)
	}
	if err := l.Begin(dc.AuditRecord{Call: "DatastoreService.DeleteFile"}, true); err != nil {
		t.Errorf("a call that helps: %v", err)
	}
	l.End(dc.AuditRecord{Call: "DatastoreService.DeleteFile", Result: dc.AuditOK})
	wantWhole(t, verify(t, folder, ""), 1, 2)
	room = 10_000
	add(t, l, 1)
	wantWhole(t, verify(t, folder, ""), 1, 6)
	records, err := NewService(l, allowed{}).List(dc.System, dc.AuditQuery{Call: "Datastore*", Limit: 10})
	if err != nil || len(records) != 2 || records[0].Result != dc.AuditOK || records[1].Result != dc.AuditBegun {
		t.Errorf("what was recorded late: %+v, %v", records, err)
	}
}

// TestSyncFails sees that a call whose record is not on the disk is not carried out, and that the log goes on.
func TestSyncFails(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	add(t, l, 1)
	l.last = badSync{l.last}
	if err := l.Begin(dc.AuditRecord{Call: "UserService.CreateUser"}, false); dc.KindOf(err) != dc.Exhausted {
		t.Errorf("a call whose record is not on the disk: %v", err)
	}
	add(t, l, 1)
	wantWhole(t, verify(t, folder, ""), 1, 5)
}

type badSync struct{ file }

func (badSync) Sync() error { return syscall.EIO }

func TestManyAtOnce(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	l.size, l.keep = 5000, 1000
	s := NewService(l, allowed{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { add(t, l, 50) })
		all.Go(func() {
			if r, err := s.Verify(dc.System, ""); err != nil || len(r.Problems) > 0 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	all.Wait()
	wantWhole(t, verify(t, folder, ""), 1, 800)
}

func TestRunningLogKnowsItsEnd(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	add(t, l, 2)
	path := filepath.Join(folder, nameFor(1))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1], 0o600); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, verify(t, folder, ""), 1, 3)
	r, err := NewService(l, allowed{}).Verify(dc.System, "")
	if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Message, "does not end with the record") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestStrangers sees that nobody washes the log away without a login.
func TestStrangers(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	for range 3 * strangerBurst {
		l.End(dc.AuditRecord{Call: "SessionService.Login", Result: dc.AuditResult(dc.Unauthenticated)})
	}
	if r := verify(t, folder, ""); r.Records < strangerBurst || r.Records > 2*strangerBurst {
		t.Errorf("%d records", r.Records)
	}
}

func TestQuery(t *testing.T) {
	l := openLog(t, t.TempDir())
	start := time.Now().Add(-time.Hour)
	for i, r := range []dc.AuditRecord{
		{User: "alice", Call: "UserService.CreateUser", Objects: map[string]string{"name": "bob"}, Result: dc.AuditOK, Request: "x"},
		{User: "bob", Call: "HostService.RemoveHost", Objects: map[string]string{"host": "alpha"}, Result: dc.AuditResult(dc.Denied)},
		{User: "alice", Call: "UserService.DeleteUser", Objects: map[string]string{"user": "bob"}, Result: dc.AuditOK},
	} {
		r.Time = start.Add(time.Duration(i) * time.Minute)
		l.End(r)
	}
	s := NewService(l, allowed{})
	for _, test := range []struct {
		q    dc.AuditQuery
		want string
	}{
		{dc.AuditQuery{}, "3 2 1 "},
		{dc.AuditQuery{User: "alice"}, "3 1 "},
		{dc.AuditQuery{Call: "UserService.*"}, "3 1 "},
		{dc.AuditQuery{Object: "bob"}, "3 1 "},
		{dc.AuditQuery{Result: "Denied"}, "2 "},
		{dc.AuditQuery{Request: "x"}, "1 "},
		{dc.AuditQuery{Since: start.Add(time.Minute)}, "3 2 "},
		{dc.AuditQuery{Until: start.Add(time.Minute)}, "2 1 "},
		{dc.AuditQuery{Limit: 1}, "3 "},
	} {
		if test.q.Limit == 0 {
			test.q.Limit = 10
		}
		got := ""
		records, err := s.List(dc.System, test.q)
		for _, r := range records {
			got += fmt.Sprint(r.Number, " ")
		}
		if got != test.want || err != nil {
			t.Errorf("%+v: %q, want %q (%v)", test.q, got, test.want, err)
		}
	}
	for _, bad := range []dc.AuditQuery{{}, {Limit: -1}, {Limit: maxListed + 1}, {Limit: 1, Call: "["}} {
		if _, err := s.List(dc.System, bad); dc.KindOf(err) != dc.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestEveryCallIsAuthorized(t *testing.T) {
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	accesstest.Check(t, NewService(openLog(t, t.TempDir()), access.New(st, slog.New(slog.DiscardHandler))))
}

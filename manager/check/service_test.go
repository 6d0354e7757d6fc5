package check

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/dispatch"
	"hanok/manager/store"
)

// answers are hosts that answer with what the functions write.
type answers struct {
	mu    sync.Mutex
	asked map[dc.HostID]int
	hosts map[dc.HostID]func(io.WriteCloser)
}

func (a *answers) OpenStream(_ context.Context, host dc.HostID, vm dc.VirtualMachineID, kind string) (net.Conn, error) {
	a.mu.Lock()
	a.asked[host]++
	a.mu.Unlock()
	if kind != dispatch.StreamInspect || vm != "" {
		return nil, dc.Errorf(dc.Invalid, "no stream of %q and kind %q", vm, kind)
	}
	near, far := net.Pipe()
	go a.hosts[host](far)
	return near, nil
}

func inspection(of dc.Inspection) func(io.WriteCloser) {
	return func(w io.WriteCloser) {
		defer w.Close()
		_ = json.NewEncoder(w).Encode(of)
	}
}

// service returns one over a store with the objects of a world, whose hosts answer as in it.
func service(t *testing.T, w *world) (*Service, *answers) {
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	for _, o := range w.objects {
		if err := st.Change(t.Context(), func(tx *store.Tx) error { tx.Put(o); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	hosts := &answers{asked: map[dc.HostID]int{}, hosts: map[dc.HostID]func(io.WriteCloser){}}
	for id, h := range w.hosts {
		for i, r := range h.Records {
			h.Records[i].Assignment.Revision = w.objects[dc.ID(r.File)].Metadata().Revision
		}
		hosts.hosts[id] = inspection(h.Inspection)
	}
	return New(st, access.New(st, slog.New(slog.DiscardHandler)), hosts), hosts
}

func examine(t *testing.T, s *Service) (all []Finding, took time.Duration) {
	t.Helper()
	begin := time.Now()
	results, err := s.Examine(t.Context(), dc.System)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		all = append(all, r.Findings...)
	}
	return all, time.Since(begin)
}

func TestExamine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hosts := service(t, newWorld(t))
		if found, took := examine(t, s); len(found) > 0 || took > 0 {
			t.Errorf("in a healthy data center, after %v: %+v", took, found)
		}
		if hosts.asked["host-1"] != 1 || hosts.asked["host-2"] != 1 {
			t.Errorf("hosts were asked %v times", hosts.asked)
		}
	})
}

// TestMoment: what a host shows in one moment only is nothing.
func TestMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, hosts := service(t, w)
		usual, rounds := hosts.hosts["host-1"], 0
		hosts.hosts["host-1"] = func(c io.WriteCloser) {
			if rounds++; rounds <= enough-1 {
				odd := w.hosts["host-1"].Inspection
				odd.Processes = nil
				inspection(odd)(c)
				return
			}
			usual(c)
		}
		if found, _ := examine(t, s); len(found) > 0 {
			t.Errorf("found %+v", found)
		}
		if rounds != enough {
			t.Errorf("it took %d rounds, want %d", rounds, enough)
		}
		hosts.hosts["host-1"] = func(c io.WriteCloser) {
			odd := w.hosts["host-1"].Inspection
			odd.Processes = nil
			inspection(odd)(c)
		}
		if found, _ := examine(t, s); len(found) != 1 || found[0].Promise != Executions || found[0].ID != "vm-1" {
			t.Errorf("found %+v", found)
		}
	})
}

// TestAnswers: hosts that don't answer as they should are said, and wait for nobody.
func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(io.WriteCloser)
		says   string
	}{
		"nothing":      {func(w io.WriteCloser) {}, "deadline"},
		"no JSON":      {func(w io.WriteCloser) { io.WriteString(w, "<html>"); w.Close() }, "invalid character"},
		"half":         {func(w io.WriteCloser) { io.WriteString(w, `{"records": [`); w.Close() }, "unexpected EOF"},
		"no end":       {func(w io.WriteCloser) { io.WriteString(w, `{"records": [`) }, "deadline"},
		"goodbye":      {func(w io.WriteCloser) { w.Close() }, "EOF"},
		"another form": {func(w io.WriteCloser) { io.WriteString(w, `{"processes": "yes"}`); w.Close() }, "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, hosts := service(t, newWorld(t))
				hosts.hosts["host-1"] = test.answer
				found, took := examine(t, s)
				if len(found) != 1 || found[0].Promise != Examined || found[0].ID != "host-1" || !strings.Contains(found[0].Message, test.says) {
					t.Errorf("found %+v, want %q", found, test.says)
				}
				if took > answerTime {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestSilentOnce: a host that does not answer is waited for once, however often the others have to be asked.
func TestSilentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, hosts := service(t, w)
		hosts.hosts["host-2"] = func(io.WriteCloser) {}
		odd := w.hosts["host-1"].Inspection
		odd.Processes = nil
		hosts.hosts["host-1"] = inspection(odd)
		found, _ := examine(t, s)
		if len(found) != 2 || hosts.asked["host-1"] != enough || hosts.asked["host-2"] != 1 {
			t.Errorf("hosts were asked %v times, and found was %+v", hosts.asked, found)
		}
	})
}

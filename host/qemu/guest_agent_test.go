package qemu

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hanok/dc"
)

// guestPeer plays the agent in a guest: what it answers to each command, "" for nothing at all.
type guestPeer func(command string) (answer string)

// guestLab returns a driver with a machine that has no QEMU, only a guest whose agent is the peer.
func guestLab(t *testing.T, peer guestPeer) (*Driver, *machine) {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, agentSocket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go peer.serve(conn)
		}
	}()
	d := &Driver{log: slog.New(slog.DiscardHandler), changes: newChanges(), live: map[dc.VirtualMachineID]*machine{}}
	t.Cleanup(d.changes.close)
	ctx, cancel := context.WithCancel(context.Background())
	m := &machine{d: d, spec: tinyMachine(), sockets: dir, ctx: ctx, cancel: cancel, ended: make(chan struct{}),
		wake: make(chan struct{}), agentOpen: true}
	d.live[m.spec.ID] = m
	t.Cleanup(func() {
		cancel()
		m.disconnect()
		m.work.Wait()
	})
	return d, m
}

func (peer guestPeer) serve(conn net.Conn) {
	defer conn.Close()
	for lines := json.NewDecoder(skipSentinels{conn}); ; {
		var c struct {
			Execute   string
			Arguments struct{ ID uint64 }
		}
		if lines.Decode(&c) != nil {
			return
		}
		if c.Execute == "guest-sync-delimited" {
			if peer(c.Execute) == "" {
				id, _ := json.Marshal(c.Arguments.ID)
				io.WriteString(conn, "\xff"+`{"return": `+string(id)+"}\n")
			}
			continue
		}
		io.WriteString(conn, peer(c.Execute))
	}
}

// skipSentinels drops the bytes with which each synchronization begins.
type skipSentinels struct{ io.Reader }

func (s skipSentinels) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	clean := strings.ReplaceAll(string(p[:n]), "\xff", "")
	return copy(p, clean), err
}

func TestAskAll(t *testing.T) {
	known := dc.Guest{AgentRunning: true, Hostname: "before", Addresses: []string{"10.0.0.1"}, OS: "an OS"}
	refuse := `{"error": {"class": "CommandNotFound", "desc": "disabled"}}` + "\n"
	tests := []struct {
		name string
		peer guestPeer
		want dc.Guest
	}{
		{"all", func(c string) string {
			return map[string]string{
				"guest-network-get-interfaces": `{"return": [{"ip-addresses": [{"ip-address": "10.0.2.15"}]}]}` + "\n",
				"guest-get-host-name":          `{"return": {"host-name": "hello"}}` + "\n",
				"guest-get-osinfo":             `{"return": {"pretty-name": "Debian"}}` + "\n",
			}[c]
		}, dc.Guest{AgentRunning: true, Hostname: "hello", Addresses: []string{"10.0.2.15"}, OS: "Debian"}},
		{"no pretty name", func(c string) string {
			return map[string]string{
				"guest-network-get-interfaces": `{"return": []}` + "\n",
				"guest-get-host-name":          `{"return": {}}` + "\n",
				"guest-get-osinfo":             `{"return": {"name": "NetBSD", "version": "10"}}` + "\n",
			}[c]
		}, dc.Guest{AgentRunning: true, OS: "NetBSD 10"}},
		{"refusals", func(c string) string {
			if c == "guest-sync-delimited" {
				return ""
			}
			return refuse
		}, known},
		{"garbage", func(c string) string {
			if c == "guest-sync-delimited" {
				return ""
			}
			return "login: \n"
		}, dc.Guest{}},
		{"of another shape", func(c string) string {
			if c == "guest-sync-delimited" {
				return ""
			}
			return `{"return": "surprise"}` + "\n"
		}, dc.Guest{}},
		{"too much", func(c string) string {
			if c == "guest-sync-delimited" {
				return ""
			}
			return strings.Repeat("x", 16<<20)
		}, dc.Guest{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, m := guestLab(t, test.peer)
			if got := m.askAll(known); !got.Equal(test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// What the agent says is taken in, and forgotten when its port is closed.
func TestWatchGuest(t *testing.T) {
	_, m := guestLab(t, func(c string) string {
		return map[string]string{
			"guest-network-get-interfaces": `{"return": [{"ip-addresses": [{"ip-address": "10.0.2.15"}]}]}` + "\n",
			"guest-get-host-name":          `{"return": {"host-name": "hello"}}` + "\n",
			"guest-get-osinfo":             `{"return": {"pretty-name": "Debian"}}` + "\n",
		}[c]
	})
	m.work.Go(m.watchGuest)
	until := func(what string, cond func() bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := m.await(ctx, cond); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	known := func() bool { return m.guest.Hostname == "hello" && len(m.guest.Addresses) == 1 }
	until("an address", known)
	m.update(func() { m.agentOpen = false })
	until("nothing", func() bool { return m.guest.Equal(dc.Guest{}) })
	m.update(func() { m.agentOpen = true })
	until("an address again", known)
}

func TestPowerErrors(t *testing.T) {
	tests := []struct {
		name  string
		peer  guestPeer
		kind  dc.ErrorKind
		words string
	}{
		{"no answer", func(c string) string { return "silent" }, dc.Unavailable, "no guest agent answered, so the guest was not asked to"},
		{"refused", func(c string) string {
			return map[string]string{"guest-ping": `{"return": {}}` + "\n",
				"guest-shutdown": `{"error": {"class": "CommandNotFound", "desc": "it is disabled"}}` + "\n"}[c]
		}, dc.WrongState, "refused the"},
		{"accepted", func(c string) string {
			return map[string]string{"guest-ping": `{"return": {}}` + "\n"}[c]
		}, dc.Unavailable, "ago and still runs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, m := guestLab(t, test.peer)
			for word, ask := range map[string]func(context.Context, dc.VirtualMachineID) error{
				"shutdown": d.ShutdownGuest, "reboot": d.RebootGuest,
			} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				err := ask(ctx, m.spec.ID)
				cancel()
				if dc.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.words) || !strings.Contains(err.Error(), word) {
					t.Errorf("%s: error %v of kind %s, want %s and %q", word, err, dc.KindOf(err), test.kind, test.words)
				}
				if dc.FailureOf(err).Remedy == "" {
					t.Errorf("%s: %v has no remedy", word, err)
				}
			}
		})
	}
}

// A guest that goes down instead of rebooting has not rebooted.
func TestRebootThatIsNone(t *testing.T) {
	asked := make(chan struct{}, 1)
	d, m := guestLab(t, func(c string) string {
		if c == "guest-shutdown" {
			asked <- struct{}{}
		}
		return map[string]string{"guest-ping": `{"return": {}}` + "\n"}[c]
	})
	done := make(chan error)
	go func() { done <- d.RebootGuest(t.Context(), m.spec.ID) }()
	<-asked
	close(m.ended)
	if err := <-done; dc.KindOf(err) != dc.WrongState || !strings.Contains(err.Error(), "powered itself off instead") {
		t.Errorf("error %v", err)
	}
}

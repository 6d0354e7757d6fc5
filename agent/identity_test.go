package agent

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hanok/dc"
)

func (h *host) identityBytes() string {
	data, err := os.ReadFile(filepath.Join(h.dir, identityFile))
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	return string(data)
}

// serial returns the serial number of the certificate on the host's disk.
func (h *host) serial() string {
	h.t.Helper()
	var id identity
	if err := json.Unmarshal([]byte(h.identityBytes()), &id); err != nil {
		h.t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(id.Certificate))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	return cert.SerialNumber.String()
}

// A host gives its token to nobody but the manager that made it, and joins nobody else.
func TestJoinIsRefused(t *testing.T) {
	tests := []struct {
		name  string
		token func(good string) string
		parts []string
	}{
		{"half a token", func(good string) string { return strings.TrimSuffix(good[:20], ".") }, []string{"not whole", "copy all"}},
		{"another authority", func(good string) string { return "secret." + strings.Repeat("0", 64) }, []string{"is not the manager that made the token", "in its place"}},
		{"no fingerprint", func(good string) string { return "secret." }, []string{"is not the manager that made the token"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newManager(t)
			m.start()
			defer m.stop()
			h := newHost(t, m)
			h.token = test.token("secretsecretsecretsecret." + m.token()[len("secret."):])
			p := h.start()
			defer p.die()
			err := p.end()
			if dc.KindOf(err) != dc.Unauthenticated {
				t.Fatalf("the agent ended with %v, want kind Unauthenticated", err)
			}
			for _, part := range test.parts {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
			if n := m.joins.Load(); n != 0 {
				t.Errorf("the token was sent %d times", n)
			}
			if got := h.identityBytes(); got != "" {
				t.Errorf("the host has an identity: %s", got)
			}
		})
	}
}

// A host that has a token joins again: as the same host it gets a certificate, as another one it stays what it was.
func TestJoinAgain(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	first := h.start()
	m.untilDone("vm-1", dc.PoweredOn)
	first.kill()
	before := h.serial()

	h.token = m.token()
	m.joinAs = "host-2"
	other := h.start()
	err := other.end()
	if dc.KindOf(err) != dc.WrongState || !strings.Contains(err.Error(), "this machine is the host host-1, and the token has made it the host host-2") {
		t.Errorf("joining as another host: %v", err)
	}
	other.die()
	if h.serial() != before {
		t.Error("the identity was replaced by another host's")
	}

	m.joinAs = "host-1"
	m.forgetReports()
	again := h.start()
	defer func() { again.kill() }()
	m.untilDone("vm-1", dc.PoweredOn)
	if h.serial() == before {
		t.Error("joining again brought no new certificate")
	}
	again.kill()

	// One that the inventory no longer knows becomes another one, and what it has goes on.
	m.joinAs, m.unknown = "host-2", "host-1"
	m.forgetReports()
	m.change(func() { clear(m.machines) })
	connected := make(chan dc.HostID, 1)
	again = h.prepare()
	again.agent.cfg.Connected = func(id dc.HostID) { connected <- id }
	again.run()
	if id := <-connected; id != "host-2" {
		t.Errorf("it has joined as %s", id)
	}
	m.until("vm-1", "a report", func(s dc.VirtualMachineStatus) bool { return s.Power == dc.PoweredOn })
	if n := h.world.Count("vm-1", "start"); n != 1 {
		t.Errorf("the machine was started %d times", n)
	}
}

// A certificate of which two thirds are over is replaced while the host works, and later connections show the new one.
func TestRenewal(t *testing.T) {
	m := newManager(t)
	m.age = 61 * 24 * time.Hour // of 90 days
	shown := make(chan string, 16)
	m.shown = func(serial string) { shown <- serial }
	m.start()
	defer m.stop()
	h := newHost(t, m)
	written := make(chan struct{}, 16)
	h.around = func(_ *process, what string, do func() error) error {
		err := do()
		if what == "write "+identityFile {
			written <- struct{}{}
		}
		return err
	}
	p := h.start()
	defer p.kill()
	<-written
	first := <-shown
	<-written
	renewed := h.serial()
	if renewed == first {
		t.Fatal("the certificate on the disk is the first one")
	}
	m.stop() // and the next connection
	m.start()
	for late := time.After(patience); ; {
		select {
		case serial := <-shown:
			if serial != renewed {
				continue
			}
		case <-late:
			t.Error("no connection shows the new certificate")
		}
		break
	}
	if n := m.renews.Load(); n != 1 {
		t.Errorf("the certificate was renewed %d times, want once", n)
	}
}

// A host whose certificate has run out is refused by the manager, and its machines run on; a token lets it in again.
func TestExpiredCertificate(t *testing.T) {
	m := newManager(t)
	m.start()
	h := newHost(t, m)
	m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	first := h.start()
	m.untilDone("vm-1", dc.PoweredOn)
	first.kill()

	m.age = 91 * 24 * time.Hour
	h.token = m.token()
	second := h.prepare()
	second.agent.cfg.Connected = func(dc.HostID) { t.Error("a certificate that had run out was accepted") }
	refused := make(chan string, 1)
	second.agent.cfg.Log = slog.New(slog.NewTextHandler(logTap{"no connection to the manager", refused}, nil))
	second.run()
	if line := <-refused; !strings.Contains(line, "certificate") {
		t.Errorf("the log does not say why there is no connection: %s", line)
	}
	second.kill()

	m.age = 0
	m.forgetReports()
	third := h.start()
	defer third.kill()
	defer m.stop()
	m.untilDone("vm-1", dc.PoweredOn)
	if n := h.world.Count("vm-1", "start"); n != 1 {
		t.Errorf("the machine was started %d times", n)
	}
}

// logTap passes the first line on that has a text in it.
type logTap struct {
	text string
	to   chan<- string
}

func (l logTap) Write(line []byte) (int, error) {
	if strings.Contains(string(line), l.text) {
		select {
		case l.to <- string(line):
		default:
		}
	}
	return len(line), nil
}

package qemu

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"hanok/dc"
	"hanok/internal/qmp"
)

const (
	// guestTime bounds the guest agent's answer to one question.
	guestTime = 5 * time.Second
	// eager and calm are the times between two rounds of questions: until the guest has an address, and after that.
	eager = time.Second
	calm  = 10 * time.Second
	// What a guest may make this host keep and pass on.
	maxGuestText      = 255
	maxGuestAddresses = 64
)

// watchGuest asks the guest's agent for what is known of the guest for as long as its port is open. The agent, like
// everything inside the guest, may say anything at any time.
func (m *machine) watchGuest() {
	for {
		m.mu.Lock()
		open, wake, guest := m.agentOpen, m.wake, m.guest
		m.mu.Unlock()
		if !open {
			if !guest.Equal(dc.Guest{}) {
				m.setGuest(dc.Guest{})
			}
			select {
			case <-wake:
				continue
			case <-m.ctx.Done():
				return
			}
		}
		guest = m.askAll(guest)
		if m.ctx.Err() != nil {
			return
		}
		m.setGuest(guest)
		pause := calm
		if len(guest.Addresses) == 0 {
			pause = eager
		}
		if !m.closedWithin(pause) {
			return
		}
	}
}

// closedWithin waits until the agent's port is closed or the time has passed; false means that the machine is over.
func (m *machine) closedWithin(pause time.Duration) bool {
	ctx, cancel := context.WithTimeout(m.ctx, pause)
	defer cancel()
	_ = m.await(ctx, func() bool { return !m.agentOpen }) // the caller looks what it was
	return m.ctx.Err() == nil
}

// setGuest notes what is known of the guest if that is something new, unless the agent's port was closed meanwhile.
func (m *machine) setGuest(guest dc.Guest) {
	m.mu.Lock()
	news := !guest.Equal(m.guest) && (m.agentOpen || guest.Equal(dc.Guest{}))
	m.mu.Unlock()
	if news {
		m.update(func() { m.guest = guest })
	}
}

// askAll asks all questions. What the agent refuses to tell is as it was; an agent that does not answer is not running.
func (m *machine) askAll(guest dc.Guest) dc.Guest {
	var interfaces []guestInterface
	var name struct {
		Name string `json:"host-name"`
	}
	var system struct {
		Pretty  string `json:"pretty-name"`
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	for _, question := range []struct {
		command string
		result  any
		take    func()
	}{
		{"guest-network-get-interfaces", &interfaces, func() { guest.Addresses = addressesOf(interfaces) }},
		{"guest-get-host-name", &name, func() { guest.Hostname = plain(name.Name) }},
		{"guest-get-osinfo", &system, func() {
			guest.OS = plain(cmp.Or(system.Pretty, strings.TrimSpace(system.Name+" "+system.Version)))
		}},
	} {
		ctx, cancel := context.WithTimeout(m.ctx, guestTime)
		err := m.askGuest(ctx, question.command, nil, question.result)
		cancel()
		var refusal *qmp.Error
		switch {
		case err == nil:
			question.take()
		case errors.As(err, &refusal):
		default:
			return dc.Guest{}
		}
		guest.AgentRunning = true
	}
	return guest
}

// askGuest sends a command to the guest's agent.
func (m *machine) askGuest(ctx context.Context, command string, args, result any) error {
	agent, err := m.guestAgent(ctx)
	if err != nil {
		return err
	}
	err = agent.Execute(ctx, command, args, result)
	var refusal *qmp.Error
	if err != nil && !errors.As(err, &refusal) && ctx.Err() == nil {
		// The connection has ended, or what came was no answer: begin anew.
		m.mu.Lock()
		if m.agent == agent {
			m.agent = nil
		}
		m.mu.Unlock()
		agent.Close()
	}
	return err
}

// guestAgent returns the connection to the agent's port, which all callers share.
func (m *machine) guestAgent(ctx context.Context) (*qmp.Agent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return nil, m.ctx.Err()
	}
	if m.agent == nil {
		// QEMU takes the connection whatever the guest does.
		agent, err := qmp.DialAgent(ctx, filepath.Join(m.sockets, agentSocket))
		if err != nil {
			return nil, err
		}
		m.agent = agent
	}
	return m.agent, nil
}

// guestInterface is a part of what guest-network-get-interfaces returns.
type guestInterface struct {
	Addresses []struct {
		Address string `json:"ip-address"`
	} `json:"ip-addresses"`
}

// addressesOf returns the addresses by which others may reach the guest, IPv4 first, in the guest's order.
func addressesOf(interfaces []guestInterface) []string {
	var found []netip.Addr
	for _, i := range interfaces {
		for _, a := range i.Addresses {
			addr, err := netip.ParseAddr(a.Address)
			if err != nil || addr.Zone() != "" || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() {
				continue
			}
			if addr = addr.Unmap(); len(found) < maxGuestAddresses && !slices.Contains(found, addr) {
				found = append(found, addr)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) })
	var texts []string
	for _, addr := range found {
		texts = append(texts, addr.String())
	}
	return texts
}

// plain makes a guest's text one that can be shown anywhere: a bounded line of printable characters.
func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= maxGuestText {
			break
		}
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

package dispatch_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/internal/pki"
	"hanok/manager/store"
)

// TestLife is the life of a machine on a host, while the agent and the manager come and go.
func TestLife(t *testing.T) {
	c := newCenter(t, time.Second)
	b := c.join("box")
	if n := c.events(dc.EventHostAdded, dc.ID(b.id)) + c.events(dc.EventHostConnected, dc.ID(b.id)); n != 2 {
		t.Errorf("%d events of the host, want that it joined and that it is connected", n)
	}
	if !c.svc.Connected(b.id) || c.svc.Connected("host-other") {
		t.Error("the wrong hosts are connected")
	}
	c.datastore("datastore-1", b.id, "/one")
	c.machine("vm-01", b.id, "datastore-1", c.image("the content"))
	ready := func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady && s.Power == dc.PoweredOff }
	c.untilVM("vm-01", "files", ready)
	c.until("open datastore", func(v *store.View) bool {
		ds, err := store.Get[*dc.Datastore](v, "datastore-1")
		return err == nil && ds.Status.Accessible && ds.Status.CapacityBytes > 0
	})
	if _, _, ok := c.svc.Progress("vm-01"); ok {
		t.Error("files are still being made")
	}
	c.power("vm-01", dc.PowerOn)
	running := func(s dc.VirtualMachineStatus) bool {
		return s.Outcome.Generation == 1 && s.Power == dc.PoweredOn && len(s.Guest.Addresses) == 1 && !s.Booted.IsZero()
	}
	c.untilVM("vm-01", "address of the guest", running)

	// The agent dies and comes back. The certificate is enough, the token was used up.
	b.stop()
	c.untilConnection(b.id, dc.NotResponding)
	if _, err := c.svc.OpenStream(t.Context(), b.id, "vm-01", "serial"); dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), `host "box"`) {
		t.Errorf("a stream of a host that is away: %v", err)
	}
	b.world.PowerOffGuest("vm-01") // while nobody looks
	b.start("")
	c.untilConnection(b.id, dc.Connected)
	c.untilVM("vm-01", "loss of power", func(s dc.VirtualMachineStatus) bool { return s.Power == dc.PoweredOff && s.Fault == nil })
	c.power("vm-01", dc.PowerOn)
	c.untilVM("vm-01", "second start", func(s dc.VirtualMachineStatus) bool { return s.Outcome.Generation == 2 && s.Power == dc.PoweredOn })

	// The manager dies and comes back, with a request that nobody has heard of.
	c.stop()
	c.power("vm-01", dc.Reset)
	c.start()
	c.untilVM("vm-01", "reset", func(s dc.VirtualMachineStatus) bool { return s.Outcome.Generation == 3 })
	b.world.Crash("vm-01", "the last words")
	c.untilVM("vm-01", "fault", func(s dc.VirtualMachineStatus) bool {
		return s.Power == dc.PoweredOff && s.Fault != nil && strings.HasSuffix(s.Fault.Message, "the last words")
	})
	if starts, resets := b.world.Count("vm-01", "start"), b.world.Count("vm-01", "reset"); starts != 2 || resets != 1 {
		t.Errorf("%d starts and %d resets, want 2 and 1", starts, resets)
	}

	// The tombstone; and when the object is gone, the host's own copy goes too.
	file := filepath.Join(b.dir, "machines", "vm-01.json")
	c.vm("vm-01", func(vm *dc.VirtualMachine) { vm.Spec.Deleted = true })
	c.untilVM("vm-01", "removal", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved })
	if left := b.world.Folders("/one"); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("the tombstone was forgotten before the manager has: ", err)
	}
	c.change(func(tx *store.Tx) {
		vm, err := store.Load[*dc.VirtualMachine](tx, "vm-01")
		c.ok(err)
		tx.Delete(vm)
	})
	c.eventually("end of the record", func() bool { _, err := os.Stat(file); return os.IsNotExist(err) })
}

// eventually waits for something that tells nobody when it happens.
func (c *center) eventually(what string, done func() bool) {
	c.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("no %s", what)
		}
	}
}

func TestStreams(t *testing.T) {
	c := newCenter(t, time.Second)
	b := c.join("box")
	c.datastore("datastore-1", b.id, "/one")
	c.machine("vm-01", b.id, "datastore-1", "")
	c.untilVM("vm-01", "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	_, err := c.svc.OpenStream(t.Context(), b.id, "vm-01", "serial")
	c.kind(err, dc.WrongState)
	_, err = c.svc.OpenStream(t.Context(), b.id, "vm-01", "smell")
	c.kind(err, dc.Invalid)
	c.power("vm-01", dc.PowerOn)
	c.untilVM("vm-01", "guest", func(s dc.VirtualMachineStatus) bool { return s.Guest.AgentRunning })

	serial, err := c.svc.OpenStream(t.Context(), b.id, "vm-01", "serial")
	c.ok(err)
	defer serial.Close()
	lines := bufio.NewReader(serial)
	for _, typed := range []string{"", "root\r"} {
		if _, err := io.WriteString(serial, typed); err != nil {
			t.Fatal(err)
		}
		if prompt, err := lines.ReadString(':'); err != nil || !strings.HasSuffix(prompt, "vm-01 login:") {
			t.Fatalf("after %q: %q, %v", typed, prompt, err)
		}
	}
	screen, err := c.svc.OpenStream(t.Context(), b.id, "vm-01", "screenshot")
	c.ok(err)
	defer screen.Close()
	picture, err := io.ReadAll(screen) // to its end
	c.ok(err)
	if _, err := png.Decode(strings.NewReader(string(picture))); err != nil {
		t.Error(err)
	}
	// The end of the machine is the end of its console.
	c.power("vm-01", dc.PowerOff)
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Log("the console ends with", err)
	}
}

// TestTicket: a ticket is its host's alone, and good for one connection.
func TestTicket(t *testing.T) {
	c := newCenter(t, time.Minute)
	p, thief := c.joinPuppet("owner"), c.joinPuppet("thief")
	k := p.dial()
	type opened struct {
		conn io.ReadWriteCloser
		err  error
	}
	result := make(chan opened, 1)
	go func() {
		conn, err := c.svc.OpenStream(t.Context(), p.id, "vm-01", "vnc")
		result <- opened{conn, err}
	}()
	var request *agentv1.OpenStream
	for request == nil {
		request = k.receive().GetOpenStream()
	}
	if request.MachineId != "vm-01" || request.Kind != "vnc" {
		t.Errorf("asked for %v", request)
	}
	thief.dial()
	dial := func(p *puppet, ticket string) int {
		t.Helper()
		config := p.config.Clone()
		config.NextProtos = []string{"http/1.1"}
		ws, response, err := websocket.Dial(t.Context(), c.url()+"/agent/stream/"+ticket,
			&websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: config}}})
		if err == nil {
			t.Cleanup(func() { ws.CloseNow() })
		} else if response == nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	for _, test := range []struct {
		who    string
		p      *puppet
		ticket string
		want   int
	}{
		{"another host", thief, request.Ticket, http.StatusNotFound},
		{"nobody", c.anonymous(), request.Ticket, http.StatusUnauthorized},
		{"with no ticket", p, "guess", http.StatusNotFound},
		{"its host", p, request.Ticket, http.StatusSwitchingProtocols},
		{"its host again", p, request.Ticket, http.StatusNotFound},
	} {
		if got := dial(test.p, test.ticket); got != test.want {
			t.Errorf("%s: %d, want %d", test.who, got, test.want)
		}
	}
	if r := <-result; r.err != nil {
		t.Error(r.err)
	} else {
		r.conn.Close()
	}
	// A thief can't spoil a stream by saying that it failed; its owner can.
	go func() {
		conn, err := c.svc.OpenStream(t.Context(), p.id, "vm-01", "vnc")
		result <- opened{conn, err}
	}()
	for request = nil; request == nil; {
		request = k.receive().GetOpenStream()
	}
	k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_StreamFailed{StreamFailed: &agentv1.StreamFailed{Ticket: request.Ticket,
		Failure: convert.Failure(&dc.Failure{Kind: dc.WrongState, Message: "it is off"})}}})
	if r := <-result; dc.KindOf(r.err) != dc.WrongState {
		t.Errorf("the stream's failure became %v", r.err)
	}
}

func TestJoin(t *testing.T) {
	c := newCenter(t, time.Minute)
	refused := func(name, token string, want dc.ErrorKind) {
		t.Helper()
		if _, err := c.tryJoin(name, token); dc.KindOf(err) != want {
			t.Errorf("join as %q: %v, want kind %q", name, err, want)
		}
	}
	refused("box", "wrong", dc.Unauthenticated)
	refused("box", "", dc.Unauthenticated)

	token := c.token()
	refused("../box", token, dc.Invalid) // which leaves the token as it is
	first, err := c.tryJoin("box", token)
	c.ok(err)
	refused("other", token, dc.Unauthenticated) // used

	token = c.token()
	c.change(func(tx *store.Tx) {
		for jt := range store.List[*dc.JoinToken](tx.View()) {
			expired := *jt
			expired.Expires = time.Now().Add(-time.Second)
			tx.Put(&expired)
		}
	})
	refused("other", token, dc.Unauthenticated) // expired
	c.token()
	n := 0
	for range store.List[*dc.JoinToken](c.store.View()) {
		n++
	}
	if n != 1 {
		t.Errorf("%d tokens are stored, want the last one without the expired one", n)
	}
	_, _, err = c.svc.CreateJoinToken(t.Context(), dc.System, "domain-c9")
	c.kind(err, dc.NotFound)
	_, _, err = c.svc.CreateJoinToken(t.Context(), dc.Caller{Name: "reader", User: "user-1", Role: dc.RoleReadOnly}, cluster)
	c.kind(err, dc.Denied)

	// One that never connected is replaced, and its certificate is worth nothing then; one that did is not.
	second := c.joinPuppet("box")
	if second.id == first.id {
		t.Error("two hosts have one ID")
	}
	k := first.call()
	c.kind(k.end(), dc.NotFound)
	second.dial()
	refused("box", c.token(), dc.Exists)
}

// A certificate is good until the host has shown one that was issued later.
func TestOlderCertificate(t *testing.T) {
	c := newCenter(t, time.Minute)
	first := c.joinPuppet("box")
	first.dial()
	second := c.certified(first.id, c.ca, time.Now().Add(time.Minute))
	first.dial() // the newer one was not seen yet
	second.dial()
	c.kind(first.call().end(), dc.Unauthenticated)
	_, err := first.api.Renew(t.Context(), &agentv1.RenewRequest{})
	c.kind(convert.FromError(err), dc.Unauthenticated)
	c.untilConnection(first.id, dc.Connected) // the newer one's stands
}

func TestHello(t *testing.T) {
	c := newCenter(t, 50*time.Millisecond)
	p := c.joinPuppet("box")
	c.kind(c.anonymous().call().end(), dc.Unauthenticated)

	// A host of another data center's making, with an ID of this one.
	other, err := pki.NewCA(time.Now())
	c.ok(err)
	if err := c.certified(p.id, other, time.Now()).call().end(); err == nil {
		t.Error("a foreign certificate was accepted")
	}

	c.kind(p.greet(&agentv1.Hello{Protocol: 99}).end(), dc.Unsupported)
	k := p.call()
	k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Heartbeat{Heartbeat: &agentv1.Heartbeat{}}})
	c.kind(k.end(), dc.Invalid)
	c.kind(p.call().end(), dc.Unavailable) // nothing was said in time
	if h, err := store.Get[*dc.Host](c.store.View(), dc.ID(p.id)); err != nil || h.Status.Connection != "" {
		t.Errorf("a host that was never connected is %q, %v", h.Status.Connection, err)
	}
}

// TestAssignments: what was sent is not sent again until something else is asked for.
func TestAssignments(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.datastore("datastore-1", p.id, "/one")
	c.datastore("datastore-2", "host-other", "/two")
	c.machine("vm-01", p.id, "datastore-1", "")
	c.machine("vm-02", "host-other", "datastore-2", "")
	c.machine("vm-03", "", "", "")
	k := p.dial()
	if d := k.receive().GetDatastoreAssignment(); d.GetId() != "datastore-1" || d.GetPath() != "/one" || d.GetRevision() == 0 {
		t.Errorf("first %v", d)
	}
	if m := k.receive().GetMachineAssignment(); m.GetMachine().GetId() != "vm-01" || m.GetRevision() == 0 {
		t.Errorf("then %v", m)
	}
	if m := k.receive(); m.GetSynced() == nil {
		t.Errorf("at last %v", m)
	}
	k.report("vm-01", dc.VirtualMachineStatus{Files: dc.FilesReady})
	c.untilVM("vm-01", "report", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	c.power("vm-02", dc.PowerOn)
	c.power("vm-01", dc.PowerOn)
	if m := k.receive().GetMachineAssignment(); m.GetMachine().GetId() != "vm-01" || m.GetPower().GetGeneration() != 1 {
		t.Errorf("after the request %v", m)
	}
	c.change(func(tx *store.Tx) {
		for _, id := range []dc.ID{"vm-01", "vm-02"} {
			vm, err := store.Load[*dc.VirtualMachine](tx, id)
			c.ok(err)
			tx.Delete(vm)
		}
		ds, err := store.Load[*dc.Datastore](tx, "datastore-1")
		c.ok(err)
		tx.Delete(ds)
	})
	forgotten := map[string]bool{}
	for range 2 {
		m := k.receive()
		forgotten[m.GetForgetMachine().GetId()+m.GetForgetDatastore().GetId()] = true
	}
	if !forgotten["vm-01"] || !forgotten["datastore-1"] {
		t.Errorf("forgotten: %v", forgotten)
	}
}

// TestRestartedGuest: what a host has seen once is one event, however often it says so.
func TestRestartedGuest(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.datastore("datastore-1", p.id, "/one")
	c.machine("vm-01", p.id, "datastore-1", "")
	k := p.dial()
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	for i, step := range []struct {
		restarted time.Time
		guest     string
		events    int
	}{{time.Time{}, "a", 0}, {at, "b", 1}, {at, "c", 1}, {time.Time{}, "d", 1}, {at.Add(time.Minute), "e", 2}} {
		k.report("vm-01", dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOn, Restarted: step.restarted, Guest: dc.Guest{Hostname: step.guest}})
		c.untilVM("vm-01", "the report", func(s dc.VirtualMachineStatus) bool { return s.Guest.Hostname == step.guest })
		if n := c.events(dc.EventVMGuestReboot, "vm-01"); n != step.events {
			t.Errorf("%d events after the report %d, and should be %d", n, i, step.events)
		}
	}
}

// TestForeignReports: a host speaks for its own objects only.
func TestForeignReports(t *testing.T) {
	c := newCenter(t, time.Minute)
	p, other := c.joinPuppet("box"), c.joinPuppet("other")
	c.datastore("datastore-2", other.id, "/two")
	c.machine("vm-02", other.id, "datastore-2", "")
	k := p.dial()
	lie := dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOn}
	k.report("vm-02", lie)
	k.report("vm-99", lie)
	k.report("vm-98", dc.VirtualMachineStatus{Files: dc.FilesRemoved})
	k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_DatastoreReport{
		DatastoreReport: &agentv1.DatastoreReport{Id: "datastore-2", Accessible: true}}})
	k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Progress{Progress: &agentv1.Progress{MachineId: "vm-02", DoneBytes: 1, TotalBytes: 2}}})
	k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Heartbeat{
		Heartbeat: &agentv1.Heartbeat{Datastores: []*agentv1.DatastoreUsage{{Id: "datastore-2", CapacityBytes: 5}}}}})
	got := map[string]bool{}
	for len(got) < 2 {
		m := k.receive()
		if id := m.GetForgetMachine().GetId() + m.GetForgetDatastore().GetId(); id != "" {
			got[id] = true
		}
	}
	if !got["vm-98"] || !got["datastore-2"] {
		t.Errorf("answered with %v", got)
	}
	c.eventually("orphans", func() bool { return len(c.svc.Orphans()) == 2 })
	for i, want := range []string{"vm-02 of host other", "vm-99 of host "} {
		o := c.svc.Orphans()[i]
		owner := map[dc.HostID]string{other.id: "other"}[o.Owner]
		if got := fmt.Sprintf("%s of host %s", o.Machine.ID, owner); got != want || o.Host != p.id || o.Status.Power != dc.PoweredOn || o.Machine.Name == "" {
			t.Errorf("orphan %+v, want %s", o, want)
		}
	}
	v := c.store.View()
	vm, err := store.Get[*dc.VirtualMachine](v, "vm-02")
	c.ok(err)
	ds, err := store.Get[*dc.Datastore](v, "datastore-2")
	c.ok(err)
	if vm.Status.Power != "" || ds.Status.Accessible {
		t.Errorf("the foreign report was taken: %+v, %+v", vm.Status, ds.Status)
	}
	if _, ok := c.svc.Usage("datastore-2"); ok {
		t.Error("the foreign usage was taken")
	}
	if _, _, ok := c.svc.Progress("vm-02"); ok {
		t.Error("the foreign progress was taken")
	}
	// Its own ones are.
	own := other.dial()
	own.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Progress{Progress: &agentv1.Progress{MachineId: "vm-02", DoneBytes: 1, TotalBytes: 2}}})
	own.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Heartbeat{
		Heartbeat: &agentv1.Heartbeat{Datastores: []*agentv1.DatastoreUsage{{Id: "datastore-2", CapacityBytes: 5}}}}})
	c.eventually("usage", func() bool { u, ok := c.svc.Usage("datastore-2"); return ok && u.CapacityBytes == 5 })
	if done, total, ok := c.svc.Progress("vm-02"); !ok || done != 1 || total != 2 {
		t.Errorf("progress %d of %d, %v", done, total, ok)
	}
	own.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Progress{Progress: &agentv1.Progress{MachineId: "vm-02"}}})
	c.eventually("end of the progress", func() bool { _, _, ok := c.svc.Progress("vm-02"); return !ok })
}

// TestNewerConnection: the newer connection takes over, and nothing that the older one says counts any more.
func TestNewerConnection(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.machine("vm-01", p.id, "", "")
	old := p.dial()
	newer := p.dial()
	err := old.end()
	c.kind(err, dc.Conflict)
	if !strings.Contains(err.Error(), "newer connection") {
		t.Errorf("the older connection ended with %v", err)
	}
	old.report("vm-01", dc.VirtualMachineStatus{Power: dc.Suspended})
	newer.report("vm-01", dc.VirtualMachineStatus{Power: dc.PoweredOn})
	c.untilVM("vm-01", "report", func(s dc.VirtualMachineStatus) bool { return s.Power == dc.PoweredOn })
	if n := c.events(dc.EventHostConnected, dc.ID(p.id)); n != 1 {
		t.Errorf("the host connected %d times", n)
	}
	if n := c.events(dc.EventHostLost, dc.ID(p.id)); n != 0 || !c.svc.Connected(p.id) {
		t.Errorf("the host was lost %d times", n)
	}
}

// TestFence: another manager takes the host over, and this one does not know. What it hears is not written.
func TestFence(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.machine("vm-01", p.id, "", "")
	k := p.dial()
	_, err := c.store.TakeFence(t.Context(), "host/"+string(p.id))
	c.ok(err)
	k.report("vm-01", dc.VirtualMachineStatus{Power: dc.PoweredOn})
	c.kind(k.end(), dc.Conflict)
	vm, err := store.Get[*dc.VirtualMachine](c.store.View(), "vm-01")
	c.ok(err)
	h, err := store.Get[*dc.Host](c.store.View(), dc.ID(p.id))
	c.ok(err)
	if vm.Status.Power != "" || h.Status.Connection != dc.Connected {
		t.Errorf("the manager without the fence wrote %+v, %q", vm.Status, h.Status.Connection)
	}
}

// TestSilence: a host that says nothing is not responding, though its connection stands.
func TestSilence(t *testing.T) {
	c := newCenter(t, 20*time.Millisecond)
	p := c.joinPuppet("box")
	k := p.dial()
	c.untilConnection(p.id, dc.NotResponding)
	c.kind(k.end(), dc.Unavailable)
	if n := c.events(dc.EventHostLost, dc.ID(p.id)); n != 1 {
		t.Errorf("the host was lost %d times", n)
	}
}

// TestMarkUnconnected: the manager before this one died and could not say that its hosts are gone.
func TestMarkUnconnected(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	p.dial()
	c.put(&dc.Host{ID: "host-gone", Meta: dc.Meta{Name: "gone", Parent: dc.ID(cluster)}, Status: dc.HostStatus{Connection: dc.Connected}})
	c.ok(c.svc.MarkUnconnected(t.Context()))
	c.untilConnection("host-gone", dc.NotResponding)
	c.untilConnection(p.id, dc.Connected)
	if n := c.events(dc.EventHostLost, "host-gone"); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestImages(t *testing.T) {
	c := newCenter(t, time.Minute)
	digest := c.image("content")
	p, anonymous := c.joinPuppet("box"), c.anonymous()
	get := func(p *puppet, digest string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url()+"/agent/images/"+digest, nil)
		c.ok(err)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: p.config.Clone()}}
		defer client.CloseIdleConnections()
		response, err := client.Do(request)
		c.ok(err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		c.ok(err)
		return response.StatusCode, string(body)
	}
	secret := filepath.Join(filepath.Dir(c.images), "secret")
	c.ok(os.WriteFile(secret, []byte("secret"), 0o600))
	for _, test := range []struct {
		name   string
		p      *puppet
		digest string
		want   int
	}{
		{"a host", p, digest, http.StatusOK},
		{"nobody", anonymous, digest, http.StatusUnauthorized},
		{"an absent image", p, "sha256:" + strings.Repeat("0", 64), http.StatusNotFound},
		{"a disk, as a host of before asks for it", p, "vm-01%2f2000", http.StatusNotFound},
		{"no digest", p, "content", http.StatusBadRequest},
		{"a path", p, "..%2fsecret", http.StatusBadRequest},
		{"upper case", p, strings.ToUpper(digest), http.StatusBadRequest},
	} {
		code, body := get(test.p, test.digest)
		if code != test.want || (code == http.StatusOK) != (body == "content") {
			t.Errorf("%s: %d %q, want %d", test.name, code, body, test.want)
		}
	}
	c.change(func(tx *store.Tx) {
		h, err := store.Load[*dc.Host](tx, dc.ID(p.id))
		c.ok(err)
		tx.Delete(h)
	})
	if code, _ := get(p, digest); code != http.StatusForbidden {
		t.Errorf("a removed host: %d", code)
	}
}

// TestDamagedImage: an image whose content is not its digest's makes no disk, and the machine says why.
func TestDamagedImage(t *testing.T) {
	c := newCenter(t, time.Second)
	b := c.join("box")
	digest := c.image("content")
	c.ok(os.WriteFile(filepath.Join(c.images, strings.TrimPrefix(digest, "sha256:")), []byte("c0ntent"), 0o600))
	c.datastore("datastore-1", b.id, "/one")
	c.machine("vm-01", b.id, "datastore-1", digest)
	c.machine("vm-02", b.id, "datastore-1", "sha256:"+strings.Repeat("0", 64))
	c.machine("vm-03", b.id, "datastore-9", "")
	for id, want := range map[dc.VirtualMachineID]string{"vm-01": "damaged", "vm-02": "does not have it", "vm-03": "not mounted"} {
		c.untilVM(id, "failure of the files", func(s dc.VirtualMachineStatus) bool {
			return s.Files == dc.FilesFailed && strings.Contains(s.FilesFailure.Message, want)
		})
	}
	// What failed is tried again when the host connects again, which a restart of the manager brings.
	c.image("content")
	c.stop()
	c.start()
	c.untilVM("vm-01", "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady && s.FilesFailure == nil })
}

// TestManyMachines: twenty machines are started at once, each once.
func TestManyMachines(t *testing.T) {
	c := newCenter(t, time.Second)
	b := c.join("box")
	c.datastore("datastore-1", b.id, "/one")
	const n = 20
	id := func(i int) dc.VirtualMachineID { return dc.VirtualMachineID(fmt.Sprintf("vm-%02d", i)) }
	for i := range n {
		c.machine(id(i), b.id, "datastore-1", "")
		c.power(id(i), dc.PowerOn)
	}
	for i := range n {
		c.untilVM(id(i), "guest", func(s dc.VirtualMachineStatus) bool { return s.Guest.AgentRunning })
		if starts := b.world.Count(id(i), "start"); starts != 1 {
			t.Errorf("%s was started %d times", id(i), starts)
		}
	}
}

// TestRefusedJoin: an agent that can't join says so and ends.
func TestRefusedJoin(t *testing.T) {
	c := newCenter(t, time.Second)
	b := &box{c: c, name: "box", dir: t.TempDir(), world: c.join("other").world}
	b.start("wrong")
	defer b.drivers.Close()
	select {
	case err := <-b.ended:
		c.kind(err, dc.Unauthenticated)
	case <-time.After(patience):
		t.Fatal("the agent goes on without having joined")
	}
}

// TestIdentity: the host's key is on its disk, for root only, and nowhere else.
func TestIdentity(t *testing.T) {
	c := newCenter(t, time.Second)
	b := c.join("box")
	path := filepath.Join(b.dir, "identity.json")
	info, err := os.Stat(path)
	c.ok(err)
	data, err := os.ReadFile(path)
	c.ok(err)
	var identity struct {
		Host dc.HostID
		Key  string
	}
	c.ok(json.Unmarshal(data, &identity))
	if info.Mode().Perm() != 0o600 || identity.Host != b.id || !strings.Contains(identity.Key, "PRIVATE KEY") {
		t.Errorf("%s has mode %v and is of %s", path, info.Mode(), identity.Host)
	}
	// A second agent with the same folder is refused.
	b2 := &box{c: c, name: "box", dir: b.dir, world: b.world}
	b2.start("")
	defer b2.drivers.Close()
	if err := <-b2.ended; err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second agent: %v", err)
	}
	if context.Cause(t.Context()) != nil {
		t.Fatal("unreachable")
	}
}

// TestRenamedDatastore: what a host says of a datastore names it as the inventory does, after a rename and a restart too.
func TestRenamedDatastore(t *testing.T) {
	c := newCenter(t, time.Second)
	b := c.join("box")
	c.datastore("datastore-1", b.id, "/one")
	rename := func(name string) {
		c.change(func(tx *store.Tx) {
			ds, err := store.Load[*dc.Datastore](tx, "datastore-1")
			c.ok(err)
			ds.Name = name
			tx.Put(ds)
		})
	}
	named := func(name string) {
		c.Helper()
		c.untilVM("vm-01", "pause on "+name, func(s dc.VirtualMachineStatus) bool {
			return s.Paused != nil && s.Paused.Object == dc.Describe(dc.KindDatastore, name)
		})
	}
	rename("small")
	c.machine("vm-01", b.id, "datastore-1", "")
	c.power("vm-01", dc.PowerOn)
	c.untilVM("vm-01", "guest", func(s dc.VirtualMachineStatus) bool { return s.Guest.AgentRunning })
	b.world.Fill("/one")
	named("small")
	rename("large")
	named("large")
	b.stop()
	rename("huge")
	b.start("")
	named("huge")
}

// A host that stands alone gets a compute resource of its own, which takes no other one; and one that never connected leaves it
// to the next of its name.
func TestStandalone(t *testing.T) {
	c := newCenter(t, time.Minute)
	c.put(&dc.Folder{ID: "group-h1", Meta: dc.Meta{Name: "host", Parent: "datacenter-a"}, Type: dc.FolderHost})
	c.put(&dc.Folder{ID: "group-v1", Meta: dc.Meta{Name: "vm", Parent: "datacenter-a"}, Type: dc.FolderVM})
	token := func() string {
		t.Helper()
		token, _, err := c.svc.CreateStandaloneToken(t.Context(), dc.System, "group-h1")
		c.ok(err)
		return token
	}
	_, err := c.tryJoin("lone", token())
	c.ok(err)
	second, err := c.tryJoin("lone", token())
	c.ok(err)
	host, err := store.Get[*dc.Host](c.store.View(), dc.ID(second.id))
	c.ok(err)
	own, err := store.Get[*dc.Cluster](c.store.View(), host.Parent)
	c.ok(err)
	pool, err := store.Get[*dc.ResourcePool](c.store.View(), dc.ID(own.RootPool))
	c.ok(err)
	if !own.Standalone || own.Name != "lone" || own.Parent != "group-h1" || pool.Name != "Resources" || pool.Parent != dc.ID(own.ID) {
		t.Errorf("the compute resource is %+v with the pool %+v", own, pool)
	}
	n := 0
	for range store.Children[*dc.Cluster](c.store.View(), "group-h1") {
		n++
	}
	if n != 2 {
		t.Errorf("there are %d compute resources, want the cluster and the host's", n)
	}
	_, _, err = c.svc.CreateJoinToken(t.Context(), dc.System, own.ID)
	c.kind(err, dc.Invalid)
	_, _, err = c.svc.CreateStandaloneToken(t.Context(), dc.System, "group-v1")
	c.kind(err, dc.Invalid)
	_, _, err = c.svc.CreateStandaloneToken(t.Context(), dc.System, "group-h9")
	c.kind(err, dc.NotFound)
	_, _, err = c.svc.CreateStandaloneToken(t.Context(), dc.Caller{Name: "reader", User: "user-1", Role: dc.RoleReadOnly}, "group-h1")
	c.kind(err, dc.Denied)
}

// A datastore that hosts share is assigned to each of them, also to one that comes to share it later.
func TestSharedDatastore(t *testing.T) {
	c := newCenter(t, time.Minute)
	first, second := c.join("first"), c.join("second")
	c.put(&dc.Datastore{ID: "datastore-a", Meta: dc.Meta{Name: "shared", Parent: "group-d1"},
		Spec: dc.DatastoreSpec{Type: dc.SimulatedDatastore, Sharing: []dc.HostID{first.id}, Path: "/shared"}})
	c.machine("vm-01", first.id, "datastore-a", "")
	c.machine("vm-02", second.id, "datastore-a", "")
	ready := func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady }
	c.untilVM("vm-01", "files", ready)
	c.change(func(tx *store.Tx) {
		ds, err := store.Load[*dc.Datastore](tx, "datastore-a")
		c.ok(err)
		ds.Spec.Sharing = append(ds.Spec.Sharing, second.id)
		tx.Put(ds)
	})
	c.untilVM("vm-02", "files", ready)
}

// TestPools: a host hears of what its machines get by the resource pools that they are in, at a revision that only rises.
func TestPools(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.datastore("datastore-1", p.id, "/one")
	const root dc.ResourcePoolID = "resgroup-root"
	pool := func(id dc.ResourcePoolID, parent dc.ID) {
		c.put(&dc.ResourcePool{ID: id, Meta: dc.Meta{Name: string(id), Parent: parent}, Config: dc.DefaultPoolConfig()})
	}
	pool(root, dc.ID(cluster))
	pool("resgroup-a", dc.ID(root))
	pool("resgroup-b", "resgroup-a")
	pool("resgroup-c", "resgroup-a")
	c.machine("vm-01", p.id, "datastore-1", "")
	c.vm("vm-01", func(vm *dc.VirtualMachine) { vm.Spec.Pool = "resgroup-b" })
	c.machine("vm-02", p.id, "datastore-1", "")
	c.vm("vm-02", func(vm *dc.VirtualMachine) { vm.Spec.Pool = root })
	k, revision := p.dial(), int64(0)
	next := func(want string) {
		t.Helper()
		m := k.receive().GetMachineAssignment()
		got := ""
		for _, p := range m.GetMachine().GetPools() {
			got += fmt.Sprintf(" %s:%d", p.Id, p.GetConfig().GetCpu().GetLimit())
		}
		if m.GetMachine().GetId() != "vm-01" || strings.TrimSpace(got) != want || m.GetRevision() <= revision {
			t.Errorf("after the revision %d %v, want one with %s", revision, m, want)
		}
		revision = m.GetRevision()
	}
	k.receive() // the datastore
	next("resgroup-a:0 resgroup-b:0")
	k.receive() // vm-02
	k.receive() // Synced
	change := func(id dc.ResourcePoolID, fn func(*dc.ResourcePool)) {
		c.change(func(tx *store.Tx) {
			p, err := store.Load[*dc.ResourcePool](tx, dc.ID(id))
			c.ok(err)
			fn(p)
			tx.Put(p)
		})
	}
	change("resgroup-c", func(p *dc.ResourcePool) { p.Config.CPU.Limit = 1 }) // the machine is not in it
	change("resgroup-a", func(p *dc.ResourcePool) { p.Name = "other" })       // and this is nothing to a host
	change("resgroup-a", func(p *dc.ResourcePool) { p.Config.CPU.Limit = 500 })
	next("resgroup-a:500 resgroup-b:0")
	change("resgroup-b", func(p *dc.ResourcePool) { p.Parent = "resgroup-c" })
	next("resgroup-a:500 resgroup-c:1 resgroup-b:0")
	c.vm("vm-01", func(vm *dc.VirtualMachine) { vm.Spec.Pool = root })
	next("")
}

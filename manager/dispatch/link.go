package dispatch

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/manager/resource"
	"hanok/manager/store"
)

// missedHeartbeats is after how many of them a silent host is not responding.
const missedHeartbeats = 3

// farewell is how long the end of a connection may take to reach the host.
const farewell = time.Second

// protocolHandler serves the protocol's calls.
type protocolHandler struct{ s *Service }

func (h protocolHandler) Join(ctx context.Context, r *agentv1.JoinRequest) (*agentv1.JoinResponse, error) {
	answer, err := h.s.join(ctx, r)
	if err != nil {
		return nil, convert.Error(err)
	}
	return answer, nil
}

func (h protocolHandler) Renew(ctx context.Context, r *agentv1.RenewRequest) (*agentv1.RenewResponse, error) {
	answer, err := h.s.renew(ctx, r)
	if err != nil {
		return nil, convert.Error(err)
	}
	return answer, nil
}

func (h protocolHandler) Control(ctx context.Context, stream *connect.BidiStream[agentv1.AgentMessage, agentv1.ManagerMessage]) error {
	if err := h.s.control(ctx, stream); err != nil {
		return convert.Error(err)
	}
	return nil
}

// link is the control connection of one host. It has four goroutines: one receives, one sends, one looks at what changed in
// the store for what to assign, and one commits reports, of which only the newest of each object counts. When any of them fails the
// connection ends; the host makes a new one and reports everything again.
type link struct {
	s    *Service
	host dc.HostID
	// protocol is the version that both speak.
	protocol int32
	// features are what the agent can do besides.
	features []dc.HostFeature
	fence    store.Fence
	stream   *connect.BidiStream[agentv1.AgentMessage, agentv1.ManagerMessage]
	// ctx ends with the connection, and its cause says why.
	ctx context.Context
	end context.CancelCauseFunc
	out chan *agentv1.ManagerMessage
	// silence ends the connection unless heartbeats put it off.
	silence *time.Timer

	mu       sync.Mutex
	machines map[dc.VirtualMachineID]*agentv1.MachineReport
	stores   map[dc.DatastoreID]*agentv1.DatastoreReport
	reported chan struct{} // of capacity 1: there are reports to commit

	// inbox has what changed in the store.
	inbox *inbox
}

// control keeps one host's connection until it ends.
func (s *Service) control(ctx context.Context, stream *connect.BidiStream[agentv1.AgentMessage, agentv1.ManagerMessage]) error {
	host, err := s.hostOf(ctx)
	if err != nil {
		return err
	}
	p := peerOf(ctx)
	defer context.AfterFunc(s.ctx, p.stopReading)()
	patience := time.AfterFunc(missedHeartbeats*s.cfg.Heartbeat, p.stopReading)
	first, err := stream.Receive()
	patience.Stop()
	if err != nil {
		return dc.Errorf(dc.Unavailable, "the connection broke before Hello: %w", err)
	}
	hello := first.GetHello()
	if hello == nil {
		return dc.Errorf(dc.Invalid, "the first message is not Hello")
	}
	protocol, err := convert.ChooseProtocol(hello)
	if err == nil {
		err = s.checkRevision(hello)
	}
	if err != nil {
		return s.refuse(host.ID, err)
	}
	l, err := s.connect(ctx, p, protocol, stream, hello)
	if err != nil {
		return err
	}
	defer s.disconnect(l)
	defer context.AfterFunc(s.ctx, func() { l.end(dc.Errorf(dc.Unavailable, "the manager stops")) })()
	return l.run(p)
}

// connect makes the connection the host's one, which ends the one before, and writes down what the host says of itself.
func (s *Service) connect(ctx context.Context, p *peer, protocol int32,
	stream *connect.BidiStream[agentv1.AgentMessage, agentv1.ManagerMessage], hello *agentv1.Hello) (*link, error) {
	host := p.host
	defer s.change(host)()
	if old := s.link(host); old != nil {
		old.end(dc.Errorf(dc.Conflict, "a newer connection of the host took over"))
	}
	fence, err := s.cfg.Store.TakeFence(ctx, fenceName(host))
	if err != nil {
		return nil, err
	}
	l := &link{
		s: s, host: host, protocol: protocol, features: convert.FeaturesOf(hello), fence: fence, stream: stream, out: make(chan *agentv1.ManagerMessage, 16),
		machines: map[dc.VirtualMachineID]*agentv1.MachineReport{}, stores: map[dc.DatastoreID]*agentv1.DatastoreReport{},
		reported: make(chan struct{}, 1), inbox: newInbox(),
	}
	l.ctx, l.end = context.WithCancelCause(ctx)
	// The link comes first: who reads that the host is connected can speak to it.
	former := s.replaceLink(host, l)
	if err := s.commitConnected(ctx, p, fence, convert.FromHostFacts(hello.Facts)); err != nil {
		l.end(err)
		s.replaceLink(host, former)
		return nil, err
	}
	l.silence = time.AfterFunc(missedHeartbeats*s.cfg.Heartbeat, func() {
		l.end(dc.Errorf(dc.Unavailable, "nothing was heard of the host for %v", missedHeartbeats*s.cfg.Heartbeat))
	})
	s.mu.Lock()
	delete(s.refused, host)
	s.mu.Unlock()
	return l, nil
}

// replaceLink makes l the connection of a host, or nil for none, and returns the one before.
func (s *Service) replaceLink(host dc.HostID, l *link) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	former := s.links[host]
	if l == nil {
		delete(s.links, host)
	} else {
		s.links[host] = l
	}
	return former
}

// disconnect writes down that the connection has ended, unless a newer one took its place.
func (s *Service) disconnect(l *link) {
	l.silence.Stop()
	l.end(nil)
	defer s.change(l.host)()
	if s.link(l.host) != l {
		return
	}
	s.mu.Lock()
	delete(s.links, l.host)
	for vm, p := range s.progress {
		if p.host == l.host {
			delete(s.progress, vm)
		}
	}
	for vm, o := range s.orphans {
		if o.Host == l.host {
			delete(s.orphans, vm)
		}
	}
	s.mu.Unlock()
	reason := context.Cause(l.ctx)
	if errors.Is(reason, context.Canceled) { // says the server of a connection that was closed
		reason = dc.Errorf(dc.Unavailable, "the connection broke")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.commitLost(ctx, l.host, l.fence, dc.FailureOf(reason).Message); err != nil {
		s.cfg.Log.Warn("can't write down that a host is lost", "host", l.host, "err", err)
	}
}

// run works until the connection ends, and returns why.
func (l *link) run(p *peer) error {
	var work sync.WaitGroup
	loop := func(run func() error) {
		work.Go(func() {
			if err := run(); err != nil {
				l.end(err)
			}
		})
	}
	loop(l.transmit)
	loop(l.follow)
	loop(l.commit)
	loop(l.receive)
	<-l.ctx.Done()
	p.stopReading()
	time.AfterFunc(farewell, p.stopWriting) // until then the host can be told why
	work.Wait()
	return context.Cause(l.ctx)
}

// send queues a message and reports whether the connection still stands.
func (l *link) send(ctx context.Context, m *agentv1.ManagerMessage) bool {
	select {
	case l.out <- m:
		return true
	case <-l.ctx.Done():
	case <-ctx.Done():
	}
	return false
}

// transmit sends what is queued, after the Welcome that accepts the connection.
func (l *link) transmit() error {
	welcome := &agentv1.Welcome{HeartbeatInterval: durationpb.New(l.s.cfg.Heartbeat), Protocol: l.protocol}
	next := &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_Welcome{Welcome: welcome}}
	for {
		if err := l.stream.Send(next); err != nil {
			return dc.Errorf(dc.Unavailable, "the connection broke: %w", err)
		}
		select {
		case next = <-l.out:
		case <-l.ctx.Done():
			return nil
		}
	}
}

// receive takes in what the host says until the connection breaks.
func (l *link) receive() error {
	for {
		msg, err := l.stream.Receive()
		if err != nil {
			return dc.Errorf(dc.Unavailable, "the connection broke: %w", err)
		}
		l.silence.Reset(missedHeartbeats * l.s.cfg.Heartbeat)
		switch m := msg.Message.(type) {
		case *agentv1.AgentMessage_MachineReport:
			l.mu.Lock()
			l.machines[dc.VirtualMachineID(m.MachineReport.Id)] = m.MachineReport
			l.mu.Unlock()
			l.wakeCommit()
		case *agentv1.AgentMessage_DatastoreReport:
			l.mu.Lock()
			l.stores[dc.DatastoreID(m.DatastoreReport.Id)] = m.DatastoreReport
			l.mu.Unlock()
			l.wakeCommit()
		case *agentv1.AgentMessage_Progress:
			l.s.setProgress(l.host, m.Progress)
		case *agentv1.AgentMessage_Heartbeat:
			l.s.setUsage(l.host, m.Heartbeat)
			l.send(l.ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_HeartbeatReply{HeartbeatReply: &agentv1.HeartbeatReply{}}})
		case *agentv1.AgentMessage_Statistics:
			l.takeStatistics(m.Statistics)
		case *agentv1.AgentMessage_StreamFailed:
			l.s.streamFailed(l.host, m.StreamFailed)
		}
	}
}

func (l *link) wakeCommit() {
	select {
	case l.reported <- struct{}{}:
	default: // somebody has said so already
	}
}

// setProgress keeps how far a machine's files are, of a machine of that host. No bytes at all mean that none are made any
// more.
func (s *Service) setProgress(host dc.HostID, p *agentv1.Progress) {
	id := dc.VirtualMachineID(p.MachineId)
	vm, err := store.Get[*dc.VirtualMachine](s.cfg.Store.View(), dc.ID(id))
	if err != nil || vm.Spec.Host != host {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.TotalBytes == 0 {
		delete(s.progress, id)
		return
	}
	s.progress[id] = progress{host: host, done: p.DoneBytes, total: p.TotalBytes}
}

// setUsage keeps how full the datastores of that host are.
func (s *Service) setUsage(host dc.HostID, h *agentv1.Heartbeat) {
	v := s.cfg.Store.View()
	for _, u := range h.Datastores {
		ds, err := store.Get[*dc.Datastore](v, dc.ID(u.Id))
		if err != nil || !ds.Spec.ReachedBy(host) {
			continue
		}
		s.mu.Lock()
		s.usage[ds.ID] = dc.DatastoreUsage{CapacityBytes: u.CapacityBytes, FreeBytes: u.FreeBytes}
		s.mu.Unlock()
	}
}

// follow sends what the store assigns to the host: all of it, then what changes. A machine is sent again only when what is
// asked for is different: its status alone raises the revision, too, and what is known of it.
func (l *link) follow() error {
	sent := map[dc.ID]any{}
	l.assignAll(sent)
	l.send(l.ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_Synced{Synced: &agentv1.Synced{}}})
	for {
		select {
		case <-l.inbox.filled:
		case <-l.ctx.Done():
			return nil
		}
		ids, all, err := l.inbox.take()
		if err == nil {
			err = l.checkHost()
		}
		if err != nil {
			return err
		}
		if all {
			l.assignAll(sent)
		}
		v := l.s.cfg.Store.View()
		for id := range ids {
			l.look(v, id, sent)
		}
	}
}

// checkHost returns why the host may not be connected any more, or nil.
func (l *link) checkHost() error {
	h, err := store.Get[*dc.Host](l.s.cfg.Store.View(), dc.ID(l.host))
	if err != nil {
		return errRemoved(l.host)
	}
	return checkWelcome(h)
}

// look sends what has become of an object by the view.
func (l *link) look(v *store.View, id dc.ID, sent map[dc.ID]any) {
	var object dc.Object
	var err error
	switch id.Kind() {
	case dc.KindVirtualMachine:
		object, err = store.Get[*dc.VirtualMachine](v, id)
	case dc.KindDatastore:
		object, err = store.Get[*dc.Datastore](v, id)
	case dc.KindResourcePool:
		l.assignPool(v, dc.ResourcePoolID(id), sent)
		return
	default: // the host itself
		return
	}
	if err != nil {
		l.forget(id, sent)
		return
	}
	l.assign(v, id, object, sent)
}

func (l *link) assignAll(sent map[dc.ID]any) {
	v := l.s.cfg.Store.View()
	for ds := range store.DatastoresOf(v, l.host) {
		l.assign(v, dc.ID(ds.ID), ds, sent)
	}
	for vm := range store.OnHost(v, l.host) {
		l.assign(v, dc.ID(vm.ID), vm, sent)
	}
}

// assignPool sends what has changed for the machines in a resource pool and below it.
func (l *link) assignPool(v *store.View, pool dc.ResourcePoolID, sent map[dc.ID]any) {
	for vm := range store.OnHost(v, l.host) {
		for _, p := range resource.Chain(v, vm.Spec.Pool) {
			if p.ID == pool {
				l.assign(v, dc.ID(vm.ID), vm, sent)
			}
		}
	}
}

// assign sends what object asks of this host by the view, if it asks for anything that was not sent. The revisions of a machine and
// of the resource pools that it is in together number what is sent: views follow each other, so the number never falls.
func (l *link) assign(v *store.View, id dc.ID, object dc.Object, sent map[dc.ID]any) {
	switch o := object.(type) {
	case *dc.Datastore:
		content := [2]string{o.Spec.Path, o.Name}
		if !o.Spec.ReachedBy(l.host) || sent[id] == content {
			return
		}
		sent[id] = content
		l.send(l.ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_DatastoreAssignment{
			DatastoreAssignment: &agentv1.DatastoreAssignment{Id: string(o.ID), Revision: o.Revision, Path: o.Spec.Path, Name: o.Name}}})
	case *dc.VirtualMachine:
		a, ok := dc.AssignmentOf(o, resource.Chain(v, o.Spec.Pool)...)
		if !ok || o.Spec.Host != l.host {
			return
		}
		if !convert.SpeaksMachine(l.protocol, l.features, a.Machine) {
			return // it would execute another machine; this one waits until the host is upgraded
		}
		a.Machine.Names = namesOf(v, a.Machine)
		wire := convert.MachineAssignment(a)
		sum := digest(wire)
		if sent[id] == sum {
			return
		}
		sent[id] = sum
		l.send(l.ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_MachineAssignment{MachineAssignment: wire}})
	}
}

// digest tells an assignment from another one that asks for something else: a machine itself takes a kilobyte. What numbers it, and what
// is known of the host, ask for nothing.
func digest(a *agentv1.MachineAssignment) any {
	revision, known := a.Revision, a.Known
	a.Revision, a.Known = 0, nil
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(a)
	a.Revision, a.Known = revision, known
	if err != nil {
		return err // unlike any other: it is sent again each time
	}
	return sha256.Sum256(content)
}

// namesOf returns what the port groups, datastores and resource pools are called that the machine refers to.
func namesOf(v *store.View, m dc.Machine) map[dc.ID]string {
	names := map[dc.ID]string{}
	add := func(id dc.ID) {
		if o := v.Find(id); o != nil {
			names[id] = o.Metadata().Name
		}
	}
	add(dc.ID(m.Datastore))
	for _, n := range m.NICs {
		add(dc.ID(n.PortGroup))
	}
	for _, d := range m.Drives {
		add(dc.ID(d.Media.Datastore))
	}
	for _, p := range m.SerialPorts {
		add(dc.ID(p.File.Datastore))
	}
	for _, p := range m.Pools {
		add(dc.ID(p.ID))
	}
	return names
}

// forget tells the host that something which was assigned to it is gone from the store. That is no order to delete
// anything: the host lets go of a tombstone that it has carried out, or of a datastore on which it has no machine.
func (l *link) forget(id dc.ID, sent map[dc.ID]any) {
	if sent[id] == nil {
		return
	}
	delete(sent, id)
	if id.Kind() == dc.KindDatastore {
		l.forgetDatastore(string(id))
	} else {
		l.forgetMachine(string(id))
	}
}

func (l *link) forgetMachine(id string) {
	l.send(l.ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_ForgetMachine{ForgetMachine: &agentv1.ForgetMachine{Id: id}}})
}

func (l *link) forgetDatastore(id string) {
	l.send(l.ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_ForgetDatastore{ForgetDatastore: &agentv1.ForgetDatastore{Id: id}}})
}

package agent

import (
	"context"
	"errors"
	"io"
	"reflect"
	"time"

	"connectrpc.com/connect"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// progressPace is how often progress is told.
const progressPace = 500 * time.Millisecond

// conversation is one control connection. The goroutine of run sends and obeys; a second one receives.
type conversation struct {
	a      *Agent
	host   dc.HostID
	stream *connect.BidiStreamForClientSimple[agentv1.AgentMessage, agentv1.ManagerMessage]
	// ctx ends with the connection, agentCtx with the agent: what the manager asks for goes on without a connection.
	ctx, agentCtx context.Context
	received      chan *agentv1.ManagerMessage
	failed        chan *agentv1.StreamFailed
	broken        chan error
	welcome       bool
	synced        bool
	sent          snapshot
	// measured and rolledUp are the ends of the newest samples and the newest rolled-up ones that were sent.
	measured, rolledUp time.Time
}

// errSilent ends a connection on which nothing was heard for three heartbeats.
var errSilent = &dc.Error{Kind: dc.Unavailable, Message: "the manager has fallen silent"}

// converse opens a control connection and keeps it until it breaks or ctx ends. synced reports whether the manager had
// sent everything.
func (a *Agent) converse(ctx context.Context, s *session) (synced bool, err error) {
	streamCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := s.control.Control(streamCtx)
	if err != nil {
		return false, convert.FromError(err)
	}
	c := &conversation{
		a: a, host: s.host, stream: stream, ctx: streamCtx, agentCtx: ctx,
		received: make(chan *agentv1.ManagerMessage, 16), failed: make(chan *agentv1.StreamFailed), broken: make(chan error, 1),
	}
	// Go's HTTP/2 does not look at the context while it waits for more of the request's body; the body's end lets it. What fails
	// has ended already.
	defer func() { _ = stream.CloseRequest() }()
	defer context.AfterFunc(streamCtx, func() { _ = stream.CloseRequest() })()
	a.tasks.Go(func() { c.broken <- c.receive() })
	err = c.run(func() { cancel(errSilent) })
	if cause := context.Cause(streamCtx); cause != nil {
		err = cause
	}
	return c.synced, err
}

// receive passes on what comes, until the connection breaks.
func (c *conversation) receive() error {
	for {
		msg, err := c.stream.Receive()
		if err != nil {
			return convert.FromError(err)
		}
		select {
		case c.received <- msg:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}

// run sends and obeys until the connection breaks. silent is called when nothing was heard for three heartbeats; it ends
// c.ctx, and so a Send that waits.
func (c *conversation) run(silent func()) error {
	interval := 5 * time.Second // until Welcome says
	silence := time.AfterFunc(3*interval, silent)
	defer silence.Stop()
	hello := convert.Hello(c.a.facts, c.a.highestRevision())
	if err := c.stream.Send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Hello{Hello: hello}}); err != nil {
		return c.reason(err)
	}
	heartbeat := time.NewTimer(interval)
	defer heartbeat.Stop()
	pace := time.NewTicker(progressPace)
	defer pace.Stop()
	for {
		var err error
		select {
		case err := <-c.broken:
			return err
		case msg := <-c.received:
			if d := msg.GetWelcome().GetHeartbeatInterval().AsDuration(); d > 0 {
				interval = d
				heartbeat.Reset(interval)
			}
			silence.Reset(3 * interval)
			err = c.obey(msg)
		case failure := <-c.failed:
			err = c.stream.Send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_StreamFailed{StreamFailed: failure}})
		case <-heartbeat.C:
			heartbeat.Reset(interval)
			err = c.sendHeartbeat()
		case <-c.a.board.changed:
			err = c.sendNews()
		case <-c.a.statistics.changed:
			err = c.sendStatistics()
		case <-pace.C:
			err = c.sendProgress()
		}
		if err != nil {
			return c.reason(err)
		}
	}
}

// reason returns why the connection broke, of which a failed Send says only that it did.
func (c *conversation) reason(err error) error {
	for errors.Is(err, io.EOF) {
		select {
		case err := <-c.broken:
			return err
		case <-c.received:
		}
	}
	return err
}

// obey takes in one message. Whatever it asks for is done elsewhere, so that it is done without the connection too.
func (c *conversation) obey(msg *agentv1.ManagerMessage) error {
	a := c.a
	switch m := msg.Message.(type) {
	case *agentv1.ManagerMessage_Welcome:
		if v := m.Welcome.Protocol; v != convert.Protocol {
			return dc.Errorf(dc.Unsupported, "the manager wants to speak version %d of the agent protocol, this host speaks %d", v, convert.Protocol).
				Fix("install the manager's program on this host")
		}
		c.welcome = true
		if err := c.sendHeartbeat(); err != nil {
			return err
		}
		if err := c.sendNews(); err != nil {
			return err
		}
		return c.sendStatistics()
	case *agentv1.ManagerMessage_MachineAssignment:
		assignment, err := convert.FromMachineAssignment(m.MachineAssignment)
		if err != nil {
			a.cfg.Log.Error("an assignment can't be understood", "error", err)
			return nil
		}
		a.assign(c.agentCtx, assignment)
	case *agentv1.ManagerMessage_DatastoreAssignment:
		d := m.DatastoreAssignment
		if dc.ID(d.Id).Kind() != dc.KindDatastore {
			a.cfg.Log.Error("an assignment names no datastore", "id", d.Id)
			return nil
		}
		a.datastores.assign(c.agentCtx,
			datastoreRecord{ID: dc.DatastoreID(d.Id), Revision: d.Revision, Path: d.Path, Name: d.Name})
	case *agentv1.ManagerMessage_Synced:
		c.synced = true
		a.cfg.Log.Info("connected to the manager")
		if a.cfg.Connected != nil {
			a.cfg.Connected(c.host)
		}
	case *agentv1.ManagerMessage_OpenStream:
		a.tasks.Go(func() { c.openStream(m.OpenStream) })
	case *agentv1.ManagerMessage_StatisticsKept:
		a.statistics.kept(m.StatisticsKept.GetEnd().AsTime())
	case *agentv1.ManagerMessage_ForgetMachine:
		if machine := a.machine(dc.VirtualMachineID(m.ForgetMachine.Id)); machine != nil {
			machine.forgetTombstone()
		}
	case *agentv1.ManagerMessage_ForgetDatastore:
		return a.forgetDatastore(dc.DatastoreID(m.ForgetDatastore.Id))
	}
	return nil
}

// openStream opens a stream, or says why there will be none.
func (c *conversation) openStream(request *agentv1.OpenStream) {
	err := c.a.openStream(c.agentCtx, request)
	if err == nil {
		return
	}
	c.a.cfg.Log.Warn("no stream", "machine", request.MachineId, "kind", request.Kind, "error", err)
	select {
	case c.failed <- &agentv1.StreamFailed{Ticket: request.Ticket, Failure: convert.Failure(dc.FailureOf(err))}:
	case <-c.ctx.Done():
	}
}

func (c *conversation) sendHeartbeat() error {
	if !c.welcome {
		return nil
	}
	beat := &agentv1.Heartbeat{}
	for id, u := range c.a.datastores.usages() {
		beat.Datastores = append(beat.Datastores,
			&agentv1.DatastoreUsage{Id: string(id), CapacityBytes: u.CapacityBytes, FreeBytes: u.FreeBytes})
	}
	return c.stream.Send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Heartbeat{Heartbeat: beat}})
}

// sendNews sends what is on the board and was not sent on this connection.
func (c *conversation) sendNews() error {
	if !c.welcome {
		return nil
	}
	now := c.a.board.snapshot()
	for id, status := range now.datastores {
		if old, ok := c.sent.datastores[id]; ok && reflect.DeepEqual(old, status) {
			continue
		}
		report := &agentv1.DatastoreReport{Id: string(id), Accessible: status.Accessible, Failure: convert.Failure(status.Failure),
			CapacityBytes: status.CapacityBytes}
		if err := c.stream.Send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_DatastoreReport{DatastoreReport: report}}); err != nil {
			return err
		}
	}
	for id, machine := range now.machines {
		if old, ok := c.sent.machines[id]; ok && reflect.DeepEqual(old, machine) {
			continue
		}
		report := &agentv1.MachineReport{Id: string(id), Name: machine.machine.Name, Status: convert.MachineStatus(machine.status),
			Machine: convert.Machine(machine.machine), DatastorePath: machine.path, PowerGeneration: machine.asked, Deleted: machine.deleted}
		if err := c.stream.Send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_MachineReport{MachineReport: report}}); err != nil {
			return err
		}
	}
	now.progress, c.sent = c.sent.progress, now
	return nil
}

func (c *conversation) sendProgress() error {
	if !c.welcome {
		return nil
	}
	now := c.a.board.snapshot().progress
	for id, p := range now {
		if c.sent.progress[id] == p {
			continue
		}
		report := &agentv1.Progress{MachineId: string(id), DoneBytes: p.done, TotalBytes: p.total}
		if err := c.stream.Send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Progress{Progress: report}}); err != nil {
			return err
		}
	}
	c.sent.progress = now
	return nil
}

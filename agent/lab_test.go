package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/api/hanok/agent/v1/agentv1connect"
	"hanok/dc"
	"hanok/host/sim"
	"hanok/internal/pki"
)

// The laboratory of this package's tests: a manager that says what the test wants, and a host with a simulated world, on
// which one agent's process follows the other. The agent, the protocol, TLS and the files are real.

// patience bounds every wait. What is waited for comes in milliseconds.
const patience = 30 * time.Second

// manager is the other end of the protocol. It keeps the newest report of each machine.
type manager struct {
	t       testing.TB
	ca      *pki.CA
	address string
	server  *http.Server
	served  chan struct{}
	// heard is called with every report of a machine; take makes it the newest one. It is set before the first start.
	heard func(process string, id dc.VirtualMachineID, status dc.VirtualMachineStatus, take func())
	// joinAs is whom a host joins as, and age how old its certificate is then. They are set while nobody joins.
	joinAs dc.HostID
	age    time.Duration
	// unknown is a host that the inventory does not have any more.
	unknown dc.HostID
	// shown, if not nil, hears of the serial number of the certificate that each control connection shows.
	shown         func(serial string)
	joins, renews atomic.Int32
	// greeted, if not nil, hears of each Hello; ahead is by how much the manager's version is above the agent's.
	greeted func(*agentv1.Hello)
	ahead   atomic.Int32

	mu        sync.Mutex
	changed   chan struct{} // closed, and another one made, at each change
	datastore *agentv1.DatastoreAssignment
	machines  map[dc.VirtualMachineID]dc.Assignment
	reports   map[dc.VirtualMachineID]dc.VirtualMachineStatus
}

func newManager(t testing.TB) *manager {
	t.Helper()
	ca, err := pki.NewCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &manager{
		t: t, ca: ca, address: "127.0.0.1:0", joinAs: "host-1", changed: make(chan struct{}),
		heard:     func(_ string, _ dc.VirtualMachineID, _ dc.VirtualMachineStatus, take func()) { take() },
		datastore: &agentv1.DatastoreAssignment{Id: string(labDatastore), Revision: 1, Path: labPath},
		machines:  map[dc.VirtualMachineID]dc.Assignment{}, reports: map[dc.VirtualMachineID]dc.VirtualMachineStatus{},
	}
}

// start starts to serve; after stop it does so again at the same address.
func (m *manager) start() {
	m.t.Helper()
	config, err := m.ca.ServerConfig([]string{"127.0.0.1"}, time.Now)
	if err != nil {
		m.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", m.address)
	if err != nil {
		m.t.Fatal(err)
	}
	m.address = listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle(agentv1connect.NewAgentServiceHandler(m))
	mux.HandleFunc("GET /agent/ca.pem", func(w http.ResponseWriter, _ *http.Request) { w.Write(m.ca.PEM()) })
	server, served := &http.Server{Handler: withTLS(mux), TLSConfig: config, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}, make(chan struct{})
	m.server, m.served = server, served
	go func() {
		defer close(served)
		if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			m.t.Error(err)
		}
	}()
}

// stop hangs up on everybody.
func (m *manager) stop() {
	m.server.Close()
	<-m.served
}

// token returns what a host joins with, as often as it likes.
func (m *manager) token() string {
	m.t.Helper()
	fingerprint, err := pki.Fingerprint(m.ca.PEM())
	if err != nil {
		m.t.Fatal(err)
	}
	return "secret." + fingerprint
}

// Join lets every host join, and does not look at tokens.
func (m *manager) Join(_ context.Context, r *agentv1.JoinRequest) (*agentv1.JoinResponse, error) {
	m.joins.Add(1)
	certificate, err := m.ca.SignHost(r.Csr, string(m.joinAs), time.Now().Add(-m.age))
	if err != nil {
		return nil, err
	}
	return &agentv1.JoinResponse{HostId: string(m.joinAs), Certificate: certificate, Ca: m.ca.PEM(),
		ReplacesFormer: r.FormerHostId != "" && r.FormerHostId == string(m.unknown)}, nil
}

// Renew signs a certificate for who calls.
func (m *manager) Renew(ctx context.Context, r *agentv1.RenewRequest) (*agentv1.RenewResponse, error) {
	m.renews.Add(1)
	host, _, err := m.ca.HostID(tlsOf(ctx))
	if err != nil {
		return nil, connect.NewError(connect.CodeUnauthenticated, err)
	}
	certificate, err := m.ca.SignHost(r.Csr, host, time.Now())
	if err != nil {
		return nil, err
	}
	return &agentv1.RenewResponse{Certificate: certificate, Ca: m.ca.PEM()}, nil
}

type tlsKey struct{}

// tlsOf returns the state of the connection that a call came on.
func tlsOf(ctx context.Context) tls.ConnectionState { return ctx.Value(tlsKey{}).(tls.ConnectionState) }

func withTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tlsKey{}, *r.TLS)))
	})
}

// Control sends everything, and then what changes.
func (m *manager) Control(ctx context.Context, stream *connect.BidiStream[agentv1.AgentMessage, agentv1.ManagerMessage]) error {
	first, err := stream.Receive()
	if err != nil {
		return err
	}
	if m.shown != nil {
		m.shown(tlsOf(ctx).PeerCertificates[0].SerialNumber.String())
	}
	c := &connection{m: m, process: first.GetHello().GetFacts().GetVersion(), revisions: map[dc.VirtualMachineID]int64{},
		removed: map[dc.VirtualMachineID]bool{}, ended: make(chan struct{})}
	go c.receive(stream)
	if m.greeted != nil {
		m.greeted(first.GetHello())
	}
	welcome := &agentv1.Welcome{HeartbeatInterval: durationpb.New(time.Minute), Protocol: convert.Protocol + m.ahead.Load()}
	out := []*agentv1.ManagerMessage{{Message: &agentv1.ManagerMessage_Welcome{Welcome: welcome}},
		{Message: &agentv1.ManagerMessage_DatastoreAssignment{DatastoreAssignment: m.datastore}}}
	news, changed := c.news()
	out = append(append(out, news...), &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_Synced{Synced: &agentv1.Synced{}}})
	for {
		for _, msg := range out {
			if err := stream.Send(msg); err != nil {
				return err
			}
		}
		select {
		case <-changed:
			out, changed = c.news()
		case <-c.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// connection is one control connection.
type connection struct {
	m       *manager
	process string // the name of the agent's process
	ended   chan struct{}
	// Under m.mu: the revisions sent, and the machines whose removal was reported on this connection and not answered.
	revisions map[dc.VirtualMachineID]int64
	removed   map[dc.VirtualMachineID]bool
}

// news returns what was not sent yet, and a channel that is closed when there may be more.
func (c *connection) news() (out []*agentv1.ManagerMessage, changed <-chan struct{}) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	for id, a := range c.m.machines {
		if c.revisions[id] != a.Revision {
			c.revisions[id] = a.Revision
			a.Known = c.m.known(id)
			out = append(out, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_MachineAssignment{MachineAssignment: convert.MachineAssignment(a)}})
		}
	}
	for id := range c.removed {
		if _, known := c.m.machines[id]; !known {
			delete(c.removed, id)
			out = append(out, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_ForgetMachine{ForgetMachine: &agentv1.ForgetMachine{Id: string(id)}}})
		}
	}
	return out, c.m.changed
}

// known returns what a manager that has heard the reports says of a machine. m.mu is held.
func (m *manager) known(id dc.VirtualMachineID) dc.Known {
	vm := dc.VirtualMachine{ID: id, Spec: dc.VirtualMachineSpec{Host: "host-1"}, Status: m.reports[id]}
	a, _ := dc.AssignmentOf(&vm)
	return a.Known
}

func (c *connection) receive(stream *connect.BidiStream[agentv1.AgentMessage, agentv1.ManagerMessage]) {
	defer close(c.ended)
	for {
		msg, err := stream.Receive()
		if err != nil {
			return
		}
		r := msg.GetMachineReport()
		if r == nil {
			continue
		}
		status, err := convert.FromMachineStatus(r.Status)
		if err != nil {
			c.m.t.Error(err)
			continue
		}
		id := dc.VirtualMachineID(r.Id)
		c.m.heard(c.process, id, status, func() {
			c.m.change(func() {
				c.m.reports[id] = status
				if status.Files.Gone() {
					c.removed[id] = true
				}
			})
		})
	}
}

// change calls f with m.mu held, and wakes who waits for changes.
func (m *manager) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// forgetReports makes what is heard from now on the first.
func (m *manager) forgetReports() { m.change(func() { clear(m.reports) }) }

// ask assigns a machine after edit has changed what was asked of it before.
func (m *manager) ask(id dc.VirtualMachineID, edit func(a *dc.Assignment)) {
	m.change(func() {
		a, ok := m.machines[id]
		if !ok {
			a.Machine = labMachine(id)
		}
		a.Revision++
		edit(&a)
		m.machines[id] = a
	})
}

// askPower asks for the next power operation.
func (m *manager) askPower(id dc.VirtualMachineID, op dc.PowerOp) {
	m.ask(id, func(a *dc.Assignment) { a.Power = a.Power.Next(op, time.Hour) })
}

// asked returns what is asked of a machine.
func (m *manager) asked(id dc.VirtualMachineID) dc.Assignment {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machines[id]
}

// status returns the newest report of a machine.
func (m *manager) status(id dc.VirtualMachineID) dc.VirtualMachineStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reports[id]
}

// until waits for a machine's report to satisfy done, and returns it.
func (m *manager) until(id dc.VirtualMachineID, what string, done func(dc.VirtualMachineStatus) bool) dc.VirtualMachineStatus {
	m.t.Helper()
	timeout := time.After(patience)
	for {
		m.mu.Lock()
		status, changed := m.reports[id], m.changed
		m.mu.Unlock()
		if done(status) {
			return status
		}
		select {
		case <-changed:
		case <-timeout:
			m.t.Fatalf("no %s of %s: it was said to be %+v; asked was %+v", what, id, status, m.asked(id))
		}
	}
}

// untilDone waits for the outcome of the last power request, and for the machine to be on or off by it.
func (m *manager) untilDone(id dc.VirtualMachineID, power dc.PowerState) dc.VirtualMachineStatus {
	m.t.Helper()
	generation := m.asked(id).Power.Generation
	return m.until(id, "outcome "+strconv.Itoa(int(generation))+", "+string(power), func(s dc.VirtualMachineStatus) bool {
		return s.Outcome.Generation == generation && s.Power == power
	})
}

// The datastore of all machines, and where it is on the host.
const labDatastore = dc.DatastoreID("datastore-1")
const labPath = "/one"

func labMachine(id dc.VirtualMachineID) dc.Machine {
	return dc.Machine{ID: id, Name: "the " + string(id), Datastore: labDatastore, Folder: string(id), Hardware: dc.Hardware{
		UUID: "3f2b6a10-0000-4000-8000-000000000001", GuestID: "otherLinux64Guest", Version: dc.DefaultHardwareVersion,
		Firmware: dc.BIOS, CPUs: 1, MemoryMB: 64,
		Controllers: []dc.Controller{{Key: dc.FirstSCSIKey, Type: dc.ControllerVirtio}},
		Disks:       []dc.Disk{{Key: dc.FirstDiskKey, Controller: dc.FirstSCSIKey, CapacityBytes: 1 << 20, File: string(id) + "/" + string(id) + ".vmdk"}},
		NICs:        []dc.NIC{{Key: dc.FirstNICKey, MAC: "52:54:00:00:00:01", PortGroup: "network-1"}}}}
}

// host is a simulated machine, its disk, and the agent's processes on it.
type host struct {
	t       testing.TB
	dir     string
	world   *sim.World
	manager *manager
	// around is called for everything that lasts: writes and removals of files, and calls of drivers that change
	// something. do does it. It is set before the first start.
	around    func(p *process, what string, do func() error) error
	processes int
	// token is what the next process gets; "" is a good one for the first process and none for the others.
	token string
	// reported are the machines of which heardFrom has heard. Under manager.mu.
	reported map[dc.VirtualMachineID]bool
}

func newHost(t testing.TB, m *manager) *host {
	return &host{t: t, dir: t.TempDir(), world: sim.NewWorld(sim.Options{}), manager: m,
		around: func(_ *process, _ string, do func() error) error { return do() }}
}

// process is one process of the agent.
type process struct {
	h       *host
	name    string
	agent   *Agent
	drivers *sim.Host
	cancel  context.CancelFunc
	dead    atomic.Bool
	ended   chan struct{}
	err     error // of Run, when ended is closed
}

// errDead is what a process that has died hears of everything that it still tries.
var errDead = errors.New("this process is dead")

// prepare makes a process whose agent does nothing yet.
func (h *host) prepare() *process {
	h.t.Helper()
	h.processes++
	p := &process{h: h, name: strconv.Itoa(h.processes), drivers: h.world.Open(), cancel: func() {}, ended: make(chan struct{})}
	facts := h.world.Facts()
	facts.Version = p.name
	token := h.token
	if _, err := os.Stat(filepath.Join(h.dir, identityFile)); err != nil && token == "" {
		token = h.manager.token() // it has not joined
	}
	a, err := New(Config{Dir: h.dir, Manager: "https://" + h.manager.address, Token: token, Name: "host",
		Facts: facts, Hypervisor: watched{p.drivers, p}, Storage: watched{p.drivers, p}, Network: watched{p.drivers, p}})
	if err != nil {
		h.t.Fatal(err)
	}
	p.agent = a
	a.disk.write = func(path string, data []byte) error {
		return p.do("write "+filepath.Base(path), func() error { return replace(path, data) })
	}
	a.disk.remove = func(path string) error {
		return p.do("remove "+filepath.Base(path), func() error { return os.Remove(path) })
	}
	return p
}

// start starts a process.
func (h *host) start() *process {
	h.t.Helper()
	p := h.prepare()
	p.run()
	return p
}

// run runs the agent of a process that was prepared.
func (p *process) run() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.ended)
		p.err = p.agent.Run(ctx)
	}()
}

// replace is durable.WriteFile without its waiting for the disk: the power goes in these tests, but not the kernel's.
func replace(path string, data []byte) error {
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// do does something that lasts, unless the process is dead.
func (p *process) do(what string, f func() error) error {
	return p.h.around(p, what, func() error {
		if p.dead.Load() {
			return errDead
		}
		return f()
	})
}

// die ends the process as the loss of power would: nothing that it still tries has an effect. Its goroutines end soon after.
func (p *process) die() {
	p.dead.Store(true)
	p.drivers.Close()
	p.cancel()
}

// kill ends the process and waits for its end.
func (p *process) kill() {
	p.h.t.Helper()
	p.die()
	if err := p.end(); err != nil {
		p.h.t.Error("the agent has ended:", err)
	}
}

// end waits until the agent has ended and returns why it did so by itself.
func (p *process) end() error {
	p.h.t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		p.h.t.Error("the agent does not end")
		p.die()
		<-p.ended
		return nil
	}
}

// watched are the drivers of a process.
type watched struct {
	*sim.Host
	p *process
}

func (w watched) Start(ctx context.Context, m dc.Machine, nics []dc.Attachment, keep func(dc.Handle) error) error {
	return w.p.do("Start", func() error { return w.Host.Start(ctx, m, nics, keep) })
}

func (w watched) Recover(ctx context.Context, m dc.Machine, handle dc.Handle) error {
	return w.p.do("Recover", func() error { return w.Host.Recover(ctx, m, handle) })
}

func (w watched) Find(ctx context.Context, m dc.Machine) (handle dc.Handle, err error) {
	err = w.p.do("Find", func() error {
		handle, err = w.Host.Find(ctx, m)
		return err
	})
	return handle, err
}

func (w watched) FindMachine(ctx context.Context, m dc.Machine) error {
	return w.p.do("FindMachine", func() error { return w.Host.FindMachine(ctx, m) })
}

func (w watched) Stop(ctx context.Context, m dc.Machine) error {
	return w.p.do("Stop", func() error { return w.Host.Stop(ctx, m) })
}

func (w watched) Reset(ctx context.Context, id dc.VirtualMachineID) error {
	return w.p.do("Reset", func() error { return w.Host.Reset(ctx, id) })
}

func (w watched) Suspend(ctx context.Context, m dc.Machine) error {
	return w.p.do("Suspend", func() error { return w.Host.Suspend(ctx, m) })
}

func (w watched) Continue(ctx context.Context, id dc.VirtualMachineID) error {
	return w.p.do("Continue", func() error { return w.Host.Continue(ctx, id) })
}

func (w watched) ShutdownGuest(ctx context.Context, id dc.VirtualMachineID) error {
	return w.p.do("ShutdownGuest", func() error { return w.Host.ShutdownGuest(ctx, id) })
}

func (w watched) RebootGuest(ctx context.Context, id dc.VirtualMachineID) error {
	return w.p.do("RebootGuest", func() error { return w.Host.RebootGuest(ctx, id) })
}

func (w watched) CreateMachine(ctx context.Context, m dc.Machine, fetch ImageFetcher, progress func(done, total int64)) error {
	return w.p.do("CreateMachine", func() error { return w.Host.CreateMachine(ctx, m, fetch, progress) })
}

func (w watched) ConfigureMachine(ctx context.Context, m dc.Machine, added []int32, discarded []string, fetch ImageFetcher, progress func(done, total int64)) error {
	return w.p.do("ConfigureMachine", func() error { return w.Host.ConfigureMachine(ctx, m, added, discarded, fetch, progress) })
}

func (w watched) Reconfigure(ctx context.Context, m dc.Machine, nics []dc.Attachment) error {
	return w.p.do("Reconfigure", func() error { return w.Host.Reconfigure(ctx, m, nics) })
}

func (w watched) RegisterMachine(ctx context.Context, m dc.Machine, r dc.Registration) error {
	return w.p.do("RegisterMachine", func() error { return w.Host.RegisterMachine(ctx, m, r) })
}

func (w watched) ReleaseMachine(ctx context.Context, m dc.Machine) error {
	return w.p.do("ReleaseMachine", func() error { return w.Host.ReleaseMachine(ctx, m) })
}

func (w watched) DeleteMachine(ctx context.Context, m dc.Machine) error {
	return w.p.do("DeleteMachine", func() error { return w.Host.DeleteMachine(ctx, m) })
}

func (w watched) Plug(ctx context.Context, m dc.Machine) (nics []dc.Attachment, err error) {
	err = w.p.do("Plug", func() error {
		nics, err = w.Host.Plug(ctx, m)
		return err
	})
	return nics, err
}

func (w watched) Unplug(ctx context.Context, m dc.Machine) error {
	return w.p.do("Unplug", func() error { return w.Host.Unplug(ctx, m) })
}

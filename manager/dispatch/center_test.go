package dispatch_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"hanok/agent"
	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/api/hanok/agent/v1/agentv1connect"
	"hanok/dc"
	"hanok/host/sim"
	"hanok/internal/pki"
	"hanok/manager/access"
	"hanok/manager/dispatch"
	"hanok/manager/store"
)

// patience bounds every wait. What is waited for comes in milliseconds.
const patience = 30 * time.Second

const cluster dc.ClusterID = "domain-c1"

// center is a manager with nothing but its dispatch, on a real port of the loopback interface.
type center struct {
	*testing.T
	store     *store.Store
	ca        *pki.CA
	images    string
	heartbeat time.Duration
	address   string
	log       *slog.Logger

	svc    *dispatch.Service
	server *http.Server
	served chan struct{}
}

func newCenter(t *testing.T, heartbeat time.Duration) *center {
	t.Helper()
	ca, err := pki.NewCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := &center{T: t, store: store.OpenMemory(), ca: ca, images: t.TempDir(), heartbeat: heartbeat, address: "127.0.0.1:0",
		log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	c.put(&dc.Cluster{ID: cluster, Meta: dc.Meta{Name: "cluster", Parent: "group-h1"}})
	c.start()
	t.Cleanup(func() { c.stop() })
	return c
}

// start starts a manager, as a new process would.
func (c *center) start() {
	c.Helper()
	c.svc = dispatch.New(dispatch.Config{Store: c.store, Access: access.New(c.store, c.log), CA: c.ca, Images: c.images,
		Heartbeat: c.heartbeat, Log: c.log})
	c.ok(c.svc.MarkUnconnected(c.Context()))
	config, err := c.ca.ServerConfig([]string{"127.0.0.1"}, time.Now)
	c.ok(err)
	listener, err := net.Listen("tcp", c.address)
	c.ok(err)
	c.address = listener.Addr().String()
	c.server = &http.Server{Handler: c.svc.Handler(), TLSConfig: config, ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug)}
	c.served = make(chan struct{})
	go func() {
		defer close(c.served)
		if err := c.server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			c.Error(err)
		}
	}()
}

// stop ends the manager, and fails the test if a connection keeps it from ending.
func (c *center) stop() {
	c.Helper()
	c.svc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.server.Shutdown(ctx); err != nil {
		c.Error("the server does not end:", err)
	}
	<-c.served
}

func (c *center) url() string { return "https://" + c.address }

func (c *center) ok(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *center) kind(err error, want dc.ErrorKind) {
	c.Helper()
	if got := dc.KindOf(err); got != want {
		c.Fatalf("error %v of kind %q, want kind %q", err, got, want)
	}
}

func (c *center) put(o dc.Object) {
	c.Helper()
	c.change(func(tx *store.Tx) { tx.Put(o) })
}

func (c *center) change(fn func(tx *store.Tx)) {
	c.Helper()
	c.ok(c.store.Change(c.Context(), func(tx *store.Tx) error {
		fn(tx)
		return nil
	}))
}

// vm changes a virtual machine's Spec, as a task would.
func (c *center) vm(id dc.VirtualMachineID, change func(vm *dc.VirtualMachine)) {
	c.Helper()
	c.change(func(tx *store.Tx) {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
		if err != nil {
			c.Fatal(err)
		}
		change(vm)
		tx.Put(vm)
	})
}

func (c *center) power(id dc.VirtualMachineID, op dc.PowerOp) {
	c.Helper()
	c.vm(id, func(vm *dc.VirtualMachine) { vm.Spec.Power = vm.Spec.Power.Next(op, 0) })
}

// until waits for the store's view to satisfy done.
func (c *center) until(what string, done func(v *store.View) bool) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	for {
		v := c.store.View()
		if done(v) {
			return
		}
		if err := c.store.Wait(ctx, v.Revision()); err != nil {
			for vm := range store.List[*dc.VirtualMachine](v) {
				c.Logf("%s: asked %+v, is %+v", vm.ID, vm.Spec, vm.Status)
			}
			c.Fatalf("no %s", what)
		}
	}
}

// untilVM waits for a virtual machine's status to satisfy done.
func (c *center) untilVM(id dc.VirtualMachineID, what string, done func(s dc.VirtualMachineStatus) bool) {
	c.Helper()
	c.until(what, func(v *store.View) bool {
		vm, err := store.Get[*dc.VirtualMachine](v, dc.ID(id))
		return err == nil && done(vm.Status)
	})
}

func (c *center) untilConnection(id dc.HostID, want dc.Connection) {
	c.Helper()
	c.until(string("host "+id+" "+dc.HostID(want)), func(v *store.View) bool {
		h, err := store.Get[*dc.Host](v, dc.ID(id))
		return err == nil && h.Status.Connection == want
	})
}

// events returns how often something happened to an object.
func (c *center) events(typ dc.EventType, target dc.ID) (n int) {
	for e := range store.List[*dc.Event](c.store.View()) {
		if e.Type == typ && e.Target == target {
			n++
		}
	}
	return n
}

func (c *center) token() string {
	c.Helper()
	token, _, err := c.svc.CreateJoinToken(c.Context(), dc.System, cluster)
	c.ok(err)
	return token
}

// image puts an image into the manager's folder and returns its digest.
func (c *center) image(content string) string {
	c.Helper()
	sum := sha256.Sum256([]byte(content))
	c.ok(os.WriteFile(filepath.Join(c.images, hex.EncodeToString(sum[:])), []byte(content), 0o600))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// datastore makes a datastore of the host.
func (c *center) datastore(id dc.DatastoreID, host dc.HostID, path string) {
	c.Helper()
	c.put(&dc.Datastore{ID: id, Meta: dc.Meta{Name: string(id), Parent: "group-d1"},
		Spec: dc.DatastoreSpec{Type: dc.LocalDatastore, Host: host, Path: path}})
}

// machine makes a virtual machine of the host.
func (c *center) machine(id dc.VirtualMachineID, host dc.HostID, ds dc.DatastoreID, image string) {
	c.Helper()
	c.put(&dc.VirtualMachine{ID: id, Meta: dc.Meta{Name: string(id), Parent: "group-v1"}, Spec: dc.VirtualMachineSpec{
		Host: host, Datastore: ds, Folder: string(id),
		Hardware: dc.Hardware{UUID: "3f2b6a10-0000-4000-8000-000000000001", GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1,
			MemoryMB: 64, Controllers: []dc.Controller{{Key: dc.FirstSCSIKey, Type: dc.ControllerVirtio}},
			Disks: []dc.Disk{{Key: dc.FirstDiskKey, Controller: dc.FirstSCSIKey, CapacityBytes: 1 << 20, Image: image}},
			NICs:  []dc.NIC{{Key: dc.FirstNICKey, MAC: "52:54:00:00:00:" + string(id)[len(id)-2:]}}},
	}})
}

// box is a machine with an agent, real but for its drivers.
type box struct {
	c     *center
	name  string
	dir   string
	world *sim.World
	id    dc.HostID

	drivers *sim.Host
	cancel  context.CancelFunc
	ended   chan error
}

// join adds a host with a running agent.
func (c *center) join(name string) *box {
	c.Helper()
	b := &box{c: c, name: name, dir: c.TempDir(), world: sim.NewWorld(sim.Options{})}
	b.start(c.token())
	c.Cleanup(b.stop)
	c.until("host "+name, func(v *store.View) bool {
		h, ok := store.Named[*dc.Host](v, dc.ID(cluster), name)
		if ok {
			b.id = h.ID
		}
		return ok && h.Status.Connection == dc.Connected
	})
	return b
}

func (b *box) start(token string) {
	b.c.Helper()
	b.drivers = b.world.Open()
	a, err := agent.New(agent.Config{Dir: b.dir, Manager: b.c.url(), Token: token, Name: b.name, Facts: b.world.Facts(),
		Hypervisor: b.drivers, Storage: b.drivers, Network: b.drivers, Log: b.c.log.With("agent", b.name)})
	b.c.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.ended = cancel, make(chan error, 1)
	go func() { b.ended <- a.Run(ctx) }()
}

// stop ends the agent's process. Its drivers go first, so that nothing it still tries has an effect.
func (b *box) stop() {
	b.drivers.Close()
	b.cancel()
	if err := <-b.ended; err != nil {
		b.c.Error(err)
	}
	b.ended <- nil // for a second stop
}

// puppet is a host without an agent, that says what the test wants.
type puppet struct {
	c      *center
	id     dc.HostID
	config *tls.Config
	api    agentv1connect.AgentServiceClient
}

func (c *center) anonymous() *puppet {
	c.Helper()
	config, err := pki.ClientConfig(c.ca.PEM(), nil)
	c.ok(err)
	return c.puppet("", config)
}

func (c *center) puppet(id dc.HostID, config *tls.Config) *puppet {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	c.Cleanup(transport.CloseIdleConnections)
	return &puppet{c: c, id: id, config: config, api: agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport}, c.url())}
}

// certified is a host with a certificate of the authority, issued at a time.
func (c *center) certified(id dc.HostID, ca *pki.CA, issued time.Time) *puppet {
	c.Helper()
	key, csr, err := pki.NewCSR()
	c.ok(err)
	certificate, err := ca.SignHost(csr, string(id), issued)
	c.ok(err)
	return c.puppet(id, c.showing(certificate, key, c.ca.PEM()))
}

// showing is how somebody connects who has a certificate and its key.
func (c *center) showing(certificate, key, ca []byte) *tls.Config {
	c.Helper()
	pair, err := tls.X509KeyPair(certificate, key)
	c.ok(err)
	config, err := pki.ClientConfig(ca, func() (*tls.Certificate, error) { return &pair, nil })
	c.ok(err)
	return config
}

// tryJoin joins by hand.
func (c *center) tryJoin(name, token string) (*puppet, error) {
	c.Helper()
	key, csr, err := pki.NewCSR()
	c.ok(err)
	secret, _, _ := strings.Cut(token, ".")
	answer, err := c.anonymous().api.Join(c.Context(), &agentv1.JoinRequest{Token: secret, Csr: csr, Name: name})
	if err != nil {
		return nil, convert.FromError(err)
	}
	return c.puppet(dc.HostID(answer.HostId), c.showing(answer.Certificate, key, answer.Ca)), nil
}

func (c *center) joinPuppet(name string) *puppet {
	c.Helper()
	p, err := c.tryJoin(name, c.token())
	c.ok(err)
	return p
}

// call is a puppet's control connection.
type call struct {
	c      *center
	stream *connect.BidiStreamForClientSimple[agentv1.AgentMessage, agentv1.ManagerMessage]
}

func (p *puppet) call() *call {
	p.c.Helper()
	ctx, cancel := context.WithTimeout(p.c.Context(), patience)
	p.c.Cleanup(cancel)
	stream, err := p.api.Control(ctx)
	p.c.ok(err)
	return &call{c: p.c, stream: stream}
}

// dial opens a control connection and says hello.
func (p *puppet) dial() *call {
	p.c.Helper()
	return p.dialWith(convert.Hello(dc.HostStatus{}, 0))
}

func (p *puppet) dialWith(hello *agentv1.Hello) *call {
	p.c.Helper()
	k := p.greet(hello)
	welcome := k.receive().GetWelcome()
	if welcome == nil {
		p.c.Fatal("the first message is not Welcome")
	}
	if want := min(hello.Protocol, convert.Protocol); welcome.Protocol != want {
		p.c.Errorf("version %d is to be spoken, want %d", welcome.Protocol, want)
	}
	return k
}

// greet opens a control connection, says hello and waits for nothing.
func (p *puppet) greet(hello *agentv1.Hello) *call {
	p.c.Helper()
	k := p.call()
	k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_Hello{Hello: hello}})
	return k
}

func (k *call) send(m *agentv1.AgentMessage) {
	k.c.Helper()
	if err := k.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		k.c.Fatal(err)
	}
}

func (k *call) report(id dc.VirtualMachineID, s dc.VirtualMachineStatus) {
	k.c.Helper()
	k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_MachineReport{
		MachineReport: &agentv1.MachineReport{Id: string(id), Name: "name of " + string(id), Status: convert.MachineStatus(s)}}})
}

// receive returns the next message that is not the answer to a heartbeat.
func (k *call) receive() *agentv1.ManagerMessage {
	k.c.Helper()
	for {
		m, err := k.stream.Receive()
		k.c.ok(err)
		if m.GetHeartbeatReply() == nil {
			return m
		}
	}
}

// end returns why the connection ends.
func (k *call) end() error {
	for {
		if _, err := k.stream.Receive(); err != nil {
			return convert.FromError(err)
		}
	}
}

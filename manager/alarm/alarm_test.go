package alarm

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// lab is a data center with one machine that uses cpu of its CPU, in hundredths of a percent.
type lab struct {
	*testing.T
	st  *store.Store
	svc *Service
	w   *watcher
	cpu int64
	now time.Time
}

const vm = dc.VirtualMachineID("vm-a")

func newLab(t *testing.T) *lab {
	l := &lab{T: t, st: store.OpenMemory(), now: time.Now()}
	t.Cleanup(func() { l.st.Close() })
	l.restart()
	l.change(func(tx *store.Tx) error {
		tx.Put(&dc.VirtualMachine{ID: vm, Meta: dc.Meta{Name: "hello", Parent: "group-vm"}, Status: dc.VirtualMachineStatus{Power: dc.PoweredOn}})
		tx.Put(&dc.Host{ID: "host-a", Meta: dc.Meta{Name: "alpha", Parent: "domain-ca"}, Status: dc.HostStatus{Connection: dc.Connected}})
		return nil
	})
	return l
}

// restart is a new process of the manager.
func (l *lab) restart() {
	log := slog.New(slog.DiscardHandler)
	l.svc = New(Config{Store: l.st, Access: access.New(l.st, log), AuthorityEnds: l.now.Add(100 * 24 * time.Hour), Log: log, Values: func(object dc.ID) []dc.CounterValue {
		if object != dc.ID(vm) || l.cpu < 0 {
			return nil
		}
		return []dc.CounterValue{{Counter: dc.CPUUsage, Value: l.cpu}}
	}})
	l.w = l.svc.newWatcher()
	if err := l.svc.Defaults(l.Context()); err != nil {
		l.Fatal(err)
	}
}

func (l *lab) change(f func(*store.Tx) error) {
	l.Helper()
	if err := l.st.Change(l.Context(), f); err != nil {
		l.Fatal(err)
	}
}

// look lets time pass and the watcher look.
func (l *lab) look(after time.Duration, cpu int64) {
	l.now, l.cpu = l.now.Add(after), cpu
	l.w.lookAtAll(l.Context(), l.now)
}

func (l *lab) is(want string) {
	l.Helper()
	all, err := l.svc.Triggered(dc.System)
	if err != nil {
		l.Fatal(err)
	}
	var got []string
	for _, o := range all {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", o.AlarmName, o.ObjectName, o.Color, o.AcknowledgedBy)))
	}
	if s := strings.Join(got, ", "); s != want {
		l.Errorf("triggered: %s, want %s", s, want)
	}
}

func (l *lab) events() string {
	var out []string
	for e := range store.List[*dc.Event](l.st.View()) {
		out = append(out, fmt.Sprintf("%s %s", e.Type, e.Message))
	}
	return strings.Join(out, "\n")
}

var cpuAlarm = dc.AlarmID("alarm-vmcpuusage")

func TestMetric(t *testing.T) {
	l := newLab(t)
	l.look(0, 9500)
	l.is("") // not for long enough
	l.look(4*time.Minute, 9500)
	l.is("")
	l.look(time.Minute, 9500)
	l.is("Virtual machine CPU usage: hello red")
	by := dc.Caller{Name: "alice", Role: dc.RoleAdmin}
	if err := l.svc.Acknowledge(t.Context(), by, cpuAlarm, dc.ID(vm)); err != nil {
		t.Fatal(err)
	}
	l.is("Virtual machine CPU usage: hello red alice")
	for range 5 { // about the threshold it does not flap
		l.look(10*time.Second, 8900)
		l.look(10*time.Second, 9100)
	}
	l.look(10*time.Second, -1) // nothing was measured
	l.restart()                // nor does a new manager change anything, or forget who takes care
	l.look(10*time.Second, -1)
	l.is("Virtual machine CPU usage: hello red alice")
	l.look(10*time.Second, 8000)
	l.is("Virtual machine CPU usage: hello yellow alice")
	l.look(10*time.Second, 100)
	l.is("")
	l.look(10*time.Second, 9500) // and from the beginning
	l.is("")
	want := `AlarmStatusChangedEvent alarm "Virtual machine CPU usage" on virtual machine "hello" changed from green to red
AlarmAcknowledgedEvent alarm "Virtual machine CPU usage" on virtual machine "hello" was acknowledged
AlarmStatusChangedEvent alarm "Virtual machine CPU usage" on virtual machine "hello" changed from red to yellow
AlarmStatusChangedEvent alarm "Virtual machine CPU usage" on virtual machine "hello" changed from yellow to green`
	if got := l.events(); got != want {
		t.Errorf("events:\n%s\nwant\n%s", got, want)
	}
}

func TestState(t *testing.T) {
	l := newLab(t)
	host := func(c dc.Connection) {
		l.change(func(tx *store.Tx) error {
			h, err := store.Load[*dc.Host](tx, "host-a")
			if err != nil {
				return err
			}
			h.Status.Connection = c
			tx.Put(h)
			return nil
		})
	}
	host(dc.NotResponding)
	l.look(0, 0)
	l.is("") // as all hosts are for a moment after the manager's restart
	l.look(time.Minute, 0)
	l.is("Host connection and power state: alpha red")
	if err := l.svc.Reset(t.Context(), dc.System, "alarm-hostconnection", "host-a"); err != nil {
		t.Fatal(err)
	}
	l.is("")
	l.look(0, 0)
	l.look(time.Minute, 0) // the reason still is
	l.is("Host connection and power state: alpha red")
	_, err := l.svc.Edit(t.Context(), dc.System, "alarm-hostconnection", func(a *dc.Alarm) { a.Spec.Disabled, a.Spec.SystemName = true, "" })
	if err != nil {
		t.Fatal(err)
	}
	l.look(0, 0)
	l.is("")
	if err := l.svc.Delete(t.Context(), dc.System, "alarm-hostconnection"); dc.KindOf(err) != dc.WrongState {
		t.Errorf("a default alarm was deleted: %v", err)
	}
	if err := l.svc.Acknowledge(t.Context(), dc.System, "alarm-hostconnection", "host-a"); dc.KindOf(err) != dc.WrongState {
		t.Errorf("a green host was acknowledged: %v", err)
	}
}

// TestRun lets the watcher follow the store: events, alarms that are made and deleted, objects that go.
func TestRun(t *testing.T) {
	l := newLab(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.svc.Run(ctx) }()
	defer func() {
		stop()
		<-ended
	}()
	await := func(what string, done func(*store.View) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for v := l.st.View(); !done(v); v = l.st.View() {
			if err := l.st.Wait(ctx, v.Revision()); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	triggered := func(id dc.AlarmID, color dc.AlarmColor) func(*store.View) bool {
		return func(v *store.View) bool { return l.w.color(v, id, dc.ID(vm)) == color }
	}
	create := func(name string, expressions ...string) dc.AlarmID {
		t.Helper()
		s := dc.AlarmSpec{Of: dc.KindVirtualMachine}
		for _, text := range expressions {
			e, err := dc.ParseAlarmExpression(text)
			if err != nil {
				t.Fatal(err)
			}
			s.Expressions = append(s.Expressions, e)
		}
		alarm, err := l.svc.Create(t.Context(), dc.System, name, s)
		if err != nil {
			t.Fatal(err)
		}
		return alarm.ID
	}
	on := create("on", "state runtime.powerState is poweredOn yellow")
	await("a new alarm", triggered(on, dc.Yellow))
	reset := create("reset", "event VmResettingEvent red", "event VmPoweredOffEvent green")
	if _, err := l.svc.Create(t.Context(), dc.System, "reset", dc.AlarmSpec{Of: dc.KindHost, Expressions: []dc.AlarmExpression{{Event: &dc.EventExpression{Type: "x", Color: dc.Red}}}}); dc.KindOf(err) != dc.Exists {
		t.Errorf("a name that is taken: %v", err)
	}
	happens := func(typ dc.EventType) {
		l.change(func(tx *store.Tx) error {
			recordState(tx, dc.System, typ, &dc.AlarmState{Object: dc.ID(vm)}, "x")
			return nil
		})
	}
	happens(dc.EventVMReset)
	await("an event", triggered(reset, dc.Red))
	happens(dc.EventVMPoweredOff)
	await("the opposite event", triggered(reset, dc.Green))
	if err := l.svc.Delete(t.Context(), dc.System, on); err != nil {
		t.Fatal(err)
	}
	none := func(v *store.View) bool {
		for range store.List[*dc.AlarmState](v) {
			return false
		}
		return true
	}
	await("a deleted alarm", none)
	happens(dc.EventVMReset)
	await("an event again", triggered(reset, dc.Red))
	l.change(func(tx *store.Tx) error {
		o, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm))
		if err == nil {
			tx.Delete(o)
		}
		return err
	})
	await("an object that goes", none)
}

// TestMassDeletion: the guard against it speaks by an event of the root folder, which a default alarm watches for.
func TestMassDeletion(t *testing.T) {
	l := newLab(t)
	l.change(func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: dc.RootFolder, Meta: dc.Meta{Name: "Datacenters"}, Type: dc.FolderDatacenter})
		return nil
	})
	l.w.takeEvent(t.Context(), l.st.View(), &dc.Event{Type: dc.EventDeletionsStopped, Target: dc.ID(dc.RootFolder)})
	l.is("Mass deletion: Datacenters red")
}

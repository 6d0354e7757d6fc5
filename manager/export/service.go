package export

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"hanok/dc"
	"hanok/internal/ovf"
	"hanok/manager/access"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/vapp/hardware"
)

// Hosts is what this package asks of the connections to the hosts. Its methods are safe for concurrent use.
type Hosts interface {
	Connected(host dc.HostID) bool
	// OpenStream opens a stream of the kind on the host; ctx is for the opening only.
	OpenStream(ctx context.Context, host dc.HostID, vm dc.VirtualMachineID, kind string) (net.Conn, error)
}

// Config is what the service works with. All fields are needed.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// Tasks gets this package's definition.
	Tasks *task.Engine
	Hosts Hosts
}

// Service is what users may do to export machines. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	tasks  *task.Engine
	hosts  Hosts

	mu     sync.Mutex
	leases map[dc.TaskID]*Lease
}

// New returns the service and registers its task definition with c.Tasks.
func New(c Config) *Service {
	s := &Service{store: c.Store, access: c.Access, tasks: c.Tasks, hosts: c.Hosts, leases: map[dc.TaskID]*Lease{}}
	c.Tasks.Register(s.definition())
	return s
}

// Begin lends a machine without power, or a template, to the caller. Kinds: NotFound, WrongState as dc.CheckAtRest says, Conflict while a
// task works on it, Unavailable while its host is away. Privilege: PrivVAppExport.
func (s *Service) Begin(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (*Lease, error) {
	if err := s.access.Authorize(by, dc.PrivVAppExport, dc.ID(id)); err != nil {
		return nil, err
	}
	var l *Lease
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if l != nil { // the transaction is run again
			s.forget(l)
		}
		vm, err := store.Get[*dc.VirtualMachine](tx.View(), dc.ID(id))
		if err != nil {
			return err
		}
		if err := dc.CheckAtRest(vm); err != nil {
			return err
		}
		if !s.hosts.Connected(vm.Spec.Host) {
			return dc.Errorf(dc.Unavailable, "its host is not connected").On(dc.Describe(dc.KindVirtualMachine, vm.Name)).Fix("try again when it is")
		}
		t, err := s.tasks.SubmitReading(tx, by, exportType, vm, []dc.Object{vm}, struct{}{})
		if err != nil {
			return err
		}
		l = newLease(t, vm, by)
		s.mu.Lock() // before the engine can look for it
		s.leases[t.ID] = l
		s.mu.Unlock()
		return nil
	})
	if err != nil {
		if l != nil {
			l.end(err)
			s.forget(l)
		}
		return nil, err
	}
	return l, nil
}

func newLease(t *dc.Task, vm *dc.VirtualMachine, by dc.Caller) *Lease {
	l := &Lease{Task: t, Name: fileName(vm.Name), machine: vm, user: by.User, done: map[int]bool{}}
	l.ctx, l.end = context.WithCancelCause(context.Background())
	l.idle = time.AfterFunc(Idle, func() { l.end(errIdle) })
	for i, d := range vm.Spec.Hardware.Disks {
		l.Disks = append(l.Disks, Disk{d.Key, fmt.Sprintf("%s-disk%d.vmdk", l.Name, i+1), d.CapacityBytes})
	}
	return l
}

// fileName returns a machine's name as the beginning of the names of files.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:"*?<>|%`, r) {
			return '_'
		}
		return r
	}, name[:min(len(name), 80)])
}

// End ends a lease, whose holder has all or wants no more. A lease that has ended is a success. Privilege: PrivVAppExport.
func (s *Service) End(_ context.Context, by dc.Caller, id dc.TaskID, complete bool) error {
	l, err := s.of(by, id)
	if err != nil {
		return err
	}
	if complete {
		l.end(errDone)
	} else {
		l.end(dc.Errorf(dc.Canceled, "whoever exported it gave it up"))
	}
	return nil
}

// Descriptor returns the descriptor of the package, whose disks' files have the sizes in bytes, in the order of the lease's; 0 where that is
// not known. Kinds: Invalid for another number of sizes, and those of a lease that has ended. Privilege: PrivVAppExport.
func (s *Service) Descriptor(by dc.Caller, id dc.TaskID, sizes []int64) ([]byte, error) {
	l, err := s.of(by, id)
	if err != nil {
		return nil, err
	}
	release, err := l.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	if len(sizes) != len(l.Disks) {
		return nil, dc.Errorf(dc.Invalid, "sizes: %d of them for %d disks", len(sizes), len(l.Disks)).Fix("give one for each disk")
	}
	h := l.machine.Spec.Hardware
	networks := map[int32]string{}
	for _, n := range h.NICs {
		networks[n.Key] = string(n.PortGroup)
		if o, err := store.Get[*dc.PortGroup](s.store.View(), dc.ID(n.PortGroup)); err == nil {
			networks[n.Key] = o.Name
		}
	}
	m := hardware.Write(h, networks)
	m.Name, m.Annotation = l.machine.Name, l.machine.Spec.Annotation
	for i, d := range l.Disks {
		m.Files = append(m.Files, ovf.File{ID: fmt.Sprintf("file%d", i+1), Name: d.Name, Size: cmp.Or(sizes[i], -1)})
		m.Disks[i].File, m.Disks[i].Format, m.Disks[i].PopulatedBytes = d.Name, ovf.StreamOptimized, -1
	}
	return ovf.Encode(m), nil
}

// progressOf is what a list of tasks shows.
func progressOf(l *Lease) (int, string) {
	done, of, sent := l.progress()
	return 100 * done / max(of, 1), fmt.Sprintf("%d of %d disks, %d MB sent", done, of, sent>>20)
}

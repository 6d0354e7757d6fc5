package export

import (
	"context"
	"errors"
	"sync"
	"time"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

const exportType = "VirtualMachine.exportVm"

// Idle is how long a lease lives in which nobody asks for anything.
const Idle = time.Minute

// Lease is a machine that is being exported.
type Lease struct {
	// Task is the lease's identifier, too.
	Task *dc.Task
	// Name is what the files of the package are called, without their endings.
	Name string
	// Disks are those that are to be asked for, in their order.
	Disks []Disk

	machine *dc.VirtualMachine
	user    dc.UserID
	ctx     context.Context
	end     context.CancelCauseFunc

	mu     sync.Mutex
	active int
	idle   *time.Timer
	// sent is how many bytes were sent, and done how many disks as a whole.
	sent int64
	done map[int]bool
}

// Disk is a disk of a package.
type Disk struct {
	Key int32
	// Name is that of its file in the package: "web-disk1.vmdk".
	Name          string
	CapacityBytes int64
}

// errDone is the cause of a lease's end when its holder has all.
var errDone = errors.New("exported")

var errIdle error = dc.Errorf(dc.Canceled, "whoever exported it has not been heard of for %s", Idle).Fix("export it again")

// hold lets the lease live until release is called; its error says that the lease has ended.
func (l *Lease) hold() (release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cause := context.Cause(l.ctx); cause != nil {
		return nil, ended(cause)
	}
	l.active++
	l.idle.Stop()
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.active--; l.active == 0 && l.ctx.Err() == nil {
			l.idle.Reset(Idle)
		}
	}), nil
}

func (l *Lease) count(n int) {
	l.mu.Lock()
	l.sent += int64(n)
	l.mu.Unlock()
}

func (l *Lease) progress() (done, of int, sent int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done), len(l.Disks), l.sent
}

func ended(cause error) error {
	if errors.Is(cause, errDone) || dc.KindOf(cause) == dc.Internal {
		return dc.Errorf(dc.WrongState, "the export has ended").Fix("export it again")
	}
	return cause
}

// definition waits until the lease ends. A manager that does not know it is another one than the manager that gave it.
func (s *Service) definition() task.Definition {
	return task.Definition{Type: exportType, Steps: []task.Step{{Name: "export the machine", Do: func(ctx context.Context, r *task.Run) error {
		l := s.lease(r.Task().ID)
		if l == nil {
			return dc.Errorf(dc.Canceled, "the manager was restarted").Fix("export it again")
		}
		r.ProgressFrom(func() (int, string) { return progressOf(l) })
		return r.Away(ctx, func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				l.end(dc.Errorf(dc.Canceled, "the export was canceled"))
				return ctx.Err()
			case <-l.ctx.Done():
			}
			if cause := context.Cause(l.ctx); !errors.Is(cause, errDone) {
				return cause
			}
			time.AfterFunc(Idle, func() { s.forget(l) }) // later: this may be asked again
			return nil
		})
	}, Undo: func(_ context.Context, r *task.Run) error {
		if l := s.lease(r.Task().ID); l != nil { // also of a task that was canceled before it began
			l.end(dc.Errorf(dc.Canceled, "the export was canceled"))
			s.forget(l)
		}
		return nil
	}}}}
}

func (s *Service) lease(id dc.TaskID) *Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[id]
}

func (s *Service) forget(l *Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leases, l.Task.ID)
}

// of returns a caller's own lease.
func (s *Service) of(by dc.Caller, id dc.TaskID) (*Lease, error) {
	target := dc.ID(dc.RootFolder) // of a task that is not known
	if t, err := store.Get[*dc.Task](s.store.View(), dc.ID(id)); err == nil {
		target = t.Target
	}
	if err := s.access.Authorize(by, dc.PrivVAppExport, target); err != nil {
		return nil, err
	}
	if l := s.lease(id); l != nil && l.user == by.User {
		return l, nil
	}
	return nil, dc.Errorf(dc.NotFound, "it is no export of yours that is under way").On(dc.Describe(dc.KindTask, string(id))).Fix("export the machine again")
}

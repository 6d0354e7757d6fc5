package compute

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"unicode/utf8"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/task"
)

// Hosts is what this package asks of the connections to the hosts: what is not in the store. Its methods are safe for
// concurrent use; all but OpenStream answer at once.
type Hosts interface {
	// Connected reports whether the host's agent answers now.
	Connected(host dc.HostID) bool
	// Configures reports whether the host's agent answers now, and speaks of changes of the hardware.
	Configures(host dc.HostID) bool
	// Offers reports whether the host's agent answers now, and has the features.
	Offers(host dc.HostID, features []dc.HostFeature) bool
	// Executes reports whether the host's agent has words for the hardware, in a machine whose folder has that name or has none yet.
	// One that does not answer is taken to have them.
	Executes(host dc.HostID, h dc.Hardware, folder string) bool
	// OpenStream opens a connection to one of a machine's streams on its host: "vnc", "serial" or "screenshot". ctx is
	// for the opening only. The error is of kind Unavailable while the host is away.
	OpenStream(ctx context.Context, host dc.HostID, vm dc.VirtualMachineID, kind string) (net.Conn, error)
	// Progress returns how many bytes of how many the host has written for the machine; ok is false where it said nothing.
	Progress(vm dc.VirtualMachineID) (done, total int64, ok bool)
	// Usage returns how full a datastore was when its host last said so.
	Usage(ds dc.DatastoreID) (dc.DatastoreUsage, bool)
	// Orphans returns the machines that connected hosts have and that are not theirs by the store, by ID.
	Orphans() []dc.Orphan
}

// Config is what the service works with. All fields are needed.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// Tasks gets this package's definitions.
	Tasks *task.Engine
	Hosts Hosts
	// Resources says what may be reserved.
	Resources *resource.Service
	Log       *slog.Logger
}

// Service is what users may do with virtual machines. It is safe for concurrent use. Every method takes the caller and
// checks the privilege that it names before anything else; the errors of that are of the kinds Unauthenticated and
// Denied.
type Service struct {
	store     *store.Store
	access    *access.Service
	tasks     *task.Engine
	hosts     Hosts
	resources *resource.Service
	log       *slog.Logger
}

// New returns the service and registers its task definitions with c.Tasks.
func New(c Config) *Service {
	s := &Service{store: c.Store, access: c.Access, tasks: c.Tasks, hosts: c.Hosts, resources: c.Resources, log: c.Log}
	c.Tasks.Register(s.definitions()...)
	return s
}

func (s *Service) definitions() []task.Definition {
	definitions := []task.Definition{s.createDefinition(), s.cloneDefinition(), s.adoptDefinition(), s.destroyDefinition(),
		s.registerDefinition(), s.unregisterDefinition(),
		s.reconfigureDefinition(reconfigureType), s.reconfigureDefinition(upgradeType)}
	for _, op := range dc.PowerOps() {
		definitions = append(definitions, task.Definition{Type: powerType(op), Steps: s.powerSteps()})
	}
	return definitions
}

// Run runs this package's reconcilers until ctx or the store ends, and returns why. The manager that leads calls it.
func (s *Service) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	for _, r := range []task.Reconciler{s.powerReconciler(), s.pauseReconciler()} {
		loops.Go(func() { _ = r.Run(ctx, s.store, s.log) }) // each ends for the same reason
	}
	loops.Wait()
	return cmp.Or(ctx.Err(), s.store.Err())
}

// Get returns a machine. It is shared and must not be changed. Privilege: PrivRead.
func (s *Service) Get(by dc.Caller, id dc.VirtualMachineID) (*dc.VirtualMachine, error) {
	return s.authorized(by, dc.PrivRead, id)
}

// List returns the machines that the caller may see, by name. They are shared and must not be changed.
func (s *Service) List(by dc.Caller) ([]*dc.VirtualMachine, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	var out []*dc.VirtualMachine
	for vm := range store.InTree[*dc.VirtualMachine](s.store.View()) { // of one folder they are in order already
		if visible(vm) {
			out = append(out, vm)
		}
	}
	slices.SortFunc(out, func(a, b *dc.VirtualMachine) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Rename gives a machine another name in its folder; its folder on the datastore keeps the old one. Kinds: Invalid for a
// bad name, Exists for one that is taken. Privilege: PrivVMRename.
func (s *Service) Rename(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, name string) error {
	if _, err := s.authorized(by, dc.PrivVMRename, id); err != nil {
		return err
	}
	if err := dc.CheckName(dc.KindVirtualMachine, name); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
		if err != nil || vm.Name == name {
			return err
		}
		if err := checkFree(tx.View(), vm.Parent, name); err != nil {
			return err
		}
		vm.Name = name
		tx.Put(vm)
		return nil
	})
}

// maxAnnotation is the longest note, in bytes.
const maxAnnotation = 4096

// Annotate replaces a machine's note; "" is none. Kinds: Invalid for one that is too long or no text. Privilege: PrivVMAnnotation.
func (s *Service) Annotate(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, text string) error {
	vm, err := s.authorized(by, dc.PrivVMAnnotation, id)
	if err != nil {
		return err
	}
	if len(text) > maxAnnotation || !utf8.ValidString(text) {
		return dc.Errorf(dc.Invalid, "the note is no text of at most %d bytes", maxAnnotation).On(describe(vm)).Fix("give a shorter one")
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
		if err != nil || vm.Spec.Annotation == text {
			return err
		}
		vm.Spec.Annotation = text
		tx.Put(vm)
		return nil
	})
}

// authorized returns the machine, if the caller has the privilege on it.
func (s *Service) authorized(by dc.Caller, p dc.Privilege, id dc.VirtualMachineID) (*dc.VirtualMachine, error) {
	if err := s.access.Authorize(by, p, dc.ID(id)); err != nil {
		return nil, err
	}
	return store.Get[*dc.VirtualMachine](s.store.View(), dc.ID(id))
}

// submit commits request, which asks for a change and submits its task, and returns the task.
func (s *Service) submit(ctx context.Context, request func(tx *store.Tx) (*dc.Task, error)) (*dc.Task, error) {
	var submitted *dc.Task
	err := s.store.Change(ctx, func(tx *store.Tx) (err error) {
		submitted, err = request(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

// checkFree returns an error of kind Exists where something in the folder has the name.
func checkFree(v *store.View, folder dc.ID, name string) error {
	if holder, taken := store.Claimed(v, dc.NameClaim(folder, name)); taken {
		return &dc.Error{Kind: dc.Exists, Object: dc.Describe(dc.KindVirtualMachine, name),
			Message: "its folder has a " + holder.Kind().Noun() + " of this name already", Remedy: "choose another name"}
	}
	return nil
}

// on names the object that an error is about, where the error does not.
func on(err error, object string) error {
	var e *dc.Error
	if errors.As(err, &e) {
		return e.On(object)
	}
	return err
}

// reported returns what a machine's host reported as the error of a task.
func reported(vm *dc.VirtualMachine, f dc.Failure) error {
	f.Object = cmp.Or(f.Object, describe(vm))
	return task.Failed(f)
}

func describe(vm *dc.VirtualMachine) string { return dc.Describe(dc.KindVirtualMachine, vm.Name) }

// hostName returns a host as a user knows it.
func hostName(v *store.View, id dc.HostID) string {
	if h, err := store.Get[*dc.Host](v, dc.ID(id)); err == nil {
		return dc.Describe(dc.KindHost, h.Name)
	}
	return dc.Describe(dc.KindHost, string(id))
}

// checkConnected returns an error of kind Unavailable while the host is away.
func (s *Service) checkConnected(v *store.View, host dc.HostID) error {
	if s.hosts.Connected(host) {
		return nil
	}
	return &dc.Error{Kind: dc.Unavailable, Object: hostName(v, host), Message: "it is not connected",
		Remedy: "see that the host is on, runs its agent and reaches the manager, then try again"}
}

// checkExecutes returns an error of kind Unsupported where the program of the machine's host is too old for its hardware: what was asked
// of it would wait until the host is upgraded.
func (s *Service) checkExecutes(v *store.View, vm *dc.VirtualMachine) error {
	if s.hosts.Executes(vm.Spec.Host, vm.Spec.Hardware, vm.Spec.Folder) {
		return nil
	}
	return tooOld().On(hostName(v, vm.Spec.Host))
}

func tooOld() *dc.Error {
	return dc.Errorf(dc.Unsupported, "its program is too old for the machine's hardware").Fix("install this manager's program on the host")
}

package qemu

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"hanok/dc"
	"hanok/host/cgroup"
	"hanok/host/volume"
)

// Config says what a Driver works with.
type Config struct {
	// Volume has the machines' files.
	Volume *volume.Local
	// RunDir is the absolute folder for sockets: short, since a socket's path has 107 characters at most, the same for
	// every process of the agent on this host, and one that a reboot empties. It is made if need be; what is in it is the
	// driver's.
	RunDir string
	// Binary is the program; "" is qemu-system-x86_64 on the search path.
	Binary string
	// TPM is the program that is a machine's TPM; "" is swtpm on the search path.
	TPM string
	// Accelerator is used without a probe if it isn't "".
	Accelerator dc.Accelerator
	// Groups are the control groups that machines are put into; nil enforces nothing.
	Groups *cgroup.Tree
	// CPUMHz is the clock rate of a core of this host, by which limits in MHz are counted; 0 is not known.
	CPUMHz int64
	// Log gets what an administrator may want to know and no caller waits for; nil discards it.
	Log *slog.Logger
}

// Driver executes machines. It implements the agent's Hypervisor, which says what its methods promise; they are safe for
// concurrent use.
type Driver struct {
	cfg     Config
	log     *slog.Logger
	boot    string
	changes *changes
	probe   probe
	names   atomic.Int64 // makes names that are used once

	mu     sync.Mutex
	closed bool
	busy   map[dc.VirtualMachineID]bool // a Start or Recover is under way
	live   map[dc.VirtualMachineID]*machine
	exits  map[dc.VirtualMachineID]dc.MachineExit // how the last run ended
}

// New returns a driver that knows of no machine yet. The caller ends it with Close.
func New(cfg Config) (*Driver, error) {
	cfg.Binary, cfg.TPM = cmp.Or(cfg.Binary, "qemu-system-x86_64"), cmp.Or(cfg.TPM, tpmProgram)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if !filepath.IsAbs(cfg.RunDir) {
		return nil, dc.Errorf(dc.Invalid, "the folder for sockets, %q, is not an absolute path", cfg.RunDir)
	}
	if err := os.MkdirAll(cfg.RunDir, 0o700); err != nil {
		return nil, dc.Errorf(dc.Unavailable, "making the folder for sockets: %w", err).Fix("run the service as root")
	}
	boot, err := bootID()
	if err != nil {
		return nil, dc.Errorf(dc.Unavailable, "asking for the host's boot: %w", err).Fix("mount /proc")
	}
	return &Driver{
		cfg: cfg, log: cfg.Log, boot: boot, changes: newChanges(),
		busy:  map[dc.VirtualMachineID]bool{},
		live:  map[dc.VirtualMachineID]*machine{},
		exits: map[dc.VirtualMachineID]dc.MachineExit{},
	}, nil
}

// Changed implements the agent's Hypervisor.
func (d *Driver) Changed() <-chan dc.VirtualMachineID { return d.changes.out }

// Close implements the agent's Hypervisor: machines run on, without anybody who watches them.
func (d *Driver) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	live := d.live
	d.live = nil
	d.mu.Unlock()
	for _, m := range live {
		m.letGo()
	}
	d.changes.close()
	return nil
}

// State implements the agent's Hypervisor.
func (d *Driver) State(ctx context.Context, spec dc.Machine) (dc.MachineState, error) {
	d.mu.Lock()
	closed, m := d.closed, d.live[spec.ID]
	exit, ended := d.exits[spec.ID]
	d.mu.Unlock()
	switch {
	case closed:
		return dc.MachineState{}, errClosed(spec.ID)
	case m != nil:
		return m.state(), nil
	}
	suspended, err := d.suspended(ctx, spec)
	if err != nil {
		return dc.MachineState{}, err
	}
	state := dc.MachineState{Run: dc.RunStopped}
	if suspended {
		state.Run = dc.RunSuspended
	}
	if ended {
		state.Exit = &exit
	}
	return state, nil
}

// files opens the machine's folder. It returns nil without an error where the datastore is there and the machine has no files.
func (d *Driver) files(ctx context.Context, spec dc.Machine) (*volume.Files, error) {
	files, err := d.cfg.Volume.Files(ctx, spec)
	if dc.KindOf(err) != dc.NotFound {
		return files, err
	}
	if _, err := d.cfg.Volume.Usage(ctx, spec.Datastore); err != nil {
		return nil, err
	}
	return nil, nil
}

// suspended reports whether the machine's memory is on its datastore.
func (d *Driver) suspended(ctx context.Context, spec dc.Machine) (bool, error) {
	files, err := d.files(ctx, spec)
	if err != nil || files == nil {
		return false, err
	}
	defer files.Close()
	return files.Suspended()
}

// reserve takes a machine that does not run for the caller alone, who calls release in the end.
func (d *Driver) reserve(spec dc.Machine) (release func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, errClosed(spec.ID)
	case d.live[spec.ID] != nil || d.busy[spec.ID]:
		return nil, failure(dc.WrongState, spec, "it is powered on already")
	}
	d.busy[spec.ID] = true
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.busy, spec.ID)
	}, nil
}

// add makes a machine one that runs. It fails when the driver was closed meanwhile.
func (d *Driver) add(m *machine) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed(m.spec.ID)
	}
	d.live[m.spec.ID] = m
	delete(d.exits, m.spec.ID)
	m.run()
	d.changes.add(m.spec.ID)
	return nil
}

// remove notes how a machine ended.
func (d *Driver) remove(m *machine, exit dc.MachineExit) {
	d.mu.Lock()
	if d.live[m.spec.ID] == m {
		delete(d.live, m.spec.ID)
		d.exits[m.spec.ID] = exit
	}
	d.mu.Unlock()
	d.changes.add(m.spec.ID)
}

// noteExit says how a machine ended that this driver has not seen running.
func (d *Driver) noteExit(id dc.VirtualMachineID, exit dc.MachineExit) {
	d.mu.Lock()
	d.exits[id] = exit
	d.mu.Unlock()
	d.changes.add(id)
}

// running returns a machine with power.
func (d *Driver) running(id dc.VirtualMachineID) (*machine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed(id)
	}
	if m := d.live[id]; m != nil {
		return m, nil
	}
	return nil, dc.Errorf(dc.WrongState, "it is not powered on").On(dc.Describe(dc.KindVirtualMachine, string(id))).
		Fix("power it on first")
}

// sockets returns the folder of the machine's sockets.
func (d *Driver) sockets(id dc.VirtualMachineID) string {
	return filepath.Join(d.cfg.RunDir, string(id))
}

func failure(kind dc.ErrorKind, spec dc.Machine, format string, args ...any) *dc.Error {
	return dc.Errorf(kind, format, args...).On(describe(spec))
}

func describe(spec dc.Machine) string { return dc.Describe(dc.KindVirtualMachine, spec.Name) }

var errDriverClosed = errors.New("the driver was closed")

func errClosed(id dc.VirtualMachineID) error {
	return dc.Errorf(dc.Unavailable, "the host's agent is ending: %w", errDriverClosed).
		On(dc.Describe(dc.KindVirtualMachine, string(id))).Fix("try again when it has started")
}

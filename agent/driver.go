package agent

import (
	"context"
	"io"

	"hanok/dc"
)

// The driver interfaces. Package agent declares them, the packages of host implement them, cmd joins them, and
// agent/drivertest says what they promise. They are written in dc and standard types, so that a driver need not import
// this package. Methods are safe for concurrent use; the agent never calls two methods that change the same machine at once.

// Hypervisor executes machines. A machine that it started outlives the agent's process.
type Hypervisor interface {
	// Probe finds out how this host executes guests. It may take seconds.
	Probe(ctx context.Context) (dc.Hypervisor, error)
	// Start gives the machine power and returns when its CPUs run. The machine's files exist. A suspended machine
	// wakes up where it was. keep is called once, before anything executes: it writes the handle to the host's disk,
	// so that there is no moment at which a crash of the agent loses a running machine. When keep fails nothing is
	// started and Start returns its error; after any failure nothing is left running. Kinds: WrongState when it has
	// power already (keep was not called then), Exhausted when the host can't hold it, Unavailable when its files are
	// in use elsewhere.
	Start(ctx context.Context, m dc.Machine, nics []dc.Attachment, keep func(dc.Handle) error) error
	// Find looks for what executes a machine of which the agent has no record, and returns the handle that Recover takes it
	// over by. It disturbs nothing that has begun to execute the guest. NotFound means that nothing executes the machine.
	// Every other error means that something may: the agent does not start it, and looks again.
	Find(ctx context.Context, m dc.Machine) (dc.Handle, error)
	// Recover finds a machine that an earlier process of the agent started, and takes it over without disturbing it;
	// for one that this driver runs already it is a success. h is what keep was given, perhaps under an earlier boot of
	// the host. The earlier process may have died in the middle of Start: then Recover finishes it, or removes what
	// there is and returns NotFound; or in the middle of Suspend: then the machine runs on or is suspended. NotFound
	// means that nothing executes it: State then says how it stopped, as far as that can still be known. Every other
	// error means that something may execute it: the agent tries again and does not start it.
	Recover(ctx context.Context, m dc.Machine, h dc.Handle) error
	// Allocate gives a machine with power the share of the host's CPU and memory that m.Resources and m.Pools say; Start has done
	// so already. What can't be enforced is no error: State says it. WrongState without power.
	Allocate(ctx context.Context, m dc.Machine) error
	// Reconfigure brings a machine with power in line with m: its devices, CPUs, memory, media and cables. The files of new and grown
	// disks are there already. nics are the attachments of all NICs of m, in their order. Again is a success, and so is a machine
	// that is in line. Kinds: WrongState without power; Unsupported, with the reason, for what can't be done with power: then nothing
	// was changed, or State's Differences say what was.
	Reconfigure(ctx context.Context, m dc.Machine, nics []dc.Attachment) error
	// Stop takes the machine's power away at once; a suspended one loses its memory. It returns when nothing executes
	// the machine any more. A machine without power is a success.
	Stop(ctx context.Context, m dc.Machine) error
	// Reset restarts a machine as its reset button would. WrongState without power.
	Reset(ctx context.Context, id dc.VirtualMachineID) error
	// Suspend writes the machine's memory to its datastore and takes its power; it returns when both are done. After a
	// failure the machine runs on. WrongState without power, Exhausted when the datastore is full.
	Suspend(ctx context.Context, m dc.Machine) error
	// Continue lets a paused machine run on. It is a success if it runs; it may pause again at once.
	Continue(ctx context.Context, id dc.VirtualMachineID) error
	// ShutdownGuest asks the guest's agent to shut down and returns when the machine has lost its power. When ctx ends
	// first the error says what was seen: no answer, refused, or accepted and still running.
	ShutdownGuest(ctx context.Context, id dc.VirtualMachineID) error
	// RebootGuest asks the guest's agent to reboot and returns when the machine was reset by it. As ShutdownGuest.
	RebootGuest(ctx context.Context, id dc.VirtualMachineID) error
	// State returns what is known of a machine now, without waiting for the machine. An unknown machine is RunStopped,
	// or RunSuspended if its memory is on the datastore. NotFound when that can't be known because the datastore isn't
	// mounted.
	State(ctx context.Context, m dc.Machine) (dc.MachineState, error)
	// Changed delivers the ID of every machine whose State may have changed, soon after each change and at least once
	// after the last. It has one reader and is closed by Close.
	Changed() <-chan dc.VirtualMachineID
	// Screenshot writes the machine's screen as a PNG. WrongState without power.
	Screenshot(ctx context.Context, id dc.VirtualMachineID, w io.Writer) error
	// OpenConsole connects to a console; several connections may be open at once. WrongState without power.
	OpenConsole(ctx context.Context, id dc.VirtualMachineID, kind dc.ConsoleKind) (io.ReadWriteCloser, error)
	// Readings reads the meters of every machine that has power, as far as they can be known now; the others are missing. It
	// waits some seconds at most for one that does not answer.
	Readings(ctx context.Context) map[dc.VirtualMachineID]dc.MachineReading
	// Close lets go of all machines without disturbing them and closes Changed. Other methods fail with Unavailable
	// afterwards.
	Close() error
}

// Storage keeps machines' files on datastores.
type Storage interface {
	// Mount makes a datastore usable under its ID, creating its folder if need be. Again with the same path is a success, and so
	// is another ID for the same path: after a restore of the manager's store a folder may have a new datastore, while machines
	// are still known to be on the old one.
	Mount(ctx context.Context, id dc.DatastoreID, path string) error
	// Usage says how full a mounted datastore is.
	Usage(ctx context.Context, id dc.DatastoreID) (dc.DatastoreUsage, error)
	// CreateMachine makes the machine's folder and what is missing in it; existing disks are left as they are. fetch opens the
	// content of an image by its digest. progress is called with the bytes written so far and in all. After a crash
	// or failure it may be called again: a disk is there whole or not at all. Kinds: Exhausted when the datastore is
	// full, NotFound when it isn't mounted, Exists when the folder belongs to another machine.
	CreateMachine(ctx context.Context, m dc.Machine, fetch ImageFetcher, progress func(done, total int64)) error
	// ConfigureMachine brings the files of a machine in line with m, whether it has power or not. It makes the disks whose keys are in
	// added, where they are not there; lengthens the files of disks that have grown; writes the configuration; and removes the
	// disks whose descriptors discarded names, on m's datastore. All other disks must be there: one that is missing is not made anew.
	// What m still has is never removed, whatever discarded says, and absent files are removed already. fetch and progress are
	// as for CreateMachine. After a crash or failure it may be called again. Kinds: Exhausted when the datastore is full,
	// NotFound when a disk is missing or the datastore isn't mounted, Exists when the folder belongs to another machine, Unavailable
	// for a disk to remove that is in use.
	ConfigureMachine(ctx context.Context, m dc.Machine, added []int32, discarded []string, fetch ImageFetcher, progress func(done, total int64)) error
	// OpenDisk opens one of a machine's disks for reading, by its key; dc.VariablesKey stands for the variables of its firmware. What it
	// returns is a sparse.Source, too. Until it is closed nobody writes the disk. Kinds: NotFound for what is not there, Unavailable for a
	// disk that is in use.
	OpenDisk(ctx context.Context, m dc.Machine, key int32) (io.ReadCloser, error)
	// FindMachine looks for what CreateMachine has made, and changes nothing: it is a success when the machine's folder and
	// all its disks are there. Kinds: NotFound when one of them is missing, which the error names, or the datastore isn't
	// mounted, Exists when the folder belongs to another machine.
	FindMachine(ctx context.Context, m dc.Machine) error
	// DescribeMachine reads the machine whose configuration is at the path on a datastore, which its users call name, and the headers of
	// its disks; it changes nothing. All of it is checked, for nobody knows where it comes from. Kinds: NotFound when a file is
	// missing or the datastore isn't mounted, Invalid for what can't be read, with the file, the line and the key, WrongState for something
	// else than files, Unsupported for what this host can't have.
	DescribeMachine(ctx context.Context, id dc.DatastoreID, name, path string) (dc.FoundMachine, error)
	// DescribeDisk reads the header of the disk at the path as one that a machine can have: its file, capacity and provisioning.
	// Kinds: as DescribeMachine.
	DescribeDisk(ctx context.Context, id dc.DatastoreID, path string) (dc.Disk, error)
	// RegisterMachine makes files that are there the machine's own, and makes none: it puts the machine's mark on them. After a crash or
	// failure it may be called again. Kinds: NotFound when a file is missing or the datastore isn't mounted, Exists when the folder
	// belongs to another machine than r says, WrongState for disks of other sizes, Unavailable for files that are in use.
	RegisterMachine(ctx context.Context, m dc.Machine, r dc.Registration) error
	// ReleaseMachine takes the machine's mark off its files, and leaves them as they are. Absent files and those of another machine are
	// a success. Kinds: NotFound when the datastore isn't mounted, Unavailable when the machine is executed.
	ReleaseMachine(ctx context.Context, m dc.Machine) error
	// DeleteMachine removes the machine's files and its folder if that is empty then. Absent files are a success. The
	// files of another machine are never touched.
	DeleteMachine(ctx context.Context, m dc.Machine) error
}

// ImageFetcher opens the content of the image with the given digest, or that of another machine's disk (dc.ContentOf), which is a
// sparse.Source. The reader fails if the content does not match.
type ImageFetcher = func(ctx context.Context, digest string) (io.ReadCloser, error)

// Network connects machines' NICs.
type Network interface {
	// Plug makes what the machine's NICs connect to and returns one attachment a NIC, in their order. It may be called again
	// and then returns the same.
	Plug(ctx context.Context, m dc.Machine) ([]dc.Attachment, error)
	// Unplug removes what Plug made. Absent things are a success.
	Unplug(ctx context.Context, m dc.Machine) error
}

// Meter reads what the host itself has used.
type Meter interface {
	Read(ctx context.Context) (dc.HostReading, error)
}

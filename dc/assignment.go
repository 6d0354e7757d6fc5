package dc

import (
	"slices"
	"time"
)

// Machine is everything that a host needs to know to run a virtual machine: the part of a VirtualMachine that drivers
// see.
type Machine struct {
	ID   VirtualMachineID `json:"id"`
	Name string           `json:"name"`
	Hardware
	// Datastore and Folder say where its files are. Folder is one path element.
	Datastore DatastoreID `json:"datastore"`
	Folder    string      `json:"folder"`
	// Variables is ContentOf what the variables of its firmware start as, or "": those of a new machine.
	Variables string `json:"variables,omitempty"`
	// Annotation is the administrator's note, for the machine's files.
	Annotation string `json:"annotation,omitempty"`
	// Config is the name of its .vmx, "" for the folder's with ".vmx".
	Config string `json:"config,omitempty"`
	// Names are those of the port groups, datastores and resource pools that the machine refers to, for its files and for people. They may
	// be missing.
	Names map[ID]string `json:"names,omitempty"`
	// Resources is what it gets of its host, and Pools the resource pools that it is in without the root, the outermost first.
	Resources ResourceConfig `json:"resources,omitzero"`
	Pools     []PoolShare    `json:"pools,omitempty"`
}

// PoolShare is a resource pool as a host knows it.
type PoolShare struct {
	ID     ResourcePoolID `json:"id"`
	Config ResourceConfig `json:"config,omitzero"`
}

// Assignment is what the manager asks of one host for one machine. A higher revision replaces a lower one; the absence
// of an assignment asks for nothing.
type Assignment struct {
	// Revision is the store's revision of the virtual machine, or that of one of its resource pools where that is higher.
	Revision int64   `json:"revision"`
	Machine  Machine `json:"machine"`
	// Configuration counts the changes of Machine.Hardware. Discarded are the descriptors of disks that are to be removed with
	// their files, on the machine's datastore: a disk's absence asks for nothing.
	Configuration int64        `json:"configuration,omitempty"`
	Discarded     []string     `json:"discarded,omitempty"`
	Power         PowerRequest `json:"power"`
	// Deleted asks the host to power the machine off and delete its files.
	Deleted bool `json:"deleted,omitempty"`
	// Registered asks the host to take over files that are there, and make none.
	Registered *Registration `json:"registered,omitempty"`
	// Released asks the host to let go of the machine, which has no power, and leave its files as they are.
	Released bool `json:"released,omitempty"`
	// Known is for a host without a record of the machine.
	Known Known `json:"known,omitzero"`
}

// Known is what the manager has heard of a machine before. A host that has lost its records does not do again what was
// done once.
type Known struct {
	// Files says that the machine's files were there once: they are looked for, and never made again.
	Files bool `json:"files,omitempty"`
	// Outcome is the generation of the last power request that was reported as finished.
	Outcome int64 `json:"outcome,omitempty"`
}

// AssignmentOf returns what vm's host is asked to do, and whether vm has a host at all. pools are those that vm is in, from its
// own up; a root pool among them is left out.
func AssignmentOf(vm *VirtualMachine, pools ...*ResourcePool) (Assignment, bool) {
	if vm.Spec.Host == "" {
		return Assignment{}, false
	}
	revision, shares := vm.Revision, []PoolShare(nil)
	for _, p := range slices.Backward(pools) {
		if !p.Root() {
			revision, shares = max(revision, p.Revision), append(shares, PoolShare{p.ID, p.Config})
		}
	}
	return Assignment{
		Revision: revision,
		Machine: Machine{
			ID: vm.ID, Name: vm.Name, Hardware: vm.Spec.Hardware,
			Datastore: vm.Spec.Datastore, Folder: vm.Spec.Folder, Config: vm.Spec.Config, Annotation: vm.Spec.Annotation, Variables: vm.Spec.Variables,
			Resources: vm.Spec.Resources, Pools: shares,
		},
		Configuration: vm.Spec.Configuration, Discarded: vm.Spec.Discarded,
		Power:   vm.Spec.Power,
		Deleted: vm.Spec.Deleted, Registered: vm.Spec.Registered, Released: vm.Spec.Released,
		Known: Known{Files: vm.Status.Files.made(), Outcome: vm.Status.Outcome.Generation},
	}, true
}

// Handle is how a driver finds a running machine again after the agent was restarted, in the driver's own form. The
// agent keeps it on the host's disk.
type Handle []byte

// RunState is whether a driver's machine executes.
type RunState string

// The run states.
const (
	RunStopped   RunState = "stopped"   // no process, no memory
	RunRunning   RunState = "running"   // its CPUs execute
	RunPaused    RunState = "paused"    // its CPUs are halted by PauseReason
	RunSuspended RunState = "suspended" // no process; its memory is on the datastore
)

// MachineState is what a driver sees of one machine now.
type MachineState struct {
	Run RunState
	// Pause says why Run is RunPaused: a full datastore. Nil otherwise.
	Pause *Failure
	// Exit says how a machine stopped; nil while it runs and for one that never ran.
	Exit  *MachineExit
	Guest Guest
	// Restarted is when the guest of a running machine last restarted itself, which nobody had asked for, by the host's clock; zero where that
	// has not been seen. A guest that does so again and again is seen from time to time.
	Restarted time.Time
	// Unenforced says which parts of a running machine's resources the host can't enforce, each a sentence.
	Unenforced []string
	// Differences are what a machine with power has that was not asked for, or the other way round: each a sentence for a person.
	Differences []string
}

// MachineExit is how a machine stopped.
type MachineExit struct {
	// Clean is set when the machine stopped because it was asked to: by the driver's Stop or Suspend, or by the guest.
	Clean bool
	// Guest is set when the guest powered itself off.
	Guest bool
	// Message says what happened to one that did not stop cleanly; it ends with the last lines of its log.
	Message string
}

// ConsoleKind is a way to look at a machine's console.
type ConsoleKind string

// The consoles.
const (
	ConsoleVNC    ConsoleKind = "vnc"    // the RFB protocol
	ConsoleSerial ConsoleKind = "serial" // the bytes of the first serial port
)

// Attachment is how a driver connects one NIC. The zero value is a NIC without a cable.
type Attachment struct {
	// Key is the NIC's device key.
	Key int32
	// UserMode connects the NIC to the driver's own user-mode network: address translation behind the host, for
	// outgoing connections only.
	UserMode bool
	// Network tells the network that the NIC is on from all others: the port group's ID. A NIC whose Network has become another one is
	// moved, and nothing passes from the one to the other.
	Network string
}

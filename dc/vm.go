package dc

import (
	"slices"
	"time"
)

// VirtualMachine is a machine made of software. Its parent is a folder of type FolderVM.
type VirtualMachine struct {
	ID VirtualMachineID `json:"id"`
	Meta
	// Spec is written by the manager's services and tasks, and by the one reconciler that follows a guest which
	// powered itself off.
	Spec VirtualMachineSpec `json:"spec"`
	// Status is authored by the agent of Spec.Host.
	Status VirtualMachineStatus `json:"status"`
}

// VirtualMachineSpec is what was asked for.
type VirtualMachineSpec struct {
	Hardware Hardware `json:"hardware"`
	// Configuration counts the changes of Hardware: the host reports the one that it has carried out.
	Configuration int64 `json:"configuration,omitempty"`
	// Discarded are the descriptors of disks that were removed with their files, on the machine's datastore, until the host has
	// removed them.
	Discarded []string `json:"discarded,omitempty"`
	// Leaving are the descriptors of disks that a change of the hardware has taken out, which the host may still have open: no other
	// machine gets them before the change is done.
	Leaving []string `json:"leaving,omitempty"`
	// Annotation is the administrator's note.
	Annotation string `json:"annotation,omitempty"`
	// Pool is the resource pool it draws from, "" for a template, and Resources what it gets of it.
	Pool      ResourcePoolID `json:"pool"`
	Resources ResourceConfig `json:"resources,omitzero"`
	// Host and Datastore are set by the create task's placement; empty before.
	Host      HostID      `json:"host,omitempty"`
	Datastore DatastoreID `json:"datastore,omitempty"`
	// Variables is ContentOf the variables that its EFI firmware starts with, while the files of a clone are made.
	Variables string `json:"variables,omitempty"`
	// Folder is the name of its folder on the datastore, set with Datastore. It does not follow a rename.
	Folder string `json:"folder,omitempty"`
	// Config is the name of its .vmx in the folder where that is not the folder's with ".vmx".
	Config string `json:"config,omitempty"`
	// Registered is set for a machine whose files were there before it.
	Registered *Registration `json:"registered,omitempty"`
	// Template says that it is a template: machines are made of it, and it never gets power. It is in no resource pool then.
	Template bool `json:"template,omitempty"`
	// Power is the last power operation asked for.
	Power PowerRequest `json:"power"`
	// Deleted is the tombstone: the host is to delete the machine and its files. It is never taken back.
	Deleted bool `json:"deleted,omitempty"`
	// Released asks the host to let go of the machine and leave its files as they are. It is never taken back.
	Released bool `json:"released,omitempty"`
}

// Firmware is what starts the guest.
type Firmware string

// The firmwares, by vSphere's names.
const (
	BIOS Firmware = "bios"
	EFI  Firmware = "efi"
)

// Hardware is the virtual hardware of a machine.
type Hardware struct {
	// UUID is the BIOS UUID, and InstanceUUID what tells the machine from all others of the data center; both in lower case with
	// hyphens.
	UUID         string `json:"uuid"`
	InstanceUUID string `json:"instanceUuid"`
	// Version is the virtual hardware version: 19 is vSphere's "vmx-19".
	Version int `json:"version"`
	// GuestID is the vSphere identifier of the guest operating system: "otherLinux64Guest".
	GuestID  string   `json:"guestId"`
	Firmware Firmware `json:"firmware"`
	Boot     Boot     `json:"boot,omitzero"`
	// CPUs is the number of virtual CPUs, each one core, and CoresPerSocket how many of them are one socket.
	CPUs           int   `json:"cpus"`
	CoresPerSocket int   `json:"coresPerSocket"`
	MemoryMB       int64 `json:"memoryMB"`
	// CPUHotAdd, CPUHotRemove and MemoryHotAdd say what may be done while the machine has power. They are fixed while it has.
	CPUHotAdd    bool `json:"cpuHotAdd,omitempty"`
	CPUHotRemove bool `json:"cpuHotRemove,omitempty"`
	MemoryHotAdd bool `json:"memoryHotAdd,omitempty"`
	// RootPorts lets NICs and SCSI controllers come and go while the machine has power. It is set when a machine is made, and never
	// changes: the guest finds these devices elsewhere with it. Machines of before have it not.
	RootPorts bool `json:"rootPorts,omitempty"`
	// NICSlots are the numbers of the PCI slots that network adapters are in, by their keys from FirstNICKey on: Linux calls an adapter
	// in slot 192 ens192. Nil is no numbers. With numbers there are root ports; they never change, either.
	NICSlots []int32 `json:"nicSlots,omitempty"`
	// The devices, each list in the order of its keys.
	Controllers []Controller `json:"controllers"`
	Disks       []Disk       `json:"disks"`
	Drives      []Drive      `json:"drives,omitempty"`
	NICs        []NIC        `json:"nics"`
	SerialPorts []SerialPort `json:"serialPorts,omitempty"`
	Inputs      []InputType  `json:"inputs,omitempty"`
	Video       Video        `json:"video"`
	// TPM is a Trusted Platform Module 2.0.
	TPM      bool      `json:"tpm,omitempty"`
	Watchdog *Watchdog `json:"watchdog,omitempty"`
}

// PowerState is whether a machine has power.
type PowerState string

// The power states, by vSphere's names.
const (
	PoweredOff PowerState = "poweredOff"
	PoweredOn  PowerState = "poweredOn"
	Suspended  PowerState = "suspended"
)

// VirtualMachineStatus is what the host saw.
type VirtualMachineStatus struct {
	// Files says whether the machine's folder is there.
	Files FilesState `json:"files,omitempty"`
	// FilesFailure says why Files is FilesFailed or FilesMissing.
	FilesFailure *Failure   `json:"filesFailure,omitempty"`
	Power        PowerState `json:"power,omitempty"`
	// Paused is why a powered-on guest stands still, or nil: a full datastore.
	Paused *Failure `json:"paused,omitempty"`
	// Outcome is how the last finished power operation ended.
	Outcome PowerOutcome `json:"outcome"`
	// Fault says how the machine lost its power against everybody's will, until the next power-on: the message ends
	// with the last lines of its log.
	Fault *Failure `json:"fault,omitempty"`
	// Blocked is why the host can't carry out what is asked of the machine now, or nil: its own disk is full. The host goes
	// on trying. Object is empty: it is about the host.
	Blocked *Failure `json:"blocked,omitempty"`
	// Booted is when it was last powered on, in the host's time; zero when it has no power.
	Booted time.Time `json:"booted,omitzero"`
	Guest  Guest     `json:"guest"`
	// Restarted is when the guest last restarted itself, which nobody had asked for, by its host's clock; zero where the host has not seen
	// it since its agent's start.
	Restarted time.Time `json:"restarted,omitzero"`
	// Unenforced says which parts of Spec.Resources its host can't enforce, each a sentence, in a fixed order. It is empty without
	// power.
	Unenforced []string `json:"unenforced,omitempty"`
	// Configured is how the last finished change of the hardware ended.
	Configured ConfigurationOutcome `json:"configured,omitzero"`
	// Differences are what a machine with power has that its Spec doesn't say, or the other way round: each a sentence for a person.
	Differences []string `json:"differences,omitempty"`
}

// ConfigurationOutcome is how a change of the hardware ended.
type ConfigurationOutcome struct {
	// Generation is the Configuration that was carried out, or failed.
	Generation int64    `json:"generation,omitempty"`
	Failure    *Failure `json:"failure,omitempty"`
}

// FilesState says how far a machine's files are.
type FilesState string

// The states of a machine's files. The empty state means that the host has not looked yet.
const (
	FilesReady   FilesState = "ready"
	FilesFailed  FilesState = "failed"  // they could not be made, or not be deleted
	FilesMissing FilesState = "missing" // they were there once, and the host doesn't find them
	FilesRemoved FilesState = "removed"
	// FilesReleased: they are there, and no machine's of this data center any more.
	FilesReleased FilesState = "released"
)

// made reports whether the files were ever there.
func (s FilesState) made() bool { return s == FilesReady || s == FilesMissing || s.Gone() }

// Gone reports whether the host has done with the machine: its files were removed or let go of.
func (s FilesState) Gone() bool { return s == FilesRemoved || s == FilesReleased }

// Guest is what the guest's own agent says. It is empty when the machine has no power.
type Guest struct {
	// AgentRunning is whether the guest agent answers.
	AgentRunning bool   `json:"agentRunning,omitempty"`
	Hostname     string `json:"hostname,omitempty"`
	// Addresses are the guest's IP addresses, without loopback and link-local ones, IPv4 first.
	Addresses []string `json:"addresses,omitempty"`
	// OS is the guest's name for its operating system: "Debian GNU/Linux 13 (trixie)".
	OS string `json:"os,omitempty"`
}

// Equal reports whether both say the same.
func (g Guest) Equal(o Guest) bool {
	if g.AgentRunning != o.AgentRunning || g.Hostname != o.Hostname || g.OS != o.OS || len(g.Addresses) != len(o.Addresses) {
		return false
	}
	for i := range g.Addresses {
		if g.Addresses[i] != o.Addresses[i] {
			return false
		}
	}
	return true
}

// HasPower reports whether the machine has power or is about to have it.
func (o *VirtualMachine) HasPower() bool {
	pending := o.Status.Outcome.Generation < o.Spec.Power.Generation
	return o.Status.Power == PoweredOn || pending && o.Spec.Power.Op == PowerOn
}

// DiskClaim returns the claim of a disk, by the path of its descriptor on a datastore: no two machines write to one disk.
func DiskClaim(ds DatastoreID, file string) string { return "disk/" + string(ds) + "/" + file }

func (*VirtualMachine) Kind() Kind     { return KindVirtualMachine }
func (o *VirtualMachine) Identity() ID { return ID(o.ID) }

// Claims are the machine's name in its folder, its folder and the files of its disks on its datastore (of those that go until they are
// gone), its MAC addresses, and the use of its resource pool, datastores and port groups, which cannot be deleted before the machine.
func (o *VirtualMachine) Claims() []string {
	claims := o.nameClaim()
	use := func(used ID) {
		if claim := UseClaim(used, ID(o.ID)); used != "" && !slices.Contains(claims, claim) {
			claims = append(claims, claim)
		}
	}
	use(ID(o.Spec.Pool))
	use(ID(o.Spec.Datastore))
	if o.Spec.Folder != "" {
		claims = append(claims, "datastore/"+string(o.Spec.Datastore)+"/"+o.Spec.Folder)
	}
	for _, d := range o.Spec.Hardware.Drives {
		use(ID(d.Media.Datastore))
	}
	for _, p := range o.Spec.Hardware.SerialPorts {
		use(ID(p.File.Datastore))
	}
	for _, d := range o.Spec.Hardware.Disks {
		if d.File != "" && o.Spec.Datastore != "" {
			claims = append(claims, DiskClaim(o.Spec.Datastore, d.File))
		}
	}
	for _, file := range slices.Concat(o.Spec.Leaving, o.Spec.Discarded) {
		if claim := DiskClaim(o.Spec.Datastore, file); !slices.Contains(claims, claim) {
			claims = append(claims, claim)
		}
	}
	for _, n := range o.Spec.Hardware.NICs {
		use(ID(n.PortGroup))
		claims = append(claims, "mac/"+n.MAC)
	}
	return claims
}

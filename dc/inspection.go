package dc

// Inspection is what a host looks like to somebody who trusts neither its agent nor its drivers: what the kernel says of
// processes, what QEMU says of its machine, and what is on the disks. It is material for a judgment and none by itself.
type Inspection struct {
	// Simulated is set by a host that executes nothing; all else is empty then.
	Simulated  bool                 `json:"simulated,omitempty"`
	Processes  []InspectedProcess   `json:"processes,omitempty"`
	Datastores []InspectedDatastore `json:"datastores,omitempty"`
	Records    []InspectedRecord    `json:"records,omitempty"`
	// Unseen is what could not be looked at, a sentence each.
	Unseen []string `json:"unseen,omitempty"`
}

// InspectedProcess is a process that executes a machine, or has the file of a virtual disk open.
type InspectedProcess struct {
	PID int `json:"pid"`
	// Start is when it was started, in the kernel's ticks since the host's boot.
	Start uint64 `json:"start"`
	// Name is the kernel's name for it: "qemu-system-x86".
	Name string `json:"name"`
	// Agent is set for the process that made the inspection.
	Agent bool `json:"agent,omitempty"`
	// UUID and Folder are those of the machine in its command line; empty for a process that executes none.
	UUID   string `json:"uuid,omitempty"`
	Folder string `json:"folder,omitempty"`
	// Users are its real, effective, saved and file system user.
	Users []uint32 `json:"users,omitempty"`
	// Capabilities is set when it has any, or could get one without executing another program; Seccomp, when a filter of
	// system calls is on.
	Capabilities bool `json:"capabilities,omitempty"`
	Seccomp      bool `json:"seccomp,omitempty"`
	// Disks are the files of virtual disks that it has open.
	Disks []InspectedFile `json:"disks,omitempty"`
	// Monitor is what QEMU answers; nil where it was not asked, and MonitorFailure then says why it did not answer. Both
	// are empty for a QEMU that offers no socket to ask it.
	Monitor        *InspectedMonitor `json:"monitor,omitempty"`
	MonitorFailure string            `json:"monitorFailure,omitempty"`
}

// InspectedFile is a file that a process has open.
type InspectedFile struct {
	Path string `json:"path"`
	// File tells it from all other files of the host, whatever they are called: device and inode.
	File string `json:"file"`
	// Writable is set when it is open for writing, Locked when this opening holds a lock against others, Deleted when it has
	// no name any more.
	Writable bool `json:"writable,omitempty"`
	Locked   bool `json:"locked,omitempty"`
	Deleted  bool `json:"deleted,omitempty"`
}

// InspectedMonitor is what QEMU says of the machine that it executes.
type InspectedMonitor struct {
	// Status is QEMU's own word: "running".
	Status      string           `json:"status"`
	UUID        string           `json:"uuid"`
	CPUs        int              `json:"cpus"`
	MemoryBytes int64            `json:"memoryBytes"`
	Disks       []InspectedDrive `json:"disks,omitempty"`
}

// InspectedDrive is a disk as the guest has it.
type InspectedDrive struct {
	// Device is QEMU's name for it: "disk2000".
	Device        string `json:"device"`
	CapacityBytes int64  `json:"capacityBytes"`
	ReadOnly      bool   `json:"readOnly,omitempty"`
}

// InspectedDatastore is a datastore that the host's own records name.
type InspectedDatastore struct {
	ID       DatastoreID `json:"id"`
	Path     string      `json:"path"`
	Revision int64       `json:"revision"`
	// Failure says why its folder can't be read.
	Failure string            `json:"failure,omitempty"`
	Folders []InspectedFolder `json:"folders,omitempty"`
}

// InspectedFolder is one folder on a datastore.
type InspectedFolder struct {
	Name string `json:"name"`
	// Failure says why it, or its configuration, can't be read.
	Failure string `json:"failure,omitempty"`
	// Owner is the machine that its configuration names, or "" where there is none.
	Owner VirtualMachineID `json:"owner,omitempty"`
	Disks []InspectedDisk  `json:"disks,omitempty"`
	// Memory is the file with the memory of a suspended machine, or "".
	Memory string `json:"memory,omitempty"`
}

// InspectedDisk is the descriptor of a virtual disk and the file that it leads to.
type InspectedDisk struct {
	// Name is the descriptor's.
	Name string `json:"name"`
	// Failure says why it can't be understood.
	Failure       string `json:"failure,omitempty"`
	CapacityBytes int64  `json:"capacityBytes,omitempty"`
	// Extent is the name of the file with its bytes, ExtentBytes that file's length, -1 where there is none, and File as in
	// InspectedFile.
	Extent      string `json:"extent,omitempty"`
	ExtentBytes int64  `json:"extentBytes,omitempty"`
	File        string `json:"file,omitempty"`
}

// InspectedRecord is what the agent has written down of one machine.
type InspectedRecord struct {
	// File is the name of the file without its ending: the machine's ID.
	File string `json:"file"`
	// Failure says why it can't be understood; all else is empty then.
	Failure    string       `json:"failure,omitempty"`
	Assignment Assignment   `json:"assignment"`
	Files      FilesState   `json:"files,omitempty"`
	Power      PowerState   `json:"power,omitempty"`
	Begun      int64        `json:"begun,omitempty"`
	Outcome    PowerOutcome `json:"outcome"`
	// On is set while the agent says that the machine has power, Starting while it gets it. PID and Start are those of the
	// process that executes it, and ThisBoot says that they are of the host's present boot.
	On       bool   `json:"on,omitempty"`
	Starting bool   `json:"starting,omitempty"`
	ThisBoot bool   `json:"thisBoot,omitempty"`
	PID      int    `json:"pid,omitempty"`
	Start    uint64 `json:"start,omitempty"`
}

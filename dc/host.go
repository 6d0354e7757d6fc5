package dc

// Connection says whether the manager and a host's agent can talk.
type Connection string

// The connection states, as in vSphere. A host that does not respond may still run its machines.
const (
	Connected     Connection = "connected"
	NotResponding Connection = "notResponding"
)

// Accelerator is how a host executes guest code.
type Accelerator string

// The accelerators. TCG is emulation in software and isolates nothing: it is for labs only.
const (
	KVM Accelerator = "kvm"
	TCG Accelerator = "tcg"
)

// Host is a machine that runs virtual machines. Its parent is its cluster.
type Host struct {
	ID HostID `json:"id"`
	Meta
	// Status is authored by the host's agent, except Connection, which the manager that holds its connection sets.
	Status HostStatus `json:"status"`
}

// HostStatus is what a host says of itself.
type HostStatus struct {
	Connection Connection `json:"connection"`
	// Version is the version of the agent's program.
	Version string `json:"version,omitempty"`
	// BootID changes with every boot of the host's kernel (Linux: /proc/sys/kernel/random/boot_id).
	BootID     string     `json:"bootId,omitempty"`
	OS         string     `json:"os,omitempty"` // PRETTY_NAME of /etc/os-release
	CPUs       int        `json:"cpus,omitempty"`
	CPUModel   string     `json:"cpuModel,omitempty"`
	MemoryMB   int64      `json:"memoryMB,omitempty"`
	Hypervisor Hypervisor `json:"hypervisor"`
}

// Hypervisor is what a driver's probe found out.
type Hypervisor struct {
	// Name and Version are the driver's: "qemu", "10.0.2".
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	// Accelerator is the one chosen.
	Accelerator Accelerator `json:"accelerator,omitempty"`
	// Reason says why it was chosen, as a sentence for a person.
	Reason string `json:"reason,omitempty"`
	// Warnings are things an administrator should know, each a sentence with what to do.
	Warnings []string `json:"warnings,omitempty"`
}

func (*Host) Kind() Kind         { return KindHost }
func (o *Host) Identity() ID     { return ID(o.ID) }
func (o *Host) Claims() []string { return o.nameClaim() }

package dc

import "time"

// Connection says whether the manager and a host's agent can talk.
type Connection string

// The connection states, as in vSphere. A host that does not respond may still run its machines.
const (
	Connected     Connection = "connected"
	NotResponding Connection = "notResponding"
	Disconnected  Connection = "disconnected" // because somebody wanted it
)

// Maintenance is how far a host is on its way out of service.
type Maintenance string

// The stages of maintenance. The empty one is that of a host in service.
const (
	MaintenanceEntering Maintenance = "entering" // nothing new comes, and what has power on it may go on
	InMaintenance       Maintenance = "inMaintenance"
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
	// Spec is what its administrator wants of it.
	Spec HostSpec `json:"spec"`
	// Status is authored by the host's agent, except Connection, which the manager that holds its connection sets.
	Status HostStatus `json:"status"`
	// Certified is when the certificate was issued with which the host connected last, in whole seconds; the manager that
	// holds its connection writes it. Certificates that were issued earlier are worth nothing any more.
	Certified time.Time `json:"certified,omitzero"`
}

// HostSpec is what an administrator wants of a host.
type HostSpec struct {
	Maintenance Maintenance `json:"maintenance,omitempty"`
	// Disconnected keeps the host's agent from connecting. Its machines run on.
	Disconnected bool `json:"disconnected,omitempty"`
}

// HostDestination is where a host is moved: into a cluster, or into a folder of hosts, to stand alone.
type HostDestination struct {
	Folder  FolderID  `json:"folder,omitempty"`
	Cluster ClusterID `json:"cluster,omitempty"`
	// Pool is the resource pool of the cluster that its machines come into; "" is the root pool.
	Pool ResourcePoolID `json:"pool,omitempty"`
}

// ID returns the cluster's or the folder's ID.
func (d HostDestination) ID() ID {
	if d.Cluster != "" {
		return ID(d.Cluster)
	}
	return ID(d.Folder)
}

// HostStatus is what a host says of itself.
type HostStatus struct {
	// Connection is Connected or NotResponding; see Host.Connection.
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
	// CPUCores is the number of physical cores, and CPUMHz the clock rate that each of them keeps up; 0 where an agent of an older
	// version does not say.
	CPUCores int   `json:"cpuCores,omitempty"`
	CPUMHz   int64 `json:"cpuMHz,omitempty"`
	// ReservedMemoryMB is the part of MemoryMB that the host keeps for itself.
	ReservedMemoryMB int64 `json:"reservedMemoryMB,omitempty"`
}

// SimulatedHypervisor is the name of the hypervisor of a simulated host, on which nothing is executed.
const SimulatedHypervisor = "sim"

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

// Connection returns the state of the host's connection as users know it: one that does not respond because somebody
// disconnected it is Disconnected.
func (o *Host) Connection() Connection {
	if o.Spec.Disconnected && o.Status.Connection != Connected {
		return Disconnected
	}
	return o.Status.Connection
}

// CheckService returns an error of kind WrongState, without an object, where the host takes no machines because it is in
// maintenance or on its way there.
func (o *Host) CheckService() error {
	switch o.Spec.Maintenance {
	case MaintenanceEntering:
		return Errorf(WrongState, "it is entering maintenance mode").Fix("choose another host, or cancel that task")
	case InMaintenance:
		return Errorf(WrongState, "it is in maintenance mode").Fix("choose another host, or let this one leave maintenance mode")
	}
	return nil
}

func (*Host) Kind() Kind         { return KindHost }
func (o *Host) Identity() ID     { return ID(o.ID) }
func (o *Host) Claims() []string { return o.nameClaim() }

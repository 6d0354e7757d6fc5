package dc

// FolderType says what a folder holds besides folders of its own type.
type FolderType string

// The folder types. The root folder is of type FolderDatacenter.
const (
	FolderDatacenter FolderType = "datacenter"
	FolderVM         FolderType = "vm"
	FolderHost       FolderType = "host"
	FolderDatastore  FolderType = "datastore"
	FolderNetwork    FolderType = "network"
)

// Holds reports whether objects of the kind stand in folders of the type, besides folders of the same type.
func (t FolderType) Holds(k Kind) bool {
	switch k {
	case KindDatacenter:
		return t == FolderDatacenter
	case KindVirtualMachine:
		return t == FolderVM
	case KindCluster:
		return t == FolderHost
	case KindDatastore:
		return t == FolderDatastore
	case KindPortGroup:
		return t == FolderNetwork
	}
	return false
}

// Folder groups inventory objects. Its parent is a folder of the same type, or a data center.
type Folder struct {
	ID FolderID `json:"id"`
	Meta
	// Type is set at creation and never changes.
	Type FolderType `json:"type"`
}

// Datacenter is the top of one site's inventory. Its parent is a folder of type FolderDatacenter. Its four folders are
// made and removed with it.
type Datacenter struct {
	ID DatacenterID `json:"id"`
	Meta
	VMFolder        FolderID `json:"vmFolder"`
	HostFolder      FolderID `json:"hostFolder"`
	DatastoreFolder FolderID `json:"datastoreFolder"`
	NetworkFolder   FolderID `json:"networkFolder"`
}

// Cluster is a group of hosts whose CPU and memory are given out together. Its parent is a folder of type FolderHost.
type Cluster struct {
	ID ClusterID `json:"id"`
	Meta
	// Standalone makes it the compute resource of one host that is in no cluster (vSphere: a ComputeResource that is no
	// ClusterComputeResource). It has the host's name, is made when that joins, takes no other host, and goes with it.
	Standalone bool `json:"standalone,omitempty"`
	// RootPool is made and removed with the cluster.
	RootPool ResourcePoolID `json:"rootPool"`
}

// RootPoolName is the name of every root resource pool, as in a vCenter.
const RootPoolName = "Resources"

// ResourcePool is a share of a cluster's CPU and memory. Its parent is another pool of the same cluster. The root pool, whose
// parent is the cluster, is all of it.
type ResourcePool struct {
	ID ResourcePoolID `json:"id"`
	Meta
	// Config is zero for a root pool, which has what the cluster's hosts guarantee.
	Config ResourceConfig `json:"config,omitzero"`
}

// Root reports whether the pool is a cluster's root pool.
func (o *ResourcePool) Root() bool { return o.Parent.Kind() == KindCluster }

// PortGroup is a network that virtual NICs connect to. Its parent is a folder of type FolderNetwork.
type PortGroup struct {
	ID PortGroupID `json:"id"`
	Meta
}

func (*Folder) Kind() Kind       { return KindFolder }
func (*Datacenter) Kind() Kind   { return KindDatacenter }
func (*Cluster) Kind() Kind      { return KindCluster }
func (*ResourcePool) Kind() Kind { return KindResourcePool }
func (*PortGroup) Kind() Kind    { return KindPortGroup }

func (o *Folder) Identity() ID       { return ID(o.ID) }
func (o *Datacenter) Identity() ID   { return ID(o.ID) }
func (o *Cluster) Identity() ID      { return ID(o.ID) }
func (o *ResourcePool) Identity() ID { return ID(o.ID) }
func (o *PortGroup) Identity() ID    { return ID(o.ID) }

func (o *Folder) Claims() []string       { return o.nameClaim() }
func (o *Datacenter) Claims() []string   { return o.nameClaim() }
func (o *Cluster) Claims() []string      { return o.nameClaim() }
func (o *ResourcePool) Claims() []string { return o.nameClaim() }
func (o *PortGroup) Claims() []string    { return o.nameClaim() }

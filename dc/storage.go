package dc

// DatastoreType says where a datastore's bytes are.
type DatastoreType string

// LocalDatastore is a folder on one host's own file system.
const LocalDatastore DatastoreType = "local"

// Datastore holds the folders of virtual machines. Its parent is a folder of type FolderDatastore.
type Datastore struct {
	ID DatastoreID `json:"id"`
	Meta
	// Spec is written by the manager.
	Spec DatastoreSpec `json:"spec"`
	// Status is authored by the host's agent.
	Status DatastoreStatus `json:"status"`
}

// DatastoreSpec is where a datastore is to be found.
type DatastoreSpec struct {
	Type DatastoreType `json:"type"`
	// Host is the host that has a local datastore.
	Host HostID `json:"host"`
	// Path is the absolute folder on that host.
	Path string `json:"path"`
}

// DatastoreStatus is what the host found there. Free space is usage, not status, and never stored.
type DatastoreStatus struct {
	Accessible bool `json:"accessible"`
	// Failure says why it is not accessible.
	Failure       *Failure `json:"failure,omitempty"`
	CapacityBytes int64    `json:"capacityBytes,omitempty"`
}

// DatastoreUsage is how full a datastore is at a moment.
type DatastoreUsage struct {
	CapacityBytes int64 `json:"capacityBytes"`
	// FreeBytes is what an unprivileged writer may still use.
	FreeBytes int64 `json:"freeBytes"`
}

// Image is the content of a disk that new virtual machines may start from. It stands in no folder; its name is unique.
type Image struct {
	ID ImageID `json:"id"`
	Meta
	// Digest is the content's SHA-256, "sha256:" and 64 hexadecimal digits. Hosts fetch an image by it.
	Digest string `json:"digest"`
	// SizeBytes is the length of the raw disk.
	SizeBytes int64 `json:"sizeBytes"`
	// GuestID is the vSphere identifier of the guest operating system in it.
	GuestID string `json:"guestId"`
}

func (*Datastore) Kind() Kind { return KindDatastore }
func (*Image) Kind() Kind     { return KindImage }

func (o *Datastore) Identity() ID { return ID(o.ID) }
func (o *Image) Identity() ID     { return ID(o.ID) }

func (o *Datastore) Claims() []string { return o.nameClaim() }
func (o *Image) Claims() []string     { return []string{"image/" + o.Name} }

package dc

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

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

func (o *Image) Claims() []string { return []string{"image/" + o.Name} }

// Claims are the datastore's name in its folder, its path on its host, and the use of that host, which cannot be deleted
// before the datastore.
func (o *Datastore) Claims() []string {
	return append(o.nameClaim(), PathClaim(o.Spec), UseClaim(ID(o.Spec.Host), ID(o.ID)))
}

// PathClaim returns the claim of a datastore's path on its host.
func PathClaim(s DatastoreSpec) string { return "path/" + string(s.Host) + s.Path }

// CheckDatastore returns an error of kind Invalid unless a datastore of that name may have the spec. Whether its host
// exists is not known here.
func CheckDatastore(name string, s DatastoreSpec) error {
	fail := func(format string, args ...any) error {
		return Errorf(Invalid, format, args...).On(Describe(KindDatastore, name)).
			Fix("give an absolute path without . and .. in it, such as /srv/datastore1")
	}
	control := strings.ContainsFunc(s.Path, unicode.IsControl)
	switch {
	case s.Type != LocalDatastore:
		return Errorf(Invalid, "there is no type of datastore %q", s.Type).On(Describe(KindDatastore, name)).
			Fix("choose the type %q", LocalDatastore)
	case !utf8.ValidString(s.Path) || control:
		return fail("the path %q is not UTF-8 text or has a control character in it", s.Path)
	case !path.IsAbs(s.Path):
		return fail("the path %q is not absolute", s.Path)
	case s.Path == "/":
		return fail("the path is that of the whole file system")
	case path.Clean(s.Path) != s.Path:
		return fail("the path %q is not clean, %q is", s.Path, path.Clean(s.Path))
	case len(s.Path) > maxDatastorePath:
		return fail("the path is longer than %d bytes", maxDatastorePath)
	}
	return nil
}

// maxDatastorePath leaves room for the files below it: Linux allows 4095 bytes in a path.
const maxDatastorePath = 2048

// CheckImage returns an error of kind Invalid unless image may be kept.
func CheckImage(image *Image) error {
	if err := CheckName(KindImage, image.Name); err != nil {
		return err
	}
	object := Describe(KindImage, image.Name)
	switch {
	case !ValidDigest(image.Digest):
		return Errorf(Invalid, "%q is no digest", image.Digest).On(object).Fix(`give "sha256:" and 64 hexadecimal digits`)
	case image.SizeBytes <= 0:
		return Errorf(Invalid, "a size of %d bytes cannot be", image.SizeBytes).On(object).Fix("give the length of the raw disk")
	case !validGuestID(image.GuestID):
		return Errorf(Invalid, "%q is no guest identifier", image.GuestID).On(object).
			Fix(`give one of vSphere's, such as "otherLinux64Guest"`)
	}
	return nil
}

package dc

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DatastoreType says where a datastore's bytes are.
type DatastoreType string

// The types of datastores.
const (
	// LocalDatastore is a folder on one host's own file system.
	LocalDatastore DatastoreType = "local"
	// SimulatedDatastore is one that simulated hosts have in common: each of them says that it is there, and nothing is.
	SimulatedDatastore DatastoreType = "sim"
)

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
	// Host is the host that has a local datastore, and empty for one of another type.
	Host HostID `json:"host"`
	// Sharing are the hosts that have a simulated datastore in common.
	Sharing []HostID `json:"sharing,omitempty"`
	// Path is the absolute folder on its hosts.
	Path string `json:"path"`
}

// Hosts returns the hosts that reach the datastore.
func (s DatastoreSpec) Hosts() []HostID {
	if s.Host != "" {
		return []HostID{s.Host}
	}
	return s.Sharing
}

// ReachedBy reports whether the host reaches the datastore.
func (s DatastoreSpec) ReachedBy(host HostID) bool {
	return host != "" && (s.Host == host || slices.Contains(s.Sharing, host))
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

// Claims are the datastore's name in its folder, its path on its hosts, and the use of those, which cannot be deleted before
// the datastore.
func (o *Datastore) Claims() []string {
	claims := o.nameClaim()
	for _, host := range o.Spec.Hosts() {
		claims = append(claims, PathClaim(host, o.Spec.Path), UseClaim(ID(host), ID(o.ID)))
	}
	return claims
}

// PathClaim returns the claim of a datastore's path on a host.
func PathClaim(host HostID, path string) string { return "path/" + string(host) + path }

// CheckDatastore returns an error of kind Invalid unless a datastore of that name may have the spec. Whether its host
// exists is not known here.
func CheckDatastore(name string, s DatastoreSpec) error {
	fail := func(format string, args ...any) error {
		return Errorf(Invalid, format, args...).On(Describe(KindDatastore, name)).
			Fix("give an absolute path without . and .. in it, such as /srv/datastore1")
	}
	control := strings.ContainsFunc(s.Path, unicode.IsControl)
	switch {
	case s.Type == SimulatedDatastore && (s.Host != "" || len(s.Sharing) == 0):
		return Errorf(Invalid, "hosts have a datastore of the type %q in common", s.Type).On(Describe(KindDatastore, name)).
			Fix("name the simulated hosts that share it, and no other one")
	case s.Type == LocalDatastore && len(s.Sharing) > 0:
		return Errorf(Invalid, "a local datastore is one host's alone").On(Describe(KindDatastore, name)).Fix("name one host")
	case s.Type != LocalDatastore && s.Type != SimulatedDatastore:
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

package backup

import (
	"slices"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// format is the version of the archive's own layout.
const format = 1

// Header says what an archive is. It is the first thing in it.
type Header struct {
	// Format is the version of the layout.
	Format int `json:"format"`
	// Version is that of the program that wrote it, and Taken when that was.
	Version string    `json:"version"`
	Taken   time.Time `json:"taken"`
	// Datacenters are the names of what is in it.
	Datacenters []string `json:"datacenters"`
	// Revision is the store's at which it was read, and StoreFormat the format of its objects.
	Revision    int64  `json:"revision"`
	StoreFormat string `json:"storeFormat"`
	// Objects is how many objects of the store are in it.
	Objects int `json:"objects"`
	// Images are those whose contents are in it, and Missing the names of those whose contents were not there.
	Images  []Image  `json:"images,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

// Image is the content of an image.
type Image struct {
	Name string `json:"name"`
	// Digest is "sha256:" and 64 hexadecimal digits.
	Digest    string `json:"digest"`
	SizeBytes int64  `json:"sizeBytes"`
}

// Archive is a backup but for the contents of its images.
type Archive struct {
	Header
	// Entries are the objects, in the order of keys.
	Entries []store.Entry
	// Login is the file with the password that the installation made, or nil when that was changed: without it nobody could log
	// in to a data center that is restored on another machine.
	Login []byte
}

// New returns the archive of what was in a store at taken, without images. The error is of kind WrongState for a store with
// something in it that this program can't read.
func New(d store.Dump, version string, taken time.Time) (*Archive, error) {
	a := &Archive{Header: Header{Format: format, Version: version, Taken: taken.UTC(), Revision: d.Revision}}
	for _, e := range d.Entries {
		if e.Key == "format" {
			a.StoreFormat = string(e.Value)
		}
		obj, err := e.Object()
		if err != nil {
			return nil, err
		}
		switch o := obj.(type) {
		case nil, *dc.Session, *dc.JoinToken, *dc.APIToken:
			continue
		case *dc.Datacenter:
			a.Datacenters = append(a.Datacenters, o.Name)
		}
		a.Entries = append(a.Entries, e)
	}
	slices.Sort(a.Datacenters)
	a.Objects = len(a.Entries)
	return a, nil
}

// images returns the images of the archive's objects, one for each content.
func (a *Archive) images() ([]Image, error) {
	var images []Image
	for _, e := range a.Entries {
		obj, err := e.Object()
		if err != nil {
			return nil, err
		}
		image, ok := obj.(*dc.Image)
		if ok && !slices.ContainsFunc(images, func(i Image) bool { return i.Digest == image.Digest }) {
			images = append(images, Image{Name: image.Name, Digest: image.Digest, SizeBytes: image.SizeBytes})
		}
	}
	return images, nil
}

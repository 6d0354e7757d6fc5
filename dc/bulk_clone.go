package dc

import (
	"slices"
	"strings"
	"time"
)

// CloneSpec says what copies of machines are to be.
type CloneSpec struct {
	// Name is that of a copy. "{name}" in it stands for the source's, and "{date}" and "{time}" for when the bulk task begins: "20261124"
	// and "2200".
	Name string `json:"name"`
	// Folder, Pool, Host and Datastore are where it is to be; "" leaves that open.
	Folder    FolderID       `json:"folder,omitempty"`
	Pool      ResourcePoolID `json:"pool,omitempty"`
	Host      HostID         `json:"host,omitempty"`
	Datastore DatastoreID    `json:"datastore,omitempty"`
	// CPUs and MemoryMB are the source's if zero.
	CPUs     int   `json:"cpus,omitempty"`
	MemoryMB int64 `json:"memoryMB,omitempty"`
	// Provisioning is that of all disks; "" leaves each as it is.
	Provisioning Provisioning `json:"provisioning,omitempty"`
	// Template makes templates, and PowerOn machines with power: one of them at most.
	Template bool `json:"template,omitempty"`
	PowerOn  bool `json:"powerOn,omitempty"`
}

const sourceName = "{name}"

// At returns what is to be made at a time, by its own clock.
func (c CloneSpec) At(now time.Time) CloneSpec {
	c.Name = strings.NewReplacer("{date}", now.Format("20060102"), "{time}", now.Format("1504")).Replace(c.Name)
	return c
}

// NameOf returns the name of the copy of a machine.
func (c CloneSpec) NameOf(source string) string {
	return strings.ReplaceAll(c.Name, sourceName, source)
}

// checkClone returns an error of kind Invalid for copies that can't be.
func checkClone(b Bulk) error {
	c := b.Clone
	switch {
	case c == nil:
		return Errorf(Invalid, "clone: it is missing").Fix("say what the copies are to be")
	case len(b.Objects) > 1 && !strings.Contains(c.Name, sourceName):
		return Errorf(Invalid, "clone: all copies would have the name %q", c.Name).Fix("name them such as %q", sourceName+"-copy")
	case c.Template && c.PowerOn:
		return Errorf(Invalid, "clone: a template can't be powered on").Fix("ask for one of the two")
	case !slices.Contains([]Provisioning{"", Thin, ThickLazyZeroed, ThickEager}, c.Provisioning):
		return Errorf(Invalid, "clone: provisioning: %q is none", c.Provisioning).Fix("give %q, %q or %q", Thin, ThickLazyZeroed, ThickEager)
	}
	return CheckName(KindVirtualMachine, c.Name)
}

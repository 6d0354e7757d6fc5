package compute

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hanok/dc"
)

// demand is what a new machine needs of its place.
type demand struct {
	hardware dc.Hardware
	// imageBytes is what its disks take from their first moment on; they are thin.
	imageBytes int64
	// files are those that its host must reach.
	files []dc.Media
	// copied is set where its guest has seen its hardware already, of which nothing is left out.
	copied bool
	// host and datastore are those that were asked for, or "".
	host      dc.HostID
	datastore dc.DatastoreID
	// datastores are those that may be chosen; empty is all.
	datastores []dc.DatastoreID
	// near is the host that is tried first, where it is a candidate, or "".
	near dc.HostID
	// cluster is the name of the cluster to look in.
	cluster string
}

// candidate is a host of the cluster.
type candidate struct {
	host *dc.Host
	// givenMB is the memory of the machines that are placed on it, with power or without.
	givenMB int64
	// executes reports whether its program has words for the hardware.
	executes func(dc.Hardware) bool
	// datastores returns those that it reaches. It is asked only of hosts that would do otherwise.
	datastores func() []target
}

// target is a datastore that a candidate reaches.
type target struct {
	datastore *dc.Datastore
	// usage is nil while the host has not said how full it is.
	usage *dc.DatastoreUsage
}

// place chooses the host that is near, or else the one with the most memory that is not given to machines yet, and on it the datastore with the most
// free space; among equals the first by name. A datastore must have room for the images now: what thin disks grow to may be
// more than there is. The error says of every host, up to maxReasons of them, why it can't be; its kind is Unavailable where
// all of them are away, Unsupported where the programs of all others are too old, else Exhausted.
func place(d demand, candidates []candidate) (dc.HostID, dc.DatastoreID, error) {
	far := func(c candidate) int {
		if c.host.ID == d.near {
			return 0
		}
		return 1
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(far(a), far(b)), cmp.Compare(b.freeMB(), a.freeMB()), cmp.Compare(a.host.Name, b.host.Name))
	})
	kind, reasons := dc.Unavailable, []string(nil)
	for _, c := range candidates {
		if d.host != "" && d.host != c.host.ID {
			continue
		}
		ds, err := c.fit(d)
		if err == nil {
			return c.host.ID, ds, nil
		}
		switch dc.KindOf(err) {
		case dc.Unavailable:
		case dc.Unsupported:
			if kind == dc.Unavailable {
				kind = dc.Unsupported
			}
		default:
			kind = dc.Exhausted
		}
		reasons = append(reasons, dc.Describe(dc.KindHost, c.host.Name)+": "+publicMessage(err))
	}
	if reasons == nil {
		return "", "", noHost(d)
	}
	slices.Sort(reasons)
	if more := len(reasons) - maxReasons; more > 0 {
		reasons = append(reasons[:maxReasons], fmt.Sprintf("%d hosts more", more))
	}
	remedy := "make it smaller, free resources, or add a host"
	switch kind {
	case dc.Unavailable:
		remedy = "see that a host is on, runs its agent and reaches the manager, then try again"
	case dc.Unsupported:
		remedy = "install this manager's program on a host, or choose devices of virtio only"
	}
	return "", "", &dc.Error{Kind: kind, Message: "no host can hold it: " + strings.Join(reasons, "; "), Remedy: remedy}
}

// maxReasons is of how many hosts an error says why they can't hold a machine.
const maxReasons = 20

func noHost(d demand) error {
	cluster := dc.Describe(dc.KindCluster, d.cluster)
	if d.host != "" {
		return &dc.Error{Kind: dc.Invalid, Message: fmt.Sprintf("%s is not in %s", d.host, cluster),
			Remedy: "name a host of the resource pool's cluster, or none"}
	}
	return &dc.Error{Kind: dc.Unavailable, Message: cluster + " has no hosts", Remedy: "add a host to it"}
}

func (c candidate) freeMB() int64 { return c.host.Status.MemoryMB - c.givenMB }

// fit returns the best datastore for the machine on this host, or why there is none.
func (c candidate) fit(d demand) (dc.DatastoreID, error) {
	if c.host.Status.Connection != dc.Connected {
		return "", dc.Errorf(dc.Unavailable, "it is not connected")
	}
	if err := c.host.CheckService(); err != nil {
		return "", dc.Errorf(dc.Exhausted, "%s", publicMessage(err))
	}
	if !c.executes(d.hardware) && (d.copied || !c.executes(portless(d.hardware))) {
		return "", tooOld()
	}
	if err := dc.Fits(d.hardware, c.host.Status); err != nil {
		return "", err
	}
	datastores := c.datastores()
	for _, file := range d.files {
		if !slices.ContainsFunc(datastores, func(t target) bool { return t.datastore.ID == file.Datastore }) {
			return "", dc.Errorf(dc.Exhausted, "does not reach the datastore %s with %s", file.Datastore, file.Path)
		}
	}
	slices.SortFunc(datastores, func(a, b target) int {
		return cmp.Or(cmp.Compare(b.freeBytes(), a.freeBytes()), cmp.Compare(a.datastore.Name, b.datastore.Name))
	})
	var reasons []string
	for _, t := range datastores {
		if d.datastore != "" && d.datastore != t.datastore.ID {
			continue
		}
		if len(d.datastores) > 0 && !slices.Contains(d.datastores, t.datastore.ID) {
			continue
		}
		reason := t.refusal(d)
		if reason == "" {
			return t.datastore.ID, nil
		}
		reasons = append(reasons, dc.Describe(dc.KindDatastore, t.datastore.Name)+": "+reason)
	}
	switch {
	case reasons != nil:
		slices.Sort(reasons)
		return "", dc.Errorf(dc.Exhausted, "%s", strings.Join(reasons, ", "))
	case d.datastore != "":
		return "", dc.Errorf(dc.Exhausted, "does not reach the datastore %s", d.datastore)
	}
	if len(d.datastores) > 0 {
		return "", dc.Errorf(dc.Exhausted, "has no datastore on which its creator has the privilege %s", dc.PrivAllocateSpace)
	}
	return "", dc.Errorf(dc.Exhausted, "has no datastore")
}

// portless returns h without root ports, which only agents of now have words for.
func portless(h dc.Hardware) dc.Hardware {
	h.RootPorts, h.NICSlots = false, nil
	return h
}

// leavePorts takes the root ports from a new machine where the program of its host has no words for them: its adapters and controllers
// don't come and go with power then.
func (s *Service) leavePorts(vm *dc.VirtualMachine) {
	if !s.hosts.Executes(vm.Spec.Host, vm.Spec.Hardware, vm.Spec.Folder) {
		vm.Spec.Hardware = portless(vm.Spec.Hardware)
	}
}

// filesOf are those in the machine's drives and behind its ports.
func filesOf(h dc.Hardware) []dc.Media {
	var all []dc.Media
	for _, d := range h.Drives {
		all = append(all, d.Media)
	}
	for _, p := range h.SerialPorts {
		all = append(all, p.File)
	}
	return slices.DeleteFunc(all, func(m dc.Media) bool { return m == dc.Media{} })
}

func (t target) freeBytes() int64 {
	if t.usage == nil {
		return 0
	}
	return t.usage.FreeBytes
}

// refusal returns why the machine can't be on the datastore, or "".
func (t target) refusal(d demand) string {
	switch {
	case !t.datastore.Status.Accessible && t.datastore.Status.Failure != nil:
		return "not accessible (" + t.datastore.Status.Failure.Message + ")"
	case !t.datastore.Status.Accessible:
		return "not accessible"
	case t.usage != nil && t.usage.FreeBytes < d.imageBytes:
		return fmt.Sprintf("needs %d MB, has %d MB free", dc.RoundUpMB(d.imageBytes)>>20, t.usage.FreeBytes>>20)
	}
	return ""
}

func publicMessage(err error) string { return dc.FailureOf(err).Message }

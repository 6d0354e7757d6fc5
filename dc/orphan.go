package dc

// Orphan is a virtual machine that a host has and that is not the host's by the store: after a restore of the store from an
// older copy, say. It is left as it is until somebody adopts it.
type Orphan struct {
	// Machine is what the host knows of it. A host whose program is too old says the ID and the name only.
	Machine Machine
	// Path is the absolute folder of its datastore on Host, or "" where Host doesn't know the datastore.
	Path string
	// Host is who reported it, and Owner the host that the store says has it, or "" for a machine that the store does not
	// know.
	Host, Owner HostID
	// Generation is that of the last power request that Host was given.
	Generation int64
	// Deleted is whether Host was given a tombstone of it.
	Deleted bool
	// Status is what Host says.
	Status VirtualMachineStatus
}

// CheckAdoption returns an error of kind WrongState, or Unsupported for a host whose program is too old, where the orphan
// can't be made one of the inventory.
func CheckAdoption(o Orphan) error {
	fail := func(kind ErrorKind, remedy, format string, args ...any) error {
		e := Errorf(kind, format, args...).On(Describe(KindVirtualMachine, o.Machine.Name))
		e.Remedy = remedy
		return e
	}
	switch {
	case o.Owner != "":
		return fail(WrongState, "look at both before you delete one", "by the inventory it is on another host, %s", o.Owner)
	case o.Status.Files == FilesReleased:
		return fail(WrongState, "register it by its .vmx: hanok vm register", "its host has let go of its files")
	case o.Deleted || o.Status.Files == FilesRemoved:
		return fail(WrongState, "", "its host was asked to delete it, and does")
	case o.Machine.Folder == "":
		return fail(Unsupported, "install the manager's program on the host", "its host does not say enough of it")
	case o.Status.Files != FilesReady:
		return fail(WrongState, "bring its files back first", "its files are not there%s", because(o.Status.FilesFailure))
	}
	return nil
}

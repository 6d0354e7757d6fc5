package compute

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"time"
	"unicode/utf8"

	"hanok/api/filestream"
	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
	"hanok/manager/task"
)

const registerType = "Folder.registerVm"

// RegisterRequest asks for a machine whose files are on a datastore.
type RegisterRequest struct {
	// File is its .vmx, in a folder directly on the datastore.
	File dc.FileRef
	// Name is what it is to be called; "" is what the .vmx says.
	Name string
	// Folder is where it is to stand in the inventory; "" is the VM folder of the data center.
	Folder dc.FolderID
	// Pool is what it draws from; "" is the root pool of the cluster of the datastore's host.
	Pool dc.ResourcePoolID
	// Template makes it a template.
	Template bool
	// Identity says whether the files were moved or copied; "" is what the .vmx says, and else moved where that is not in doubt.
	Identity dc.RegisterIdentity
	// Networks are port groups for the networks of the .vmx, by their names; "" is for all others that have no port group of their
	// name, whose adapters are not connected without it.
	Networks map[string]dc.PortGroupID
}

// describeTime bounds the reading of a machine's files.
const describeTime = 30 * time.Second

// Register makes a machine of the inventory out of files that are on a datastore, and starts the task that hands it to its host. The
// warnings say what of it is otherwise than in the files. The files are read before; kinds: Invalid for what can't be read, with the file,
// the line and the key, NotFound for what is missing and what the request refers to, Unsupported for what can't be had here, WrongState
// for files of another data center's machine, Exists where the files, a disk, the name, an address or the identifier are another
// machine's, Unavailable while the host is away. Privileges: PrivVMRegister on the folder, PrivAssignVMToPool on the pool, PrivDatastoreBrowse
// and PrivAllocateSpace on the datastore, PrivNetworkAssign on the port groups.
func (s *Service) Register(ctx context.Context, by dc.Caller, req RegisterRequest) (submitted *dc.Task, warnings []string, err error) {
	place := CreateRequest{Name: req.Name, Folder: req.Folder, Pool: req.Pool, Datastore: req.File.Datastore}
	for _, portGroup := range req.Networks {
		place.NICs = append(place.NICs, NICRequest{PortGroup: portGroup})
	}
	if err := s.authorizeUse(by, dc.PrivVMRegister, place); err != nil {
		return nil, nil, err
	}
	if err := s.access.Authorize(by, dc.PrivDatastoreBrowse, dc.ID(req.File.Datastore)); err != nil {
		return nil, nil, err
	}
	if err := cmp.Or(dc.CheckFilePath(req.File.Path), dc.CheckRegisterIdentity(req.Identity)); err != nil {
		return nil, nil, err
	}
	ds, err := store.Get[*dc.Datastore](s.store.View(), dc.ID(req.File.Datastore))
	if err != nil {
		return nil, nil, err
	}
	host, err := s.hostFor(ds)
	if err != nil {
		return nil, nil, err
	}
	found, err := s.describe(ctx, host, req.File)
	if err != nil {
		return nil, nil, err
	}
	submitted, err = s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) {
		r := &registration{s: s, v: tx.View(), by: by, req: req, ds: ds, found: found}
		place.Host, place.Name = host, cmp.Or(req.Name, found.Name, found.Folder)
		vm, err := r.admit(tx, place)
		if err != nil {
			return nil, on(err, dc.Describe(dc.KindVirtualMachine, place.Name))
		}
		warnings = r.warnings
		tx.Put(vm)
		return s.tasks.Submit(tx, by, registerType, vm, taskArgs{})
	})
	return submitted, warnings, err
}

// hostFor returns a connected host that reaches the datastore.
func (s *Service) hostFor(ds *dc.Datastore) (dc.HostID, error) {
	hosts := ds.Spec.Hosts()
	for _, host := range hosts {
		if s.hosts.Connected(host) {
			return host, nil
		}
	}
	if len(hosts) == 0 {
		return "", dc.Errorf(dc.Unavailable, "no host reaches it").On(dc.Describe(dc.KindDatastore, ds.Name))
	}
	return "", s.checkConnected(s.store.View(), hosts[0])
}

// describe lets a host read a machine out of its files.
func (s *Service) describe(ctx context.Context, host dc.HostID, file dc.FileRef) (dc.FoundMachine, error) {
	reply, err := s.askFiles(ctx, host, dc.FileRequest{Op: dc.FileDescribe, FileRef: file})
	if err == nil && reply.Machine == nil {
		err = dc.Errorf(dc.Invalid, "it is no configuration of a machine").On("file " + file.Path).Fix("give the path of a .vmx")
	}
	if err != nil {
		return dc.FoundMachine{}, err
	}
	return *reply.Machine, nil
}

// askFiles asks a host for an operation on files that takes no time.
func (s *Service) askFiles(ctx context.Context, host dc.HostID, req dc.FileRequest) (dc.FileReply, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	conn, err := s.hosts.OpenStream(ctx, host, "", filestream.Kind)
	if err != nil {
		return dc.FileReply{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	call, err := filestream.Start(conn, req)
	if err != nil {
		return dc.FileReply{}, err
	}
	return call.Reply(nil)
}

// registration is the admission of one machine.
type registration struct {
	s        *Service
	v        *store.View
	by       dc.Caller
	req      RegisterRequest
	ds       *dc.Datastore
	found    dc.FoundMachine
	warnings []string
}

func (r *registration) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// admit returns the machine that was found, as one of the inventory.
func (r *registration) admit(tx *store.Tx, place CreateRequest) (*dc.VirtualMachine, error) {
	if err := dc.CheckName(dc.KindVirtualMachine, place.Name); err != nil {
		return nil, err
	}
	if err := r.checkOwner(place.Host); err != nil {
		return nil, err
	}
	pool, folder, err := r.s.admitPlace(tx, r.by, dc.PrivVMRegister, place)
	if err != nil {
		return nil, err
	}
	hardware := r.found.Hardware
	hardware.Disks, hardware.NICs = slices.Clone(hardware.Disks), slices.Clone(hardware.NICs)
	hardware.Drives, hardware.SerialPorts = slices.Clone(hardware.Drives), slices.Clone(hardware.SerialPorts)
	if err := r.identify(&hardware); err != nil {
		return nil, err
	}
	if err := r.connect(tx, &hardware, datacenterOf(r.v, dc.ID(pool))); err != nil {
		return nil, err
	}
	r.mediaOf(&hardware)
	if err := dc.CheckHardware(hardware); err != nil {
		return nil, err
	}
	annotation := r.found.Annotation
	if len(annotation) > maxAnnotation || !utf8.ValidString(annotation) {
		return nil, dc.Errorf(dc.Invalid, "its note is no text of at most %d bytes", maxAnnotation).Fix("shorten the annotation in its .vmx")
	}
	if r.req.Template {
		pool = ""
	}
	vm := &dc.VirtualMachine{
		ID:   dc.VirtualMachineID(dc.NewID(dc.KindVirtualMachine, random.Suffix())),
		Meta: dc.Meta{Name: place.Name, Parent: dc.ID(folder), Created: time.Now().UTC()},
		Spec: dc.VirtualMachineSpec{Hardware: hardware, Annotation: annotation, Pool: pool, Template: r.req.Template, Host: place.Host,
			Datastore: r.ds.ID, Folder: r.found.Folder, Registered: &dc.Registration{Owner: r.found.Owner}},
	}
	if r.found.Config != r.found.Folder+".vmx" {
		vm.Spec.Config = r.found.Config
	}
	return vm, checkClaims(r.v, vm)
}

// checkOwner refuses files that are another machine's, as far as that is known.
func (r *registration) checkOwner(host dc.HostID) error {
	owner := r.found.Owner
	if owner == "" {
		return nil
	}
	file := dc.FormatFileRef(r.ds.Name, r.req.File.Path)
	if vm, err := store.Get[*dc.VirtualMachine](r.v, dc.ID(owner)); err == nil {
		switch own := vm.Spec.Datastore == r.ds.ID && vm.Spec.Folder == r.found.Folder; {
		case own:
			return dc.Errorf(dc.Exists, "%s is that of %s", file, describe(vm)).Fix("unregister that one first")
		case r.req.Identity != dc.IdentityCopied:
			return dc.Errorf(dc.Exists, "%s is a copy of that of %s", file, describe(vm)).Fix("let it get an identity of its own: --copied")
		}
		return nil
	}
	if slices.ContainsFunc(r.s.hosts.Orphans(), func(o dc.Orphan) bool { return o.Machine.ID == owner && o.Host == host }) {
		return dc.Errorf(dc.Exists, "%s is that of an orphan which its host has, %s", file, owner).Fix("take that over: hanok vm adopt %s", owner)
	}
	if r.req.Identity == "" {
		return dc.Errorf(dc.WrongState, "%s is that of a machine of another data center, %s", file, owner).
			Fix("unregister it there; or say --moved if that is gone, --copied if these files are a copy")
	}
	return nil
}

// identify sees to the UUIDs and the addresses: those that are missing are made, all of them for a copy.
func (r *registration) identify(h *dc.Hardware) error {
	identity := cmp.Or(r.req.Identity, r.found.Identity)
	for vm := range store.List[*dc.VirtualMachine](r.v) {
		if identity == dc.IdentityCopied {
			break
		}
		if other := &vm.Spec.Hardware; h.UUID != "" && other.UUID == h.UUID {
			return dc.Errorf(dc.Exists, "its uuid.bios %s is that of %s", h.UUID, describe(vm)).
				Fix("if its files were copied, let it get an identity of its own: --copied")
		} else if h.InstanceUUID != "" && other.InstanceUUID == h.InstanceUUID {
			r.warn("its vc.uuid is that of %s: it gets another one", describe(vm))
			h.InstanceUUID = ""
		}
	}
	if identity == dc.IdentityCopied {
		h.UUID, h.InstanceUUID = "", ""
		for i := range h.NICs {
			h.NICs[i].MAC = ""
		}
	}
	h.UUID, h.InstanceUUID = cmp.Or(h.UUID, random.UUID()), cmp.Or(h.InstanceUUID, random.UUID())
	for i, n := range h.NICs {
		if n.MAC == "" {
			h.NICs[i].MAC = freeMAC(r.v, h.NICs, random.MAC)
		} else if holder, taken := store.Claimed(r.v, macClaim+n.MAC); taken {
			return dc.Errorf(dc.Exists, "the address %s of its network adapter %d is that of %s", n.MAC, n.Key, holderName(r.v, holder)).
				Fix("if its files were copied, let it get an identity of its own: --copied")
		}
	}
	return nil
}

// connect puts the adapters on the port groups that have their networks' names, or that the request names for them.
func (r *registration) connect(tx *store.Tx, h *dc.Hardware, home dc.ID) error {
	for i := range h.NICs {
		n := &h.NICs[i]
		network := r.found.Networks[n.Key]
		n.PortGroup = r.req.Networks[network]
		if n.PortGroup == "" {
			for pg := range store.List[*dc.PortGroup](r.v) {
				if (pg.Name == network || string(pg.ID) == network) && datacenterOf(r.v, dc.ID(pg.ID)) == home {
					n.PortGroup = pg.ID
				}
			}
		}
		if n.PortGroup = cmp.Or(n.PortGroup, r.req.Networks[""]); n.PortGroup == "" {
			n.Connected, n.StartConnected = false, false
			r.warn("network adapter %d is not connected: there is no port group %q; make one of that name and register it anew, or name one: --network %q=PORTGROUP",
				n.Key-dc.FirstNICKey+1, network, network)
			continue
		}
		if err := r.s.access.Authorize(r.by, dc.PrivNetworkAssign, dc.ID(n.PortGroup)); err != nil {
			return err
		}
		tx.Exists(dc.ID(n.PortGroup))
	}
	return nil
}

// mediaOf finds the datastores of media by their names. What is elsewhere is left out.
func (r *registration) mediaOf(h *dc.Hardware) {
	resolve := func(what string, m *dc.Media) bool {
		if *m == (dc.Media{}) {
			return true
		}
		for ds := range store.DatastoresOf(r.v, r.ds.Spec.Hosts()[0]) {
			if string(ds.ID) == string(m.Datastore) || ds.Name == string(m.Datastore) {
				if dc.CheckFilePath(m.Path) == nil {
					m.Datastore = ds.ID
					return true
				}
			}
		}
		r.warn("%s is empty: %s is on no datastore of its host", what, path.Join(string(m.Datastore), m.Path))
		*m = dc.Media{}
		return false
	}
	for i := range h.Drives {
		d := &h.Drives[i]
		if !resolve(fmt.Sprintf("the %s drive %d", d.Type, d.Key), &d.Media) {
			d.Connected = false
		}
	}
	for i := range h.SerialPorts {
		resolve(fmt.Sprintf("the file of serial port %d", h.SerialPorts[i].Key-dc.FirstSerialKey+1), &h.SerialPorts[i].File)
	}
}

// registerDefinition hands a machine, whose object the service has stored already, to its host. Taken back, the files are as they were:
// the host lets go of what it has taken.
func (s *Service) registerDefinition() task.Definition {
	return task.Definition{Type: registerType, Steps: []task.Step{{Name: "take over the files", Do: s.awaitRegistration, Undo: s.unregisterVM}}}
}

// awaitRegistration waits until the host has taken the files over.
func (s *Service) awaitRegistration(ctx context.Context, r *task.Run) error {
	vm, err := s.awaitReady(ctx, r, "taking over the files")
	if err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		record(tx, t, vm, dc.EventVMRegistered, fmt.Sprintf("registered on %s", hostName(tx.View(), vm.Spec.Host)))
		return nil
	})
	return nil
}

// awaitReady waits until the host says that the machine's files are there.
func (s *Service) awaitReady(ctx context.Context, r *task.Run, doing string) (*dc.VirtualMachine, error) {
	vm, err := store.Get[*dc.VirtualMachine](r.View(), r.Task().Target)
	if err != nil {
		return nil, err
	}
	r.ProgressFrom(func() (int, string) { return 50, cmp.Or(s.obstacle(vm), doing) })
	return vm, r.Wait(ctx, func(v *store.View) (bool, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, r.Task().Target)
		if err != nil {
			return false, err
		}
		if f := vm.Status.FilesFailure; f != nil {
			return false, reported(vm, *f)
		}
		return vm.Status.Files == dc.FilesReady, nil
	})
}

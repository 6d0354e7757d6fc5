package compute

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
)

// CreateRequest asks for a new virtual machine.
type CreateRequest struct {
	Name string
	// Folder is where it stands in the inventory; "" is the VM folder of the data center.
	Folder dc.FolderID
	// Pool is what it draws from; "" is the root pool of Host's cluster, or of the only cluster.
	Pool dc.ResourcePoolID
	// Host and Datastore are where it is to be; "" leaves the choice to placement.
	Host      dc.HostID
	Datastore dc.DatastoreID
	// Version is the hardware version, dc.VersionForGuest if zero.
	Version int
	// GuestID is that of the first image if empty, else "otherLinux64Guest". What nothing else says is the guest's: see dc.NewHardware.
	GuestID string
	// CPUs is 1 if zero, and MemoryMB and Firmware are the guest's if they are zero.
	CPUs       int
	MemoryMB   int64
	Firmware   dc.Firmware
	Annotation string
	Disks      []DiskRequest
	NICs       []NICRequest
	// Change is what else is other than the guest's; the fields above go before those of the same meaning. It adds no disks.
	Change dc.HardwareChange
	// Hardware is all of a machine that comes from elsewhere, in place of everything above from Version on but the annotation. It gets
	// its identifiers and the addresses of its adapters here. It is not changed.
	Hardware *dc.Hardware
	// PowerOn also powers it on, in the same task: if that fails there is no machine.
	PowerOn bool
}

// DiskRequest asks for a disk.
type DiskRequest struct {
	// CapacityBytes is the image's size if zero, rounded up to 1 MB, and without an image what the guest's disks usually have.
	CapacityBytes int64
	// Image is what the disk starts as; "" is an empty disk.
	Image dc.ImageID
	// Form says where it is put and how it is provisioned, or which disk it is that is there already; the capacity and the image are those above.
	Form dc.NewDisk
}

// forms returns the disks but for their images.
func (req CreateRequest) forms() []dc.NewDisk {
	var all []dc.NewDisk
	for _, d := range req.Disks {
		form := d.Form
		form.CapacityBytes = d.CapacityBytes
		all = append(all, form)
	}
	return all
}

// NICRequest asks for a network adapter. Its address is chosen here.
type NICRequest struct {
	PortGroup dc.PortGroupID
}

// portGroups are those that the machine's adapters are to be connected to.
func (req CreateRequest) portGroups() []dc.PortGroupID {
	var all []dc.PortGroupID
	for _, n := range req.NICs {
		all = append(all, n.PortGroup)
	}
	all = append(all, req.Change.PortGroups()...)
	if req.Hardware != nil {
		for _, n := range req.Hardware.NICs {
			all = append(all, n.PortGroup)
		}
	}
	return slices.DeleteFunc(all, func(id dc.PortGroupID) bool { return id == "" }) // those on no network
}

const defaultGuestID = "otherLinux64Guest"

// Create admits a new machine and starts the task that makes it, which the task's target names. Kinds: Invalid for what
// CheckName and CheckHardware refuse, Exists for a name that is taken, NotFound for what the request refers to. That no
// host can hold it is the task's failure. Disks that are there already stay where it is not made; their errors are those of findDisks.
// Privileges: PrivVMCreate on the folder, and PrivVMPowerOn with PowerOn, PrivDatastoreBrowse on the datastore of disks that are there already,
// PrivAssignVMToPool on the resource pool, PrivAllocateSpace on the datastore, which is chosen among those on which the caller has it, PrivNetworkAssign on the port groups.
func (s *Service) Create(ctx context.Context, by dc.Caller, req CreateRequest) (*dc.Task, error) {
	object := dc.Describe(dc.KindVirtualMachine, req.Name)
	existing := dc.HardwareChange{AddDisks: req.forms()}.DiskFiles()
	if len(existing) > 0 {
		req.Datastore = cmp.Or(req.Datastore, existing[0].Datastore)
	}
	if err := s.authorizeUse(by, dc.PrivVMCreate, req); err != nil {
		return nil, err
	}
	if len(existing) > 0 {
		var err error
		if req.Disks, err = s.findAttached(ctx, req); err != nil {
			return nil, on(err, object)
		}
	}
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) {
		vm, imageBytes, err := s.admit(tx, by, req, random.MAC)
		if err != nil {
			return nil, on(err, object)
		}
		spaces, err := s.spaces(tx.View(), by, req.Datastore)
		if err != nil {
			return nil, on(err, object)
		}
		tx.Put(vm)
		args := taskArgs{Host: req.Host, Datastore: req.Datastore, Datastores: spaces, ImageBytes: imageBytes}
		if req.PowerOn {
			args.Power = &powerArgs{Op: dc.PowerOn}
		}
		return s.tasks.Submit(tx, by, createType, vm, args)
	})
}

// admit returns the machine that is asked for, and how many bytes its images have. nextMAC makes addresses up.
func (s *Service) admit(tx *store.Tx, by dc.Caller, req CreateRequest, nextMAC func() string) (*dc.VirtualMachine, int64, error) {
	pool, folder, err := s.admitPlace(tx, by, dc.PrivVMCreate, req)
	if err != nil {
		return nil, 0, err
	}
	if req.PowerOn {
		if err := s.access.Authorize(by, dc.PrivVMPowerOn, dc.ID(folder)); err != nil {
			return nil, 0, err
		}
	}
	if err := dc.CheckName(dc.KindVirtualMachine, req.Name); err != nil {
		return nil, 0, err
	}
	hardware, imageBytes, err := s.admitHardware(tx, req, nextMAC)
	if err != nil {
		return nil, 0, err
	}
	return &dc.VirtualMachine{
		ID:   dc.VirtualMachineID(dc.NewID(dc.KindVirtualMachine, random.Suffix())),
		Meta: dc.Meta{Name: req.Name, Parent: dc.ID(folder), Created: time.Now().UTC()},
		Spec: dc.VirtualMachineSpec{Hardware: hardware, Annotation: req.Annotation, Pool: pool},
	}, imageBytes, nil
}

// admitPlace returns the machine's resource pool and folder, and makes it a condition of tx that both stay. The caller needs
// create on the folder, and what Create asks of the pool; authorizeUse has seen to the rest.
func (s *Service) admitPlace(tx *store.Tx, by dc.Caller, create dc.Privilege, req CreateRequest) (dc.ResourcePoolID, dc.FolderID, error) {
	v := tx.View()
	for _, id := range []dc.ID{dc.ID(req.Host), dc.ID(req.Datastore)} {
		if id != "" {
			tx.Exists(id)
		}
	}
	if req.Folder != "" {
		f, err := store.Get[*dc.Folder](v, dc.ID(req.Folder))
		if err != nil {
			return "", "", err
		}
		if f.Type != dc.FolderVM {
			return "", "", dc.Errorf(dc.Invalid, "%s does not hold virtual machines", dc.Describe(dc.KindFolder, f.Name)).
				Fix("choose a folder for virtual machines")
		}
	}
	pool := req.Pool
	if pool == "" {
		var err error
		if pool, err = defaultPool(v, req); err != nil {
			return "", "", err
		}
	} else if _, err := store.Get[*dc.ResourcePool](v, dc.ID(pool)); err != nil {
		return "", "", err
	}
	home, err := store.Get[*dc.Datacenter](v, datacenterOf(v, dc.ID(pool)))
	if err != nil {
		return "", "", err
	}
	folder := cmp.Or(req.Folder, home.VMFolder)
	if datacenterOf(v, dc.ID(folder)) != dc.ID(home.ID) {
		return "", "", dc.Errorf(dc.Invalid, "its folder and its resource pool are in different data centers").
			Fix("choose a folder of %s", dc.Describe(dc.KindDatacenter, home.Name))
	}
	for _, id := range req.portGroups() {
		if _, err := store.Get[*dc.PortGroup](v, dc.ID(id)); err != nil {
			return "", "", err
		}
		if datacenterOf(v, dc.ID(id)) != dc.ID(home.ID) {
			return "", "", dc.Errorf(dc.Invalid, "the port group %s is in another data center", id).
				Fix("choose a port group of %s", dc.Describe(dc.KindDatacenter, home.Name))
		}
		tx.Exists(dc.ID(id))
	}
	if err := s.access.Authorize(by, create, dc.ID(folder)); err != nil {
		return "", "", err
	}
	if err := s.access.Authorize(by, dc.PrivAssignVMToPool, dc.ID(pool)); err != nil {
		return "", "", err
	}
	tx.Exists(dc.ID(pool))
	tx.Exists(dc.ID(folder))
	return pool, folder, checkFree(v, dc.ID(folder), req.Name)
}

// authorizeUse checks the caller's privileges on what the request names, before anything is said about it.
func (s *Service) authorizeUse(by dc.Caller, create dc.Privilege, req CreateRequest) error {
	if err := s.access.Authenticated(by); err != nil {
		return err
	}
	uses := []use{{create, dc.ID(req.Folder)}, {dc.PrivAssignVMToPool, dc.ID(req.Pool)}, {dc.PrivView, dc.ID(req.Host)},
		{dc.PrivAllocateSpace, dc.ID(req.Datastore)}}
	for _, id := range req.portGroups() {
		uses = append(uses, use{dc.PrivNetworkAssign, dc.ID(id)})
	}
	disks := dc.HardwareChange{AddDisks: req.forms()}
	for _, u := range slices.Concat(uses, fileUses(req.Change), fileUses(disks)) {
		if u.on == "" {
			continue
		}
		if err := s.access.Authorize(by, u.privilege, u.on); err != nil {
			return err
		}
	}
	return nil
}

// spaces returns the datastores among which placement may choose for the caller: those on which he may allocate space, and nil where
// these are all, or where he has named one. The error is of kind Denied where there is none.
func (s *Service) spaces(v *store.View, by dc.Caller, named dc.DatastoreID) ([]dc.DatastoreID, error) {
	if named != "" {
		return nil, nil
	}
	var may []dc.DatastoreID
	all := 0
	for ds := range store.List[*dc.Datastore](v) {
		all++
		if s.access.Authorize(by, dc.PrivAllocateSpace, dc.ID(ds.ID)) == nil {
			may = append(may, ds.ID)
		}
	}
	switch {
	case len(may) == all:
		return nil, nil
	case len(may) == 0:
		return nil, dc.Errorf(dc.Denied, "this needs the privilege %s on a datastore, which user %q has on none", dc.PrivAllocateSpace, by.Name).
			Fix("ask an administrator for a role that has it")
	}
	return may, nil
}

// use is a privilege that a request needs on an object that it names, or on nothing where on is empty.
type use struct {
	privilege dc.Privilege
	on        dc.ID
}

// defaultPool returns the root pool of the one cluster that the request can mean.
func defaultPool(v *store.View, req CreateRequest) (dc.ResourcePoolID, error) {
	if req.Host != "" {
		host, err := store.Get[*dc.Host](v, dc.ID(req.Host))
		if err != nil {
			return "", err
		}
		cluster, err := store.Get[*dc.Cluster](v, host.Parent)
		if err != nil {
			return "", err
		}
		return cluster.RootPool, nil
	}
	var pools []dc.ResourcePoolID
	for c := range store.List[*dc.Cluster](v) {
		if req.Folder == "" || datacenterOf(v, dc.ID(c.ID)) == datacenterOf(v, dc.ID(req.Folder)) {
			pools = append(pools, c.RootPool)
		}
	}
	switch len(pools) {
	case 0:
		return "", dc.Errorf(dc.NotFound, "there is no cluster to run it").Fix("create a cluster and add a host to it")
	case 1:
		return pools[0], nil
	}
	return "", dc.Errorf(dc.Invalid, "there are %d clusters to run it", len(pools)).Fix("name the resource pool or the host")
}

// datacenterOf returns the data center that an inventory object is in, or "".
func datacenterOf(v *store.View, id dc.ID) dc.ID {
	for id != "" && id.Kind() != dc.KindDatacenter {
		var obj dc.Object
		var err error
		switch id.Kind() {
		case dc.KindFolder:
			obj, err = store.Get[*dc.Folder](v, id)
		case dc.KindCluster:
			obj, err = store.Get[*dc.Cluster](v, id)
		case dc.KindResourcePool:
			obj, err = store.Get[*dc.ResourcePool](v, id)
		case dc.KindPortGroup:
			obj, err = store.Get[*dc.PortGroup](v, id)
		default:
			return ""
		}
		if err != nil {
			return ""
		}
		id = obj.Metadata().Parent
	}
	return id
}

// folderName returns the name of the machine's folder on a datastore: its own name without what a path or a shell could
// stumble over, and with a number behind it where the name is taken, as vSphere does. That of an orphan is taken, too, and
// what is in used, as DATASTORE/FOLDER.
func (s *Service) folderName(v *store.View, ds dc.DatastoreID, name string, used map[string]bool) string {
	orphans, base := map[string]bool{}, sanitize(name)
	for _, o := range s.hosts.Orphans() {
		if id, err := orphanDatastore(v, o); err == nil && id == ds {
			orphans[o.Machine.Folder] = true
		}
	}
	for n := 0; ; n++ {
		folder := base
		if n > 0 {
			folder = fmt.Sprintf("%s_%d", base, n)
		}
		if _, taken := store.Claimed(v, "datastore/"+string(ds)+"/"+folder); !taken && !orphans[folder] && !used[string(ds)+"/"+folder] {
			return folder
		}
	}
}

package compute

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
	"hanok/manager/task"
)

const (
	reconfigureType = "VirtualMachine.reconfigure"
	upgradeType     = "VirtualMachine.upgradeVirtualHardware"
)

// configureArgs are the arguments of a change of a machine's hardware.
type configureArgs struct {
	Change dc.HardwareChange `json:"change"`
	// Upgrade is the hardware version that it is to have, in place of Change.
	Upgrade int `json:"upgrade,omitempty"`
	// From is the hardware before, and Generation the configuration that the host is to reach; both are set with the change.
	From       dc.Hardware `json:"from"`
	Generation int64       `json:"generation,omitempty"`
	// Discarded are the descriptors of the disks that go.
	Discarded []string `json:"discarded,omitempty"`
}

// Reconfigure starts a change of a machine's hardware, which its host carries out, at once where it has power. Kinds: NotFound,
// Invalid for what dc.CheckHardware refuses, WrongState for what dc.CheckReconfigure refuses and for a machine without files,
// Conflict while another task works on it, Unavailable while its host is away, Unsupported where the host's program is too old,
// Exhausted where its host or its resource pool can't give it what it is to have; for disks that are there already those of findDisks, and
// Exists where another machine has one. Privileges: change.Privileges, PrivNetworkAssign
// on the port groups that adapters are put on, PrivAllocateSpace on its datastore for disks that are new or grow, PrivDatastoreBrowse
// on the datastores of media and of disks that are there already, and PrivFileManagement on those of files behind serial ports.
func (s *Service) Reconfigure(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, change dc.HardwareChange) (*dc.Task, error) {
	if err := s.authorizeChange(by, id, change); err != nil {
		return nil, err
	}
	known, err := store.Get[*dc.VirtualMachine](s.store.View(), dc.ID(id))
	if err != nil {
		return nil, err
	}
	if change.AddDisks, err = s.findDisks(ctx, change.AddDisks, id, known.Spec.Datastore, known.Spec.Host); err != nil {
		return nil, err
	}
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) { return s.ReconfigureIn(tx, by, id, change) })
}

// ReconfigureIn is Reconfigure as a part of tx, without disks that are there already.
func (s *Service) ReconfigureIn(tx *store.Tx, by dc.Caller, id dc.VirtualMachineID, change dc.HardwareChange) (*dc.Task, error) {
	if err := s.authorizeChange(by, id, change); err != nil {
		return nil, err
	}
	vm, err := store.Get[*dc.VirtualMachine](tx.View(), dc.ID(id))
	if err != nil {
		return nil, err
	}
	if len(change.AddDisks)-len(change.DiskFiles())+len(change.ExtendDisks) > 0 {
		if err := s.access.Authorize(by, dc.PrivAllocateSpace, dc.ID(vm.Spec.Datastore)); err != nil {
			return nil, err
		}
	}
	return s.tasks.SubmitBegun(tx, by, reconfigureType, vm, configureArgs{Change: change}, s.changeHardware)
}

// authorizeChange returns nil where the caller has the privileges on the machine that a change takes, and on what it uses.
func (s *Service) authorizeChange(by dc.Caller, id dc.VirtualMachineID, change dc.HardwareChange) error {
	for _, p := range change.Privileges() {
		if err := s.access.Authorize(by, p, dc.ID(id)); err != nil {
			return err
		}
	}
	uses := fileUses(change)
	for _, portGroup := range change.PortGroups() {
		uses = append(uses, use{dc.PrivNetworkAssign, dc.ID(portGroup)})
	}
	for _, u := range uses {
		if err := s.access.Authorize(by, u.privilege, u.on); err != nil {
			return err
		}
	}
	return nil
}

// Upgrade starts the change of a machine's hardware version to a newer one, the newest for 0. Kinds: Invalid for an older version or
// one that there is not, WrongState while it has power or where it has that version already; else as Reconfigure. Privilege:
// PrivVMUpgrade.
func (s *Service) Upgrade(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, version int) (*dc.Task, error) {
	if err := s.access.Authorize(by, dc.PrivVMUpgrade, dc.ID(id)); err != nil {
		return nil, err
	}
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) {
		vm, err := store.Get[*dc.VirtualMachine](tx.View(), dc.ID(id))
		if err != nil {
			return nil, err
		}
		args := configureArgs{Upgrade: cmp.Or(version, dc.NewestHardwareVersion())}
		return s.tasks.SubmitBegun(tx, by, upgradeType, vm, args, s.changeHardware)
	})
}

// reconfigureDefinition changes a machine's hardware. Until the host has made the change it is taken back, as another one; removed
// disks lose their files after that.
func (s *Service) reconfigureDefinition(typ string) task.Definition {
	return task.Definition{Type: typ, Steps: []task.Step{
		{Name: "change the hardware", Do: func(_ context.Context, r *task.Run) error {
			r.Finish(s.changeHardware)
			return nil
		}, Undo: s.restoreHardware},
		{Name: "wait for the host", Do: s.awaitHardware},
		{Name: "remove the files of disks", Final: true, Needless: keepsDisks, Do: s.awaitDiscarded},
	}}
}

// keepsDisks reports that no disk goes.
func keepsDisks(t *dc.Task) bool {
	var args configureArgs
	return task.Args(t, &args) == nil && len(args.Discarded) == 0
}

// changeHardware commits the new hardware, and what it takes.
func (s *Service) changeHardware(tx *store.Tx, t *dc.Task) error {
	var args configureArgs
	if err := task.Args(t, &args); err != nil {
		return err
	}
	vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
	if err != nil {
		return err
	}
	return on(s.commitHardware(tx, t, vm, args), describe(vm))
}

func (s *Service) commitHardware(tx *store.Tx, t *dc.Task, vm *dc.VirtualMachine, args configureArgs) error {
	v := tx.View()
	switch {
	case vm.Spec.Deleted:
		return dc.Errorf(dc.WrongState, "it is being deleted")
	case vm.Status.Files != dc.FilesReady:
		return dc.Errorf(dc.WrongState, "its files are not there").Fix("see why they are missing, and bring them back")
	}
	if err := dc.CheckNoTemplate(vm); err != nil {
		return err
	}
	if err := s.checkConnected(v, vm.Spec.Host); err != nil {
		return err
	}
	if !s.hosts.Configures(vm.Spec.Host) {
		return dc.Errorf(dc.Unsupported, "its program is too old to change hardware").On(hostName(v, vm.Spec.Host)).
			Fix("install this manager's program on the host")
	}
	old := vm.Spec.Hardware
	hardware, err := nextHardware(tx, vm, args)
	if err != nil {
		return err
	}
	if !s.hosts.Offers(vm.Spec.Host, hardware.Features()) {
		return tooOld().On(hostName(v, vm.Spec.Host))
	}
	if needed := hardware.ChangeFeatures(old); vm.HasPower() && !s.hosts.Offers(vm.Spec.Host, needed) {
		return dc.Errorf(dc.Unsupported, "its program is too old to make this change while the machine has power").On(hostName(v, vm.Spec.Host)).
			Fix("install this manager's program on the host, or power the machine off first")
	}
	vm.Spec.Hardware, vm.Spec.Leaving = hardware, old.RemovedDisks(hardware)
	if err := s.checkAttached(tx.View(), vm, old); err != nil {
		return err
	}
	if hardware.CPUs > old.CPUs || hardware.MemoryMB > old.MemoryMB {
		if err := s.admitGrowth(tx, vm); err != nil {
			return err
		}
	}
	vm.Spec.Configuration = nextConfiguration(vm)
	tx.Put(vm)
	args.From, args.Generation, args.Discarded = old, vm.Spec.Configuration, nil
	for _, d := range old.Disks {
		if slices.Contains(args.Change.RemoveDisks, d.Key) {
			args.Discarded = append(args.Discarded, d.File)
		}
	}
	return task.SetArgs(t, args)
}

// nextHardware returns the hardware that the machine is to have, and makes it a condition of tx that what it refers to stays.
func nextHardware(tx *store.Tx, vm *dc.VirtualMachine, args configureArgs) (dc.Hardware, error) {
	v, old, power := tx.View(), vm.Spec.Hardware, vm.Status.Power
	if vm.HasPower() {
		power = dc.PoweredOn
	}
	if args.Upgrade != 0 {
		return dc.UpgradeVersion(old, args.Upgrade, power)
	}
	h, err := args.Change.Apply(old)
	if err != nil {
		return h, err
	}
	nameDisks(&h, vm.Spec.Folder, append(slices.Clone(vm.Spec.Discarded), descriptors(old)...))
	chooseMACs(v, &h, random.MAC)
	if err := dc.CheckReconfigure(old, h, power); err != nil {
		return h, err
	}
	if err := dc.CheckMachineResources(vm.Spec.Resources, h); err != nil {
		return h, err
	}
	if err := usePortGroups(tx, vm, args.Change.PortGroups()); err != nil {
		return h, err
	}
	return h, useFiles(tx, args.Change, vm.Spec.Host)
}

// usePortGroups makes it a condition of tx that the port groups stay, which are in the machine's data center.
func usePortGroups(tx *store.Tx, vm *dc.VirtualMachine, ids []dc.PortGroupID) error {
	v := tx.View()
	for _, id := range ids {
		if _, err := store.Get[*dc.PortGroup](v, dc.ID(id)); err != nil {
			return err
		}
		if datacenterOf(v, dc.ID(id)) != datacenterOf(v, vm.Parent) {
			return dc.Errorf(dc.Invalid, "the port group %s is in another data center", id).Fix("choose one of the machine's data center")
		}
		tx.Exists(dc.ID(id))
	}
	return nil
}

// admitGrowth returns nil where the host can execute the machine, and give it what it takes if it has power.
func (s *Service) admitGrowth(tx *store.Tx, vm *dc.VirtualMachine) error {
	host, err := store.Load[*dc.Host](tx, dc.ID(vm.Spec.Host))
	if err != nil {
		return err
	}
	if !vm.HasPower() {
		return on(dc.Fits(vm.Spec.Hardware, host.Status), dc.Describe(dc.KindHost, host.Name))
	}
	if err := checkHost(tx.View(), host, vm); err != nil {
		return err
	}
	tx.Put(host) // as whoever powers on does: see requestPower
	return s.resources.AdmitMachine(tx, vm)
}

// nextConfiguration is above all that the host knows of, too, which may be ahead of a store that was restored.
func nextConfiguration(vm *dc.VirtualMachine) int64 {
	return max(vm.Spec.Configuration, vm.Status.Configured.Generation) + 1
}

// nameDisks is dc.Hardware.NameDisks without the names in used.
func nameDisks(h *dc.Hardware, folder string, used []string) {
	n := len(h.Disks)
	for _, file := range used {
		h.Disks = append(h.Disks, dc.Disk{File: file})
	}
	h.NameDisks(folder)
	h.Disks = h.Disks[:n]
}

func descriptors(h dc.Hardware) []string { return h.RemovedDisks(dc.Hardware{}) }

// restoreHardware takes the change back, whether the host has seen it or not. What the host may have made for it is discarded.
func (s *Service) restoreHardware(_ context.Context, r *task.Run) error {
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		var args configureArgs
		if err := task.Args(t, &args); err != nil || args.Generation == 0 {
			return err
		}
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		vm.Spec.Discarded, vm.Spec.Leaving = append(slices.Clone(vm.Spec.Discarded), vm.Spec.Hardware.NewFiles(args.From)...), nil
		vm.Spec.Hardware, vm.Spec.Configuration = args.From.KeepGrowth(vm.Spec.Hardware), nextConfiguration(vm)
		tx.Put(vm)
		return nil
	})
	return nil
}

// awaitHardware waits until the host has made the change. A host that is away may come back.
func (s *Service) awaitHardware(ctx context.Context, r *task.Run) error {
	var args configureArgs
	if err := r.Args(&args); err != nil {
		return err
	}
	if err := s.awaitConfiguration(ctx, r, args.Generation, "changing the hardware"); err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		vm.Spec.Discarded, vm.Spec.Leaving = args.Discarded, nil // what was there before is gone with this change
		if len(args.Discarded) > 0 {
			vm.Spec.Configuration = nextConfiguration(vm)
		}
		args.Generation = vm.Spec.Configuration
		tx.Put(vm)
		if args.Upgrade != 0 {
			record(tx, t, vm, dc.EventVMUpgraded, fmt.Sprintf("its hardware version is %d", args.Upgrade))
		} else {
			record(tx, t, vm, dc.EventVMReconfigured, "reconfigured")
		}
		return task.SetArgs(t, args)
	})
	return nil
}

// awaitDiscarded waits until the host has removed the files of the disks that went.
func (s *Service) awaitDiscarded(ctx context.Context, r *task.Run) error {
	var args configureArgs
	if err := r.Args(&args); err != nil || len(args.Discarded) == 0 {
		return err
	}
	if err := s.awaitConfiguration(ctx, r, args.Generation, "removing the files of disks"); err != nil {
		s.log.Warn("files of removed disks stay until the next change", "machine", r.Task().Target, "error", err)
		if ctx.Err() != nil {
			return err
		}
		return nil
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		vm.Spec.Discarded = nil
		tx.Put(vm)
		return nil
	})
	return nil
}

func (s *Service) awaitConfiguration(ctx context.Context, r *task.Run, generation int64, doing string) error {
	vm, err := store.Get[*dc.VirtualMachine](r.View(), r.Task().Target)
	if err != nil {
		return err
	}
	r.ProgressFrom(func() (int, string) {
		if obstacle := s.obstacle(vm); obstacle != "" {
			return 50, obstacle
		}
		return 50, doing
	})
	return r.Wait(ctx, func(v *store.View) (bool, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, r.Task().Target)
		if err != nil {
			return false, err
		}
		outcome := vm.Status.Configured
		if outcome.Generation == generation && outcome.Failure != nil {
			return false, reported(vm, *outcome.Failure)
		}
		return outcome.Generation >= generation, nil
	})
}

package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// lastSample is the highest number of a sample role: those of all others are above.
const lastSample = 9

// samples are the roles that a fresh vCenter has for trying out. They may be changed and deleted.
var samples = []struct {
	number     int32
	name       string
	summary    string
	privileges string
}{
	{4, "VirtualMachinePowerUser", "Provides virtual machine interaction and configuration permissions",
		"Datastore.Browse Global.CancelTask ScheduledTask.* VirtualMachine.Config.* VirtualMachine.Interact.AnswerQuestion " +
			"VirtualMachine.Interact.ConsoleInteract VirtualMachine.Interact.DeviceConnection VirtualMachine.Interact.PowerOff " +
			"VirtualMachine.Interact.PowerOn VirtualMachine.Interact.Reset VirtualMachine.Interact.SetCDMedia " +
			"VirtualMachine.Interact.SetFloppyMedia VirtualMachine.Interact.Suspend VirtualMachine.Interact.ToolsInstall VirtualMachine.State.*"},
	{5, "VirtualMachineUser", "Provides virtual machine interaction permissions",
		"Global.CancelTask ScheduledTask.* VirtualMachine.Interact.AnswerQuestion VirtualMachine.Interact.ConsoleInteract " +
			"VirtualMachine.Interact.DeviceConnection VirtualMachine.Interact.PowerOff VirtualMachine.Interact.PowerOn " +
			"VirtualMachine.Interact.Reset VirtualMachine.Interact.SetCDMedia VirtualMachine.Interact.SetFloppyMedia " +
			"VirtualMachine.Interact.Suspend VirtualMachine.Interact.ToolsInstall"},
	{6, "ResourcePoolAdministrator", "Supports delegated resource management",
		"Alarm.Create Alarm.Delete Alarm.Edit Authorization.ModifyPermissions Datastore.Browse Folder.* Global.CancelTask Global.LogEvent " +
			"Global.SetCustomField Resource.* ScheduledTask.* VirtualMachine.Config.* VirtualMachine.Interact.* VirtualMachine.Inventory.* " +
			"VirtualMachine.Provisioning.* VirtualMachine.State.*"},
	{7, "VMwareConsolidatedBackupUser", "Used by the consolidated backup utility",
		"VirtualMachine.Config.DiskLease VirtualMachine.Provisioning.DiskRandomRead VirtualMachine.Provisioning.GetVmFiles " +
			"VirtualMachine.State.CreateSnapshot VirtualMachine.State.RemoveSnapshot"},
	{8, "DatastoreConsumer", "Assigned to datastores to allow creation of virtual disks or snapshots", "Datastore.AllocateSpace"},
	{9, "NetworkConsumer", "Assigned to networks to allow association of virtual machines or hosts", "Network.Assign"},
}

// Defaults makes the group Administrators with the role Admin everywhere, and the sample roles, in a data center that does not have
// the group. It may be called at every start, by several managers at once.
func (s *Service) Defaults(ctx context.Context) error {
	if s.store.View().Find(dc.ID(dc.Administrators)) != nil {
		return nil
	}
	return s.change(ctx, "", func(d *directory) error {
		if d.tx.View().Find(dc.ID(dc.Administrators)) != nil {
			return nil
		}
		now := time.Now().UTC()
		d.put(&dc.Group{ID: dc.Administrators, Meta: dc.Meta{Name: "Administrators", Created: now}, Summary: "May do everything"})
		d.put(&dc.Permission{ID: "permission-administrators", Meta: dc.Meta{Created: now}, Entity: dc.ID(dc.RootFolder),
			Principal: dc.ID(dc.Administrators), Role: dc.RoleAdmin, Propagate: true})
		for _, sample := range samples {
			r := &dc.Role{ID: dc.RoleID(dc.NewID(dc.KindRole, strings.ToLower(sample.name))), Meta: dc.Meta{Name: sample.name, Created: now},
				Number: sample.number, Summary: sample.summary}
			if _, taken := store.Claimed(d.tx.View(), r.Claims()[0]); taken {
				continue
			}
			if err := r.SetPrivileges(expand(sample.privileges)); err != nil {
				return err
			}
			d.put(r)
		}
		return nil
	})
}

// expand returns the privileges of a list, in which "Group.*" is all of a group.
func expand(list string) (all []dc.Privilege) {
	for word := range strings.FieldsSeq(list) {
		group, whole := strings.CutSuffix(word, ".*")
		if !whole {
			all = append(all, dc.Privilege(word))
			continue
		}
		all = slices.AppendSeq(all, func(yield func(dc.Privilege) bool) {
			for _, p := range dc.Privileges() {
				if p.Group() == group && !yield(p) {
					return
				}
			}
		})
	}
	return all
}

package convert

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// ScheduledTask returns a scheduled task for the wire. Objects without a name are left out, for the reader may not see them.
func ScheduledTask(o *dc.ScheduledTask, names Names) *hanokv1.ScheduledTask {
	out := &hanokv1.ScheduledTask{Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision, Description: o.Spec.Description,
		Enabled: !o.Spec.Disabled, Scheduler: scheduler(o.Spec.Scheduler), When: o.Spec.Scheduler.String(), Action: action(o.Spec.Action, names),
		RunsAs: o.Spec.Runner.Name, ApiToken: o.Spec.Runner.TokenName, Modified: Time(o.Spec.Modified), ModifiedBy: o.Spec.ModifiedBy,
		NextRun: Time(o.Status.Next)}
	if r := o.Status.Last; r.State != "" {
		out.LastRun = &hanokv1.ScheduledRun{Due: Time(r.Due), Started: Time(r.Started), Ended: Time(r.Ended), Task: string(r.Task), State: string(r.State),
			Failure: Failure(r.Failure), Objects: int32(r.Objects), Failed: int32(r.Failed)}
	}
	if s := o.Status.Skipped; s != nil {
		out.Skipped, out.SkippedReason = Time(s.Due), s.Reason
	}
	return out
}

func scheduler(s dc.Scheduler) *hanokv1.Scheduler {
	out := &hanokv1.Scheduler{Type: string(s.Type), Zone: s.Zone, Active: Time(s.Active), Expire: Time(s.Expire), RunAt: Time(s.RunAt),
		Interval: int32(s.Interval), Hour: int32(s.Hour), Minute: int32(s.Minute), Day: int32(s.Day), Week: string(s.Week), Weekday: int32(s.Weekday)}
	if s.Type == dc.ScheduleAfterStartup {
		out.Delay = durationpb.New(s.Delay)
	}
	for _, d := range s.Weekdays {
		out.Weekdays = append(out.Weekdays, int32(d))
	}
	return out
}

// FromScheduler reads a scheduler, with what it leaves out as of now. Invalid where it has a time that can't be, or is missing.
func FromScheduler(s *hanokv1.Scheduler, now time.Time) (dc.Scheduler, error) {
	if s == nil {
		return dc.Scheduler{}, dc.Errorf(dc.Invalid, "scheduler: it is missing").Fix("say when it is to run")
	}
	out := dc.Scheduler{Type: dc.SchedulerType(s.Type), Zone: s.Zone, Delay: s.Delay.AsDuration(), Hour: int(s.Hour), Minute: int(s.Minute),
		Day: int(s.Day), Week: dc.WeekOfMonth(s.Week), Weekday: time.Weekday(s.Weekday)}
	if s.Delay != nil && s.Delay.CheckValid() != nil {
		return out, dc.Errorf(dc.Invalid, "delay: it is no span of time").Fix("give 0 to 168h")
	}
	for _, t := range []struct {
		name string
		from *timestamppb.Timestamp
		to   *time.Time
	}{{"active", s.Active, &out.Active}, {"expire", s.Expire, &out.Expire}, {"runAt", s.RunAt, &out.RunAt}} {
		if t.from == nil {
			continue
		}
		if t.from.CheckValid() != nil {
			return out, dc.Errorf(dc.Invalid, "%s: it is no time", t.name).Fix("give one from the year 1 to 9999")
		}
		*t.to = t.from.AsTime()
	}
	if out.Recurs() {
		out.Interval = cmp.Or(int(s.Interval), 1)
	}
	if out.Type == dc.ScheduleOnce && s.RunAt == nil {
		out.RunAt = now
	}
	for _, d := range s.Weekdays {
		out.Weekdays = append(out.Weekdays, time.Weekday(d))
	}
	return out, nil
}

// action returns what a scheduled task does as the request that it was made with.
func action(a dc.ScheduledAction, names Names) *hanokv1.StartBulkRequest {
	b := a.Bulk
	out := &hanokv1.StartBulkRequest{Op: string(b.Op), TargetFolder: names(dc.ID(b.Folder)), TargetPool: names(dc.ID(b.Pool)), TargetCluster: names(dc.ID(b.Cluster)), Tag: shown(names, dc.ID(b.Tag)),
		CustomField: shown(names, dc.ID(b.Field)), Value: b.Value, Principal: shown(names, b.Principal), Group: b.Principal.Kind() == dc.KindGroup,
		Role: shown(names, dc.ID(b.Role)), Propagate: b.Propagate, Confirm: int32(b.Confirmed)}
	if b.Timeout != 0 {
		out.Timeout = durationpb.New(b.Timeout)
	}
	if c := b.Change; c != nil {
		out.Change = &hanokv1.HardwareChange{Cpus: int32(c.CPUs), CoresPerSocket: int32(c.CoresPerSocket), MemoryMb: c.MemoryMB, GuestId: c.GuestID,
			Firmware: string(c.Firmware), CpuHotAdd: c.CPUHotAdd, CpuHotRemove: c.CPUHotRemove, MemoryHotAdd: c.MemoryHotAdd}
	}
	if c := b.Clone; c != nil {
		out.Clone = &hanokv1.CloneVirtualMachineRequest{Name: c.Name, Folder: names(dc.ID(c.Folder)), ResourcePool: names(dc.ID(c.Pool)), Host: names(dc.ID(c.Host)),
			Datastore: names(dc.ID(c.Datastore)), Cpus: int32(c.CPUs), MemoryMb: c.MemoryMB, Provisioning: string(c.Provisioning), Template: c.Template, PowerOn: c.PowerOn}
	}
	for _, o := range b.Objects {
		switch name := names(o.ID); {
		case name == "":
		case o.ID.Kind() == dc.KindVirtualMachine:
			out.VirtualMachines = append(out.VirtualMachines, name)
		default:
			out.Objects, out.Kind = append(out.Objects, name), string(o.ID.Kind())
		}
	}
	if q := a.Selection; q != nil {
		out.Folder, out.ResourcePool, out.Kind = names(dc.ID(q.Folder)), names(dc.ID(q.Pool)), string(q.Kind)
		for _, tag := range q.Tags {
			out.Tags = append(out.Tags, shown(names, dc.ID(tag)))
		}
	}
	return out
}

// shown returns the name of what stands in no tree, or its ID for who may not know that.
func shown(names Names, id dc.ID) string { return cmp.Or(names(id), string(id)) }

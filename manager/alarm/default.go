package alarm

import (
	"context"
	"strings"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// tolerance is that of the default alarms: a value of 75 % has come back when it is below 72.
const tolerance = 400

// defaults are vSphere's default alarms, by its names and thresholds, as far as there is here what they watch.
var defaults = []struct {
	id, name, system, description string
	of                            dc.Kind
	expressions                   string // one a line
}{
	{"hostconnection", "Host connection and power state", "alarm.HostConnectionStateAlarm", "A host does not respond.", dc.KindHost,
		"state runtime.connectionState is notResponding red for 1m" /* until then hosts come back to a manager that was restarted */},
	{"hostcpuusage", "Host CPU usage", "alarm.HostCPUUsageAlarm", "A host's CPUs are busy.", dc.KindHost,
		"metric cpu.usage.average above 75 yellow 90 red for 5m"},
	{"hostmemoryusage", "Host memory usage", "alarm.HostMemoryUsageAlarm", "A host's memory is in use.", dc.KindHost,
		"metric mem.usage.average above 90 yellow 95 red for 5m"},
	{"vmcpuusage", "Virtual machine CPU usage", "alarm.VmCPUUsageAlarm", "A machine's CPUs are busy.", dc.KindVirtualMachine,
		"metric cpu.usage.average above 75 yellow 90 red for 5m"},
	{"vmmemoryusage", "Virtual machine memory usage", "alarm.VmMemoryUsageAlarm", "A machine's memory is in use.", dc.KindVirtualMachine,
		"metric mem.usage.average above 85 yellow 95 red for 10m"},
	{"vmerror", "Virtual machine error", "alarm.VmErrorAlarm", "A machine has lost its power, or stands still, against everybody's will.", dc.KindVirtualMachine,
		"state runtime.fault is true red\nstate runtime.paused is true red"},
	{"datastoreusage", "Datastore usage on disk", "alarm.DatastoreDiskUsageAlarm", "A datastore is nearly full.", dc.KindDatastore,
		"metric disk.used.latest of disk.capacity.latest above 75 yellow 85 red"},
	{"storageconnectivity", "Cannot connect to storage", "alarm.StorageConnectivityAlarm", "A datastore can't be used.", dc.KindDatastore,
		"state summary.accessible is false red"},
	{"massdeletion", "Mass deletion", "alarm.hanok.MassDeletionAlarm", "Somebody deletes one object after the other, and was stopped.", dc.KindFolder,
		"event hanok.guard.deletionsStopped red"},
	{"certificatestatus", "Certificate Status", "alarm.CertificateStatusAlarm", "The certificate of the data center's authority ends soon.", dc.KindFolder,
		"state certificate.status is expiring yellow\nstate certificate.status is expired red"},
}

// Defaults makes the default alarms that there are not. It may be called again at any time.
func (s *Service) Defaults(ctx context.Context) error {
	return s.store.Change(ctx, func(tx *store.Tx) error {
		for _, d := range defaults {
			id := dc.AlarmID(dc.NewID(dc.KindAlarm, d.id))
			if tx.View().Find(dc.ID(id)) != nil {
				continue
			}
			alarm := &dc.Alarm{ID: id, Meta: dc.Meta{Name: d.name, Created: time.Now().UTC()},
				Spec: dc.AlarmSpec{SystemName: d.system, Description: d.description, Of: d.of, Tolerance: tolerance}}
			for line := range strings.SplitSeq(d.expressions, "\n") {
				e, err := dc.ParseAlarmExpression(line)
				if err != nil {
					return err
				}
				alarm.Spec.Expressions = append(alarm.Spec.Expressions, e)
			}
			if err := dc.CheckAlarm(alarm.Name, alarm.Spec); err != nil {
				return err
			}
			if _, taken := store.Claimed(tx.View(), alarm.Claims()[0]); taken {
				alarm.Name = d.system // a user's own has the name
			}
			tx.Put(alarm)
		}
		return nil
	})
}

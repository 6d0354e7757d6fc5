package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// Alarm returns an alarm for the wire.
func Alarm(o *dc.Alarm) *hanokv1.Alarm {
	out := &hanokv1.Alarm{Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision, SystemName: o.Spec.SystemName,
		Description: o.Spec.Description, Enabled: !o.Spec.Disabled, Kind: string(o.Spec.Of), All: o.Spec.All,
		TolerancePercent: float64(o.Spec.Tolerance) / 100}
	for _, e := range o.Spec.Expressions {
		out.Expressions = append(out.Expressions, e.String())
	}
	return out
}

// TriggeredAlarm returns an object that is not green for the wire.
func TriggeredAlarm(o *dc.AlarmState) *hanokv1.TriggeredAlarm {
	return &hanokv1.TriggeredAlarm{AlarmId: string(o.Alarm), Alarm: o.AlarmName, ObjectId: string(o.Object), Object: o.ObjectName,
		Color: string(o.Color), Since: Time(o.Since), AcknowledgedBy: o.AcknowledgedBy, Acknowledged: Time(o.Acknowledged)}
}

// FromAlarmExpressions reads the expressions of an alarm. Invalid names the one that can't be read.
func FromAlarmExpressions(all []string) ([]dc.AlarmExpression, error) {
	out := make([]dc.AlarmExpression, len(all))
	for i, text := range all {
		var err error
		if out[i], err = dc.ParseAlarmExpression(text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// FromTolerance returns a percentage in hundredths. One that can't be is Invalid when the alarm is checked.
func FromTolerance(percent float64) int64 {
	if !(percent >= 0 && percent <= 100) {
		return -1
	}
	return int64(percent * 100)
}

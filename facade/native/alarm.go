package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListAlarms(ctx context.Context, _ *hanokv1.ListAlarmsRequest) (*hanokv1.ListAlarmsResponse, error) {
	all, err := each(convert.Alarm)(s.Alarms.List(caller(ctx)))
	return &hanokv1.ListAlarmsResponse{Alarms: all}, err
}

func (s *service) ListTriggeredAlarms(ctx context.Context, _ *hanokv1.ListTriggeredAlarmsRequest) (*hanokv1.ListTriggeredAlarmsResponse, error) {
	all, err := s.Alarms.Triggered(caller(ctx))
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListTriggeredAlarmsResponse{}
	for _, o := range all {
		out.Triggered = append(out.Triggered, convert.TriggeredAlarm(o))
	}
	return out, nil
}

func (s *service) CreateAlarm(ctx context.Context, req *hanokv1.CreateAlarmRequest) (*hanokv1.CreateAlarmResponse, error) {
	by := caller(ctx)
	if err := s.Access.Authorize(by, dc.PrivAlarmCreate, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	expressions, err := convert.FromAlarmExpressions(req.Expressions)
	if err != nil {
		return nil, err
	}
	alarm, err := s.Alarms.Create(ctx, by, req.Name, dc.AlarmSpec{Description: req.Description, Of: dc.Kind(req.Kind), All: req.All,
		Expressions: expressions, Tolerance: convert.FromTolerance(req.TolerancePercent)})
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateAlarmResponse{Alarm: convert.Alarm(alarm)}, nil
}

func (s *service) UpdateAlarm(ctx context.Context, req *hanokv1.UpdateAlarmRequest) (*hanokv1.UpdateAlarmResponse, error) {
	by := caller(ctx)
	if err := s.Access.Authorize(by, dc.PrivAlarmEdit, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	id, err := s.alarmID(req.Alarm)
	if err != nil {
		return nil, err
	}
	expressions, err := convert.FromAlarmExpressions(req.Expressions)
	if err != nil {
		return nil, err
	}
	alarm, err := s.Alarms.Edit(ctx, by, id, func(a *dc.Alarm) {
		set(&a.Name, req.Name)
		set(&a.Spec.Description, req.Description)
		set(&a.Spec.All, req.All)
		if req.Enabled != nil {
			a.Spec.Disabled = !*req.Enabled
		}
		if len(expressions) > 0 {
			a.Spec.Expressions = expressions
		}
		if req.TolerancePercent != nil {
			a.Spec.Tolerance = convert.FromTolerance(*req.TolerancePercent)
		}
	})
	if err != nil {
		return nil, err
	}
	return &hanokv1.UpdateAlarmResponse{Alarm: convert.Alarm(alarm)}, nil
}

// set changes a value where there is another one.
func set[T any](value *T, to *T) {
	if to != nil {
		*value = *to
	}
}

func (s *service) DeleteAlarm(ctx context.Context, req *hanokv1.DeleteAlarmRequest) (*hanokv1.DeleteAlarmResponse, error) {
	by := caller(ctx)
	if err := s.Access.Authorize(by, dc.PrivAlarmDelete, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	id, err := s.alarmID(req.Alarm)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteAlarmResponse{}, s.Alarms.Delete(ctx, by, id)
}

func (s *service) AcknowledgeAlarm(ctx context.Context, req *hanokv1.AcknowledgeAlarmRequest) (*hanokv1.AcknowledgeAlarmResponse, error) {
	return &hanokv1.AcknowledgeAlarmResponse{}, s.withTriggered(ctx, dc.PrivAlarmAcknowledge, req.Alarm, req.Kind, req.Object, s.Alarms.Acknowledge)
}

func (s *service) ResetAlarm(ctx context.Context, req *hanokv1.ResetAlarmRequest) (*hanokv1.ResetAlarmResponse, error) {
	return &hanokv1.ResetAlarmResponse{}, s.withTriggered(ctx, dc.PrivAlarmSetStatus, req.Alarm, req.Kind, req.Object, s.Alarms.Reset)
}

// withTriggered does something about an alarm on an object.
func (s *service) withTriggered(ctx context.Context, p dc.Privilege, alarm, kind, ref string,
	do func(context.Context, dc.Caller, dc.AlarmID, dc.ID) error) error {
	by := caller(ctx)
	object, err := s.Inventory.Resolve(by, dc.Kind(kind), ref)
	if err != nil {
		return err
	}
	if err := s.Access.Authorize(by, p, object); err != nil {
		return err
	}
	id, err := s.alarmID(alarm)
	if err != nil {
		return err
	}
	return do(ctx, by, id, object)
}

// alarmID returns the ID of the alarm that has the ID or name.
func (s *service) alarmID(ref string) (dc.AlarmID, error) {
	for o := range s.State.View().Objects(dc.KindAlarm) {
		if alarm := o.(*dc.Alarm); string(alarm.ID) == ref || alarm.Name == ref {
			return alarm.ID, nil
		}
	}
	return "", dc.Errorf(dc.NotFound, "there is none of this name or ID").On(dc.Describe(dc.KindAlarm, ref)).Fix(`look at "hanok alarm list"`)
}

// Package alarm watches the data center by its alarms: definitions, vSphere's default ones and users' own, say which metrics, states
// and events make an object yellow or red; Run compares them with what is, and writes down each change of a color, with an event. A
// color outlives the manager; only how long a value has been beyond a threshold does not.
//
// The rules are dc's, the figures are package stats'. It sends no mail and runs no script. The facades call Service.
package alarm

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Config is what the service works with. All fields are needed.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// Values returns the newest values of a whole object, or nil where nothing was measured lately. It is quick.
	Values func(object dc.ID) []dc.CounterValue
	// AuthorityEnds is when the certificate of the data center's authority ends.
	AuthorityEnds time.Time
	Log           *slog.Logger
}

// Service keeps the alarms. It is safe for concurrent use. Every method that takes a caller checks the privilege that it names before
// anything else; the errors of that are of the kinds Unauthenticated, Denied and NotFound.
type Service struct {
	cfg    Config
	store  *store.Store
	access *access.Service
}

// New returns the service. Nothing is watched before Run.
func New(cfg Config) *Service { return &Service{cfg: cfg, store: cfg.Store, access: cfg.Access} }

// List returns all alarms by name. They are shared and must not be changed. Privilege: PrivView.
func (s *Service) List(by dc.Caller) ([]*dc.Alarm, error) {
	if err := s.access.Authorize(by, dc.PrivView, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	return slices.SortedFunc(store.List[*dc.Alarm](s.store.View()), func(a, b *dc.Alarm) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// Triggered returns the objects that are not green and that the caller may see, the worst and then the newest first. They are
// shared and must not be changed.
func (s *Service) Triggered(by dc.Caller) ([]*dc.AlarmState, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	v := s.store.View()
	var out []*dc.AlarmState
	for o := range store.List[*dc.AlarmState](v) {
		if object := v.Find(o.Object); object != nil && visible(object) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *dc.AlarmState) int {
		if a.Color != b.Color {
			if a.Color.Below(b.Color) {
				return 1
			}
			return -1
		}
		return b.Since.Compare(a.Since)
	})
	return out, nil
}

// Create makes an alarm. Privilege: PrivAlarmCreate. Kinds: Invalid, Exists for a name that is taken.
func (s *Service) Create(ctx context.Context, by dc.Caller, name string, spec dc.AlarmSpec) (*dc.Alarm, error) {
	if err := s.access.Authorize(by, dc.PrivAlarmCreate, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	spec.SystemName = ""
	if err := dc.CheckAlarm(name, spec); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	alarm := &dc.Alarm{ID: dc.AlarmID(dc.NewID(dc.KindAlarm, random.Ordered(now))), Meta: dc.Meta{Name: name, Created: now}, Spec: spec}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		tx.Put(alarm)
		record(tx, by, dc.EventAlarmCreated, alarm, "was created")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return alarm, nil
}

// Edit replaces an alarm's name and spec by what change makes of them. Privilege: PrivAlarmEdit. Kinds: NotFound, Invalid, Exists.
func (s *Service) Edit(ctx context.Context, by dc.Caller, id dc.AlarmID, change func(*dc.Alarm)) (*dc.Alarm, error) {
	if err := s.access.Authorize(by, dc.PrivAlarmEdit, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	var alarm *dc.Alarm
	err := s.store.Change(ctx, func(tx *store.Tx) (err error) {
		if alarm, err = store.Load[*dc.Alarm](tx, dc.ID(id)); err != nil {
			return err
		}
		system := alarm.Spec.SystemName
		change(alarm)
		alarm.Spec.SystemName = system
		if err := dc.CheckAlarm(alarm.Name, alarm.Spec); err != nil {
			return err
		}
		tx.Put(alarm)
		record(tx, by, dc.EventAlarmChanged, alarm, "was changed")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return alarm, nil
}

// Delete removes an alarm; what it has triggered goes with it. Privilege: PrivAlarmDelete. Kinds: NotFound, WrongState for one of the
// default alarms.
func (s *Service) Delete(ctx context.Context, by dc.Caller, id dc.AlarmID) error {
	if err := s.access.Authorize(by, dc.PrivAlarmDelete, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		alarm, err := store.Load[*dc.Alarm](tx, dc.ID(id))
		if err != nil {
			return err
		}
		if alarm.Spec.SystemName != "" {
			return dc.Errorf(dc.WrongState, "it is one of the default alarms").On(dc.Describe(dc.KindAlarm, alarm.Name)).Fix("disable it")
		}
		tx.Delete(alarm)
		record(tx, by, dc.EventAlarmRemoved, alarm, "was removed")
		return nil
	})
}

// Acknowledge says that by takes care of an object that an alarm has found; it stays as it is. One that was acknowledged stays so.
// Privilege: PrivAlarmAcknowledge on the object. Kinds: NotFound, WrongState for an object that is green.
func (s *Service) Acknowledge(ctx context.Context, by dc.Caller, id dc.AlarmID, object dc.ID) error {
	return s.changeState(ctx, by, dc.PrivAlarmAcknowledge, id, object, func(tx *store.Tx, state *dc.AlarmState) {
		if state.AcknowledgedBy != "" {
			return
		}
		state.AcknowledgedBy, state.Acknowledged = by.Name, time.Now().UTC()
		tx.Put(state)
		recordState(tx, by, dc.EventAlarmAcknowledged, state, "was acknowledged")
	})
}

// Reset makes an object green again; where the reason still is, the alarm triggers anew. Privilege: PrivAlarmSetStatus on the object.
// Kinds: NotFound, WrongState for an object that is green.
func (s *Service) Reset(ctx context.Context, by dc.Caller, id dc.AlarmID, object dc.ID) error {
	return s.changeState(ctx, by, dc.PrivAlarmSetStatus, id, object, func(tx *store.Tx, state *dc.AlarmState) {
		tx.Delete(state)
		recordState(tx, by, dc.EventAlarmCleared, state, "was reset to green")
	})
}

func (s *Service) changeState(ctx context.Context, by dc.Caller, p dc.Privilege, id dc.AlarmID, object dc.ID, change func(*store.Tx, *dc.AlarmState)) error {
	if err := s.access.Authorize(by, p, object); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		alarm, err := store.Get[*dc.Alarm](tx.View(), dc.ID(id))
		if err != nil {
			return err
		}
		held, ok := store.Claimed(tx.View(), dc.AlarmStateClaim(id, object))
		if !ok {
			return dc.Errorf(dc.WrongState, "it has not triggered there").On(dc.Describe(dc.KindAlarm, alarm.Name)).Fix(`look at "hanok alarm triggered"`)
		}
		state, err := store.Load[*dc.AlarmState](tx, held)
		if err != nil {
			return err
		}
		change(tx, state)
		return nil
	})
}

func record(tx *store.Tx, by dc.Caller, typ dc.EventType, alarm *dc.Alarm, what string) {
	event.Add(tx, time.Now(), dc.Event{Type: typ, Target: dc.ID(alarm.ID), TargetName: alarm.Name, User: by.Name,
		Message: dc.Describe(dc.KindAlarm, alarm.Name) + " " + what})
}

func recordState(tx *store.Tx, by dc.Caller, typ dc.EventType, state *dc.AlarmState, what string) {
	event.Add(tx, time.Now(), dc.Event{Type: typ, Target: state.Object, TargetName: state.ObjectName, User: by.Name,
		Message: fmt.Sprintf("%s on %s %s", dc.Describe(dc.KindAlarm, state.AlarmName), dc.Describe(state.Object.Kind(), state.ObjectName), what)})
}

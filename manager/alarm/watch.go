package alarm

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/store"
)

const (
	// lookEvery is how often all objects are looked at: what is measured tells nobody that it has changed.
	lookEvery = 10 * time.Second
	// expiring is how long before its end a certificate is expiring.
	expiring = 30 * 24 * time.Hour
)

// watcher compares alarms with what is. One goroutine has it.
type watcher struct {
	*Service
	// waiting are the objects that are beyond a threshold, and not for long enough yet.
	waiting map[place]candidate
	// states is for observe.
	states map[string]string
}

// newWatcher returns a watcher that has seen nothing yet.
func (s *Service) newWatcher() *watcher {
	return &watcher{Service: s, waiting: map[place]candidate{}, states: map[string]string{}}
}

// place is an object as an alarm sees it.
type place struct {
	alarm  dc.AlarmID
	object dc.ID
}

type candidate struct {
	color dc.AlarmColor
	since time.Time
}

// Run watches until ctx ends or the store does, and returns why.
func (s *Service) Run(ctx context.Context) error {
	w := s.newWatcher()
	since := s.store.View().Revision()
	look := time.Time{}
	for {
		if !time.Now().Before(look) {
			look = time.Now().Add(lookEvery)
			w.lookAtAll(ctx, time.Now())
		}
		until, cancel := context.WithDeadline(ctx, look)
		err := s.store.Wait(until, since)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.store.Err() != nil {
			return s.store.Err()
		}
		if err != nil {
			continue // it is time to look
		}
		changes, upto, ok := s.store.Changes(since)
		since = upto
		if !ok {
			look = time.Time{}
			continue
		}
		if w.take(ctx, changes) {
			look = time.Time{}
		}
	}
}

// take looks at what has changed, and reports whether all is to be looked at.
func (w *watcher) take(ctx context.Context, changes []store.Change) (all bool) {
	v := w.store.View()
	alarms, color := looking(v), func(at place) dc.AlarmColor { return w.color(v, at.alarm, at.object) }
	for _, c := range changes {
		switch o := c.Object.(type) {
		case *dc.Event:
			if c.Old == nil {
				w.takeEvent(ctx, v, o)
			}
		case *dc.Host, *dc.VirtualMachine, *dc.Datastore:
			w.lookAt(ctx, alarms[c.Kind], o, color, time.Now())
		}
		if c.Object == nil && slices.Contains(dc.AlarmKinds(), c.Kind) {
			w.dropUnwatched(ctx, v)
		}
		all = all || c.Kind == dc.KindAlarm
	}
	return all
}

// takeEvent gives an object the color that alarms on events have for this one.
func (w *watcher) takeEvent(ctx context.Context, v *store.View, e *dc.Event) {
	object := v.Find(e.Target)
	if object == nil {
		return
	}
	for alarm := range store.List[*dc.Alarm](v) {
		if alarm.Spec.Disabled || alarm.Spec.Of != object.Kind() {
			continue
		}
		if color, ok := alarm.Spec.ByEvent(e.Type); ok && color != w.color(v, alarm.ID, e.Target) {
			w.turn(ctx, alarm, object, color)
		}
	}
}

// color returns the color that an object has by an alarm.
func (w *watcher) color(v *store.View, alarm dc.AlarmID, object dc.ID) dc.AlarmColor {
	if id, ok := store.Claimed(v, dc.AlarmStateClaim(alarm, object)); ok {
		if state, err := store.Get[*dc.AlarmState](v, id); err == nil {
			return state.Color
		}
	}
	return dc.Green
}

// colors returns color for all objects of a view: few have another than green, and a claim would have to be looked up for each.
func colors(v *store.View) func(place) dc.AlarmColor {
	all := map[place]dc.AlarmColor{}
	for state := range store.List[*dc.AlarmState](v) {
		all[place{state.Alarm, state.Object}] = state.Color
	}
	return func(at place) dc.AlarmColor {
		if color, ok := all[at]; ok {
			return color
		}
		return dc.Green
	}
}

// lookAtAll looks at every object of which there are alarms, and removes the colors of what is watched no longer.
func (w *watcher) lookAtAll(ctx context.Context, now time.Time) {
	v := w.store.View()
	alarms, color := looking(v), colors(v)
	for h := range store.List[*dc.Host](v) {
		w.lookAt(ctx, alarms[dc.KindHost], h, color, now)
	}
	for vm := range store.List[*dc.VirtualMachine](v) {
		w.lookAt(ctx, alarms[dc.KindVirtualMachine], vm, color, now)
	}
	for ds := range store.List[*dc.Datastore](v) {
		w.lookAt(ctx, alarms[dc.KindDatastore], ds, color, now)
	}
	if root := v.Find(dc.ID(dc.RootFolder)); root != nil {
		w.lookAt(ctx, alarms[dc.KindFolder], root, color, now)
	}
	w.dropUnwatched(ctx, v)
	for at := range w.waiting {
		if v.Find(at.object) == nil || v.Find(dc.ID(at.alarm)) == nil {
			delete(w.waiting, at)
		}
	}
}

// dropUnwatched removes the colors of objects and by alarms that are gone, and by alarms that are disabled.
func (w *watcher) dropUnwatched(ctx context.Context, v *store.View) {
	for state := range store.List[*dc.AlarmState](v) {
		alarm, err := store.Get[*dc.Alarm](v, dc.ID(state.Alarm))
		if err != nil || alarm.Spec.Disabled || alarm.Spec.Of != state.Object.Kind() || v.Find(state.Object) == nil {
			w.drop(ctx, state)
		}
	}
}

// looking returns the alarms that look at what is, by the kind of their objects.
func looking(v *store.View) map[dc.Kind][]*dc.Alarm {
	out := map[dc.Kind][]*dc.Alarm{}
	for alarm := range store.List[*dc.Alarm](v) {
		if !alarm.Spec.Disabled && !alarm.Spec.OnEvents() {
			out[alarm.Spec.Of] = append(out[alarm.Spec.Of], alarm)
		}
	}
	return out
}

// lookAt gives an object the colors that it should have now by the alarms, which are of its kind. colorOf says which it has.
func (w *watcher) lookAt(ctx context.Context, alarms []*dc.Alarm, object dc.Object, colorOf func(place) dc.AlarmColor, now time.Time) {
	if len(alarms) == 0 {
		return
	}
	seen := w.observe(object, now)
	for _, alarm := range alarms {
		at := place{alarm.ID, object.Identity()}
		color := colorOf(at)
		level := alarm.Spec.Level(color, seen)
		switch {
		case !level.Known:
		case level.Color == color:
			delete(w.waiting, at)
		case !color.Below(level.Color) || w.lasted(at, level, now):
			delete(w.waiting, at)
			w.turn(ctx, alarm, object, level.Color)
		}
	}
}

// lasted reports whether an object has been beyond a threshold for long enough.
func (w *watcher) lasted(at place, level dc.Level, now time.Time) bool {
	if level.Hold == 0 {
		return true
	}
	c, ok := w.waiting[at]
	if !ok || c.color.Below(level.Color) {
		c.since = now
	}
	c.color = level.Color
	w.waiting[at] = c
	return now.Sub(c.since) >= level.Hold
}

// observe returns what is known of an object, for as long as no other is observed.
func (w *watcher) observe(object dc.Object, now time.Time) dc.Observation {
	clear(w.states)
	o := dc.Observation{Values: w.cfg.Values(object.Identity()), States: w.states}
	switch object := object.(type) {
	case *dc.Host:
		o.States[dc.StateConnection] = string(object.Connection())
	case *dc.VirtualMachine:
		o.Resting = object.Status.Power != "" && object.Status.Power != dc.PoweredOn
		o.States[dc.StatePower] = string(object.Status.Power)
		o.States[dc.StatePaused] = strconv.FormatBool(object.Status.Paused != nil)
		o.States[dc.StateFault] = strconv.FormatBool(object.Status.Fault != nil)
	case *dc.Datastore:
		if object.Status != (dc.DatastoreStatus{}) { // else no host has looked yet
			o.States[dc.StateAccessible] = strconv.FormatBool(object.Status.Accessible)
		}
	case *dc.Folder:
		status := "valid"
		if left := w.cfg.AuthorityEnds.Sub(now); left < 0 {
			status = "expired"
		} else if left < expiring {
			status = "expiring"
		}
		o.States[dc.StateAuthority] = status
	}
	return o
}

// turn writes down that an object has another color, with the event. What can't be written is seen again at the next look.
func (w *watcher) turn(ctx context.Context, alarm *dc.Alarm, object dc.Object, color dc.AlarmColor) {
	err := w.store.Change(ctx, func(tx *store.Tx) error {
		now := time.Now().UTC()
		state := &dc.AlarmState{ID: dc.AlarmStateID(dc.NewID(dc.KindAlarmState, random.Ordered(now))), Meta: dc.Meta{Created: now},
			Alarm: alarm.ID, Object: object.Identity(), Color: dc.Green}
		if id, ok := store.Claimed(tx.View(), dc.AlarmStateClaim(alarm.ID, object.Identity())); ok {
			var err error
			if state, err = store.Load[*dc.AlarmState](tx, id); err != nil {
				return err
			}
		}
		before := state.Color
		if before == color {
			return nil
		}
		state.ObjectName, state.AlarmName = object.Metadata().Name, alarm.Name
		if color == dc.Green {
			tx.Delete(state)
		} else {
			tx.Exists(object.Identity())
			tx.Exists(dc.ID(alarm.ID))
			if before.Below(color) { // it has become worse: nobody takes care of that yet
				state.AcknowledgedBy, state.Acknowledged = "", time.Time{}
			}
			state.Color, state.Since = color, now
			tx.Put(state)
		}
		event.Add(tx, now, dc.Event{Type: dc.EventAlarmStatus, Target: object.Identity(), TargetName: state.ObjectName,
			Message: fmt.Sprintf("%s on %s changed from %s to %s", dc.Describe(dc.KindAlarm, alarm.Name), dc.Describe(object.Kind(), state.ObjectName), before, color)})
		return nil
	})
	if err != nil && dc.KindOf(err) != dc.NotFound && ctx.Err() == nil {
		w.cfg.Log.Warn("the color of an alarm can't be written", "alarm", alarm.Name, "object", object.Identity(), "err", err)
	}
}

// drop removes the color of what is watched no longer.
func (w *watcher) drop(ctx context.Context, state *dc.AlarmState) {
	err := w.store.Change(ctx, func(tx *store.Tx) error {
		state, err := store.Load[*dc.AlarmState](tx, dc.ID(state.ID))
		if dc.KindOf(err) == dc.NotFound {
			return nil
		} else if err != nil {
			return err
		}
		tx.Delete(state)
		recordState(tx, dc.System, dc.EventAlarmCleared, state, "was cleared: it is watched no longer")
		return nil
	})
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Warn("the color of an alarm can't be removed", "alarm", state.AlarmName, "object", state.Object, "err", err)
	}
}

package model

import (
	"cmp"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

// entity are the properties of everything in the inventory (ManagedEntity).
var entity = map[string]prop{
	"name":                of(func(_ *Picture, o dc.Object) any { return o.Metadata().Name }),
	"parent":              of(func(p *Picture, o dc.Object) any { return anyRef(p.refOr(o.Metadata().Parent)) }),
	"overallStatus":       of(func(p *Picture, o dc.Object) any { return p.status(o.Identity()) }, Alarms),
	"configStatus":        of(func(*Picture, dc.Object) any { return types.ManagedEntityStatusGreen }),
	"configIssue":         of(func(*Picture, dc.Object) any { return []types.BaseEvent{} }),
	"effectiveRole":       {value: func(p *Picture, o dc.Object) any { return p.client.Roles(o.Identity()) }, each: true},
	"permission":          of(permissions),
	"disabledMethod":      of(func(*Picture, dc.Object) any { return []string{} }),
	"recentTask":          list(recentTasks, Tasks),
	"declaredAlarmState":  of(func(*Picture, dc.Object) any { return []types.AlarmState{} }),
	"triggeredAlarmState": of(triggered, Alarms),
	"alarmActionsEnabled": of(func(*Picture, dc.Object) any { return true }),
	"tag":                 of(func(*Picture, dc.Object) any { return []types.Tag{} }),
	"availableField":      of(fields),
	"customValue":         of(customValues),
	"value":               of(customValues),
}

// anyRef returns a reference as a property's value: nil is unset.
func anyRef(ref *Ref) any {
	if ref == nil {
		return nil
	}
	return *ref
}

// status is the worst color of the alarms that an object has triggered itself.
func (p *Picture) status(id dc.ID) types.ManagedEntityStatus {
	worst := types.ManagedEntityStatusGreen
	for _, s := range p.alarms()[id] {
		switch {
		case s.Color == dc.Red:
			return types.ManagedEntityStatusRed
		case s.Color == dc.Yellow:
			worst = types.ManagedEntityStatusYellow
		}
	}
	return worst
}

// alarms returns the alarms that each object has triggered itself.
func (p *Picture) alarms() map[dc.ID][]*dc.AlarmState {
	if p.triggered == nil {
		p.triggered = map[dc.ID][]*dc.AlarmState{}
		for s := range all[*dc.AlarmState](p.view.Objects(dc.KindAlarmState)) {
			p.triggered[s.Object] = append(p.triggered[s.Object], s)
		}
	}
	return p.triggered
}

// triggered are the alarms of an object and of all that is below it.
func triggered(p *Picture, o dc.Object) any {
	out := []types.AlarmState{}
	for object, states := range p.alarms() {
		if object != o.Identity() && !p.Below(object, o.Identity()) {
			continue
		}
		for _, s := range states {
			state := types.AlarmState{
				Key: string(s.ID), Entity: p.ref(s.Object), Alarm: Ref{Type: "Alarm", Value: string(s.Alarm)}, OverallStatus: types.ManagedEntityStatus(s.Color),
				Time: s.Since, Acknowledged: types.NewBool(s.AcknowledgedBy != ""), AcknowledgedByUser: s.AcknowledgedBy,
			}
			if s.AcknowledgedBy != "" {
				state.AcknowledgedTime = &s.Acknowledged
			}
			out = append(out, state)
		}
	}
	slices.SortFunc(out, func(a, b types.AlarmState) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// permissions are those that are set on the object itself.
func permissions(p *Picture, o dc.Object) any {
	out := []types.Permission{}
	for x := range p.view.Objects(dc.KindPermission) {
		perm := x.(*dc.Permission)
		if perm.Entity != o.Identity() {
			continue
		}
		ref := refOf(o)
		entry := types.Permission{Entity: &ref, Principal: p.name(perm.Principal), Group: perm.Principal.Kind() == dc.KindGroup, Propagate: perm.Propagate}
		if role, ok := p.view.Object(dc.ID(perm.Role)).(*dc.Role); ok {
			entry.RoleId = role.Number
		}
		out = append(out, entry)
	}
	return out
}

// maxRecent is how many tasks "recentTask" has, as in a vCenter.
const maxRecent = 10

// recentTasks are the tasks about an object that are open, and those that have just ended.
func recentTasks(p *Picture, o dc.Object) []Ref {
	if p.tasks == nil {
		p.tasks = map[dc.ID][]*dc.Task{}
		for t := range all[*dc.Task](p.view.Objects(dc.KindTask)) {
			p.tasks[t.Target] = append(p.tasks[t.Target], t)
		}
	}
	about := slices.DeleteFunc(slices.Clone(p.tasks[o.Identity()]), func(t *dc.Task) bool { return !p.sees(t) })
	slices.SortFunc(about, func(a, b *dc.Task) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	out := []Ref{}
	for _, t := range about[:min(len(about), maxRecent)] {
		out = append(out, refOf(t))
	}
	return out
}

// fields are the custom attributes that an object of the kind may have.
func fields(p *Picture, o dc.Object) any {
	out := []types.CustomFieldDef{}
	for x := range p.view.Objects(dc.KindCustomField) {
		if f := x.(*dc.CustomField); f.Of == "" || f.Of == o.Kind() {
			out = append(out, FieldDef(f))
		}
	}
	return out
}

// FieldDef returns a custom attribute as the API defines it.
func FieldDef(f *dc.CustomField) types.CustomFieldDef {
	return types.CustomFieldDef{Key: f.Key, Name: f.Name, Type: "string", ManagedObjectType: managedType(f.Of)}
}

// managedType returns the API's name of a kind, or "" for every kind.
func managedType(k dc.Kind) string { return typeNames[k] }

func customValues(_ *Picture, o dc.Object) any {
	out := []types.BaseCustomFieldValue{}
	for key, value := range o.Metadata().CustomValues {
		out = append(out, &types.CustomFieldStringValue{CustomFieldValue: types.CustomFieldValue{Key: key}, Value: value})
	}
	slices.SortFunc(out, func(a, b types.BaseCustomFieldValue) int {
		return cmp.Compare(a.GetCustomFieldValue().Key, b.GetCustomFieldValue().Key)
	})
	return out
}

// Package attribute keeps the custom attributes of the data center: definitions with keys that are never used twice, and the values
// that objects of the inventory have under them. The values stand in the objects themselves, so that they go with them.
//
// The rules are dc's. It is not package tag: a tag is a word that many objects share. The facades call Service, and the manager calls
// Sweep.
package attribute

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/inventory"
	"hanok/manager/store"
)

// batch is how many objects one transaction of a sweep changes: with their claims, as many as any etcd takes.
const batch = 30

// Service keeps the custom attributes. It is safe for concurrent use. Every method that takes a caller checks the privilege that it
// names before anything else; the errors of that are of the kinds Unauthenticated, Denied and NotFound.
type Service struct {
	store  *store.Store
	access *access.Service
}

// New returns the service over the store's custom attributes.
func New(st *store.Store, acc *access.Service) *Service { return &Service{store: st, access: acc} }

// List returns all custom attributes by name and key. They are shared and must not be changed. Privilege:
// PrivView on the root folder.
func (s *Service) List(by dc.Caller) ([]*dc.CustomField, error) {
	if err := s.access.Authorize(by, dc.PrivView, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	return slices.SortedFunc(store.List[*dc.CustomField](s.store.View()), byName), nil
}

// Values returns what an object has, by name. The definitions are shared and must not be changed. Privilege: PrivRead on the object.
func (s *Service) Values(by dc.Caller, object dc.ID) (out []dc.CustomValue, err error) {
	if err := s.access.Authorize(by, dc.PrivRead, object); err != nil {
		return nil, err
	}
	v := s.store.View()
	o := v.Find(object)
	if o == nil {
		return nil, nil
	}
	for field := range store.List[*dc.CustomField](v) {
		if value, ok := o.Metadata().CustomValues[field.Key]; ok {
			out = append(out, dc.CustomValue{Field: field, Value: value})
		}
	}
	slices.SortFunc(out, func(a, b dc.CustomValue) int { return byName(a.Field, b.Field) })
	return out, nil
}

// Create makes a custom attribute of objects of the kind, or of all for "". Privilege: PrivCustomFields on the root folder. Kinds:
// Invalid, Exists.
func (s *Service) Create(ctx context.Context, by dc.Caller, name string, of dc.Kind) (*dc.CustomField, error) {
	if err := s.authorize(by); err != nil {
		return nil, err
	}
	o := &dc.CustomField{ID: dc.CustomFieldID(dc.NewID(dc.KindCustomField, random.Suffix())), Meta: dc.Meta{Name: name, Created: time.Now().UTC()}, Of: of}
	if err := dc.CheckCustomField(o); err != nil {
		return nil, err
	}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if err := checkFree(tx.View(), o); err != nil {
			return err
		}
		turn, err := store.Load[*dc.Sequence](tx, dc.ID(dc.CustomFieldSequence))
		if dc.KindOf(err) == dc.NotFound {
			turn, err = &dc.Sequence{ID: dc.CustomFieldSequence}, nil
		}
		if err != nil {
			return err
		}
		turn.Last++
		tx.Put(turn)
		o.Key = int32(turn.Last)
		tx.Put(o)
		record(tx, by, dc.EventCustomFieldAdded, o, "was created")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Rename gives a custom attribute another name; its key and the values stay. Privilege: PrivCustomFields on the root folder. Kinds:
// NotFound, Invalid, Exists.
func (s *Service) Rename(ctx context.Context, by dc.Caller, id dc.CustomFieldID, name string) error {
	return s.change(ctx, by, id, func(tx *store.Tx, o *dc.CustomField) error {
		old := o.Name
		o.Name = name
		if err := cmp.Or(dc.CheckCustomField(o), checkFree(tx.View(), o)); err != nil || old == name {
			return err
		}
		tx.Put(o)
		record(tx, by, dc.EventCustomFieldNamed, o, fmt.Sprintf("was %q before", old))
		return nil
	})
}

// Delete removes a custom attribute; no object has a value under it from then on. Privilege: PrivCustomFields on the root folder.
// Kinds: NotFound.
func (s *Service) Delete(ctx context.Context, by dc.Caller, id dc.CustomFieldID) error {
	return s.change(ctx, by, id, func(tx *store.Tx, o *dc.CustomField) error {
		tx.Delete(o)
		record(tx, by, dc.EventCustomFieldGone, o, "was removed")
		return nil
	})
}

// change runs a function on a private copy of a definition, for a caller who may change it.
func (s *Service) change(ctx context.Context, by dc.Caller, id dc.CustomFieldID, fn func(*store.Tx, *dc.CustomField) error) error {
	if err := s.authorize(by); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		o, err := store.Load[*dc.CustomField](tx, dc.ID(id))
		if err != nil {
			return err
		}
		return fn(tx, o)
	})
}

// Set gives an object a value; "" takes it away. Privilege: PrivCustomValue on the object. Kinds: NotFound, and those of
// dc.CustomField.CheckValue.
func (s *Service) Set(ctx context.Context, by dc.Caller, id dc.CustomFieldID, object dc.ID, value string) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.SetIn(tx, by, id, object, value) })
}

// SetIn is Set as a part of tx.
func (s *Service) SetIn(tx *store.Tx, by dc.Caller, id dc.CustomFieldID, object dc.ID, value string) error {
	if err := s.access.Authorize(by, dc.PrivCustomValue, object); err != nil {
		return err
	}
	o, err := tx.Load(object)
	if err != nil {
		return err
	}
	v, meta := tx.View(), o.Metadata()
	field, err := store.Get[*dc.CustomField](v, dc.ID(id))
	if err != nil || meta.CustomValues[field.Key] == value {
		return err
	}
	others := live(v, meta.CustomValues)
	delete(others, field.Key)
	if err := field.CheckValue(dc.Describe(o.Kind(), meta.Name), o.Kind(), len(others), value); err != nil {
		return err
	}
	if value != "" {
		others[field.Key] = value
	}
	tx.Exists(dc.ID(id))
	setValues(tx, o, others)
	event.Add(tx, time.Now(), dc.Event{Type: dc.EventCustomValue, Target: object, TargetName: meta.Name, User: by.Name,
		Message: fmt.Sprintf("Changed custom field %s on %s to %q", field.Name, meta.Name, value)})
	return nil
}

// Sweep takes the values of attributes that were deleted out of the objects that had them. The manager calls it from time to time.
// Errors are those of store.Change; what was swept before stays so.
func (s *Service) Sweep(ctx context.Context) error {
	v := s.store.View()
	var stale []dc.ID
	for o := range inventory.Objects(v) {
		if all := o.Metadata().CustomValues; len(all) > 0 && len(live(v, all)) < len(all) {
			stale = append(stale, o.Identity())
		}
	}
	for ids := range slices.Chunk(stale, batch) {
		err := s.store.Change(ctx, func(tx *store.Tx) error {
			for _, id := range ids {
				if o, err := tx.Load(id); err == nil { // else it is gone meanwhile
					setValues(tx, o, live(tx.View(), o.Metadata().CustomValues))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setValues stores an object with the values.
func setValues(tx *store.Tx, o dc.Object, values map[int32]string) {
	o.Metadata().CustomValues = values
	tx.Put(o)
}

// live returns a copy of the values whose attributes are there.
func live(v *store.View, values map[int32]string) map[int32]string {
	out := maps.Clone(values)
	if out == nil {
		out = map[int32]string{}
	}
	keys := map[int32]bool{}
	for field := range store.List[*dc.CustomField](v) {
		keys[field.Key] = true
	}
	maps.DeleteFunc(out, func(key int32, _ string) bool { return !keys[key] })
	return out
}

func (s *Service) authorize(by dc.Caller) error {
	return s.access.Authorize(by, dc.PrivCustomFields, dc.ID(dc.RootFolder))
}

// checkFree returns an error of kind Exists where another attribute of the same kind has the name.
func checkFree(v *store.View, o *dc.CustomField) error {
	if holder, ok := store.Claimed(v, dc.CustomFieldClaim(o.Of, o.Name)); ok && holder != dc.ID(o.ID) {
		return dc.Errorf(dc.Exists, "there is one of this name already").On(dc.Describe(dc.KindCustomField, o.Name)).Fix("choose another name")
	}
	return nil
}

func byName(a, b *dc.CustomField) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
}

func record(tx *store.Tx, by dc.Caller, typ dc.EventType, o *dc.CustomField, what string) {
	event.Add(tx, time.Now(), dc.Event{Type: typ, Target: dc.ID(o.ID), TargetName: o.Name, User: by.Name,
		Message: fmt.Sprintf("Custom attribute %q %s.", o.Name, what)})
}

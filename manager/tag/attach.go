package tag

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/inventory"
	"hanok/manager/store"
)

// batch is how many objects one transaction of a sweep changes: with their claims, as many as any etcd takes.
const batch = 30

// Attach gives an object a tag; one that it has it keeps. Privilege: PrivTagAttach on the object. Kinds: NotFound, and those of
// dc.TagCategory.CheckAttach.
func (s *Service) Attach(ctx context.Context, by dc.Caller, id dc.TagID, object dc.ID) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.AttachIn(tx, by, id, object) })
}

// AttachIn is Attach as a part of tx.
func (s *Service) AttachIn(tx *store.Tx, by dc.Caller, id dc.TagID, object dc.ID) error {
	return s.change(tx, by, object, func(o dc.Object) error {
		v, meta := tx.View(), o.Metadata()
		tag, err := store.Get[*dc.Tag](v, dc.ID(id))
		if err != nil || slices.Contains(meta.Tags, id) {
			return err
		}
		category, err := store.Get[*dc.TagCategory](v, tag.Parent)
		if err != nil {
			return err
		}
		now := tagsOf(v, o)
		if err := category.CheckAttach(tag, dc.Describe(o.Kind(), meta.Name), o.Kind(), now); err != nil {
			return err
		}
		tx.Exists(dc.ID(id))
		setTags(tx, o, append(now, tag))
		recordAttached(tx, by, dc.EventTagAttached, tag, o, "attached tag %s to object %s")
		return nil
	})
}

// Detach takes a tag from an object; one that it does not have is no error. Privilege: PrivTagAttach on the object. Kinds: NotFound.
func (s *Service) Detach(ctx context.Context, by dc.Caller, id dc.TagID, object dc.ID) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.DetachIn(tx, by, id, object) })
}

// DetachIn is Detach as a part of tx.
func (s *Service) DetachIn(tx *store.Tx, by dc.Caller, id dc.TagID, object dc.ID) error {
	return s.change(tx, by, object, func(o dc.Object) error {
		tag, err := store.Get[*dc.Tag](tx.View(), dc.ID(id))
		if err != nil || !slices.Contains(o.Metadata().Tags, id) {
			return err
		}
		setTags(tx, o, slices.DeleteFunc(tagsOf(tx.View(), o), func(other *dc.Tag) bool { return other.ID == id }))
		recordAttached(tx, by, dc.EventTagDetached, tag, o, "detached tag %s from object %s")
		return nil
	})
}

// change runs a function on a private copy of an object, for a caller who may change its tags.
func (s *Service) change(tx *store.Tx, by dc.Caller, object dc.ID, fn func(dc.Object) error) error {
	if err := s.access.Authorize(by, dc.PrivTagAttach, object); err != nil {
		return err
	}
	o, err := tx.Load(object)
	if err != nil {
		return err
	}
	return fn(o)
}

// Sweep takes the tags that were deleted out of the objects that had them. The manager calls it from time to time. Errors are those of
// store.Change; what was swept before stays so.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		var stale []dc.ID
		v := s.store.View()
		for o := range inventory.Objects(v) {
			if len(tagsOf(v, o)) < len(o.Metadata().Tags) {
				stale = append(stale, o.Identity())
			}
		}
		if len(stale) == 0 {
			return nil
		}
		for ids := range slices.Chunk(stale, batch) {
			err := s.store.Change(ctx, func(tx *store.Tx) error {
				for _, id := range ids {
					if o, err := tx.Load(id); err == nil { // else it is gone meanwhile
						setTags(tx, o, tagsOf(tx.View(), o))
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
}

// setTags stores an object with the tags.
func setTags(tx *store.Tx, o dc.Object, tags []*dc.Tag) {
	meta := o.Metadata()
	meta.Tags = nil
	for _, tag := range tags {
		meta.Tags = append(meta.Tags, tag.ID)
	}
	slices.Sort(meta.Tags)
	tx.Put(o)
}

// tagsOf returns the tags of an object that are there.
func tagsOf(v *store.View, o dc.Object) (tags []*dc.Tag) {
	for _, id := range o.Metadata().Tags {
		if tag, err := store.Get[*dc.Tag](v, dc.ID(id)); err == nil {
			tags = append(tags, tag)
		}
	}
	return tags
}

func recordAttached(tx *store.Tx, by dc.Caller, typ dc.EventType, tag *dc.Tag, o dc.Object, what string) {
	name := o.Metadata().Name
	event.Add(tx, time.Now(), dc.Event{Type: typ, Target: o.Identity(), TargetName: name, User: by.Name,
		Message: "User " + by.Name + " " + fmt.Sprintf(what, tag.Name, name)})
}

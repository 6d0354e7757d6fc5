// Package tag keeps the tags of the data center: categories, tags in them, and to which objects of the inventory those are attached.
// Which tags an object has stands in the object itself, so that they go with it; what has the tags is found by looking at all.
//
// The rules are dc's. Objects are otherwise other rooms'. The facades call Service, and the manager calls Sweep.
package tag

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/inventory"
	"hanok/manager/store"
)

// Service keeps the tags. It is safe for concurrent use. Every method that takes a caller checks the privilege that it names before
// anything else; the errors of that are of the kinds Unauthenticated, Denied and NotFound.
type Service struct {
	store  *store.Store
	access *access.Service
}

// New returns the service over the store's tags.
func New(st *store.Store, acc *access.Service) *Service { return &Service{store: st, access: acc} }

// Categories returns all categories by name. They are shared and must not be changed. Privilege: PrivRead on the root folder.
func (s *Service) Categories(by dc.Caller) ([]*dc.TagCategory, error) {
	if err := s.authorize(by, dc.PrivRead); err != nil {
		return nil, err
	}
	return slices.SortedFunc(store.List[*dc.TagCategory](s.store.View()), func(a, b *dc.TagCategory) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// Tags returns all tags, by category and name. They are shared and must not be changed. Privilege: PrivRead on the root folder.
func (s *Service) Tags(by dc.Caller) ([]*dc.Tag, error) {
	if err := s.authorize(by, dc.PrivRead); err != nil {
		return nil, err
	}
	v := s.store.View()
	return sorted(v, slices.Collect(store.List[*dc.Tag](v))), nil
}

// Attached returns the tags of an object, as Tags does. Privilege: PrivRead on the object.
func (s *Service) Attached(by dc.Caller, object dc.ID) ([]*dc.Tag, error) {
	if err := s.access.Authorize(by, dc.PrivRead, object); err != nil {
		return nil, err
	}
	v := s.store.View()
	if o := v.Find(object); o != nil {
		return sorted(v, tagsOf(v, o)), nil
	}
	return nil, nil
}

// Objects returns what has the tag and the caller may see, by kind and name. They are shared and must not be changed. Privilege:
// PrivRead on the root folder. Kinds: NotFound.
func (s *Service) Objects(by dc.Caller, tag dc.TagID) ([]dc.Object, error) {
	if err := s.authorize(by, dc.PrivRead); err != nil {
		return nil, err
	}
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	v := s.store.View()
	if _, err := store.Get[*dc.Tag](v, dc.ID(tag)); err != nil {
		return nil, err
	}
	var out []dc.Object
	for o := range inventory.Objects(v) {
		if slices.Contains(o.Metadata().Tags, tag) && visible(o) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b dc.Object) int {
		return cmp.Or(cmp.Compare(a.Kind(), b.Kind()), cmp.Compare(a.Metadata().Name, b.Metadata().Name), cmp.Compare(a.Identity(), b.Identity()))
	})
	return out, nil
}

// CreateCategory makes a category of o's name, description, cardinality and kinds. Privilege: PrivCategoryCreate on the root folder.
// Kinds: Invalid, Exists.
func (s *Service) CreateCategory(ctx context.Context, by dc.Caller, o dc.TagCategory) (*dc.TagCategory, error) {
	if err := s.authorize(by, dc.PrivCategoryCreate); err != nil {
		return nil, err
	}
	o.ID, o.Meta = dc.TagCategoryID(newID(dc.KindTagCategory)), dc.Meta{Name: o.Name, Created: time.Now().UTC()}
	if err := dc.CheckTagCategory(&o); err != nil {
		return nil, err
	}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if err := checkFree(tx.View(), &o); err != nil {
			return err
		}
		tx.Put(&o)
		record(tx, by, &o, "was created")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &o, nil
}

// UpdateCategory replaces a category by what change, which may be called several times, makes of it; it never gets narrower.
// Privilege: PrivCategoryEdit on the root folder. Kinds: NotFound, Invalid, Exists.
func (s *Service) UpdateCategory(ctx context.Context, by dc.Caller, id dc.TagCategoryID, change func(*dc.TagCategory)) (*dc.TagCategory, error) {
	if err := s.authorize(by, dc.PrivCategoryEdit); err != nil {
		return nil, err
	}
	var o *dc.TagCategory
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		old, err := store.Get[*dc.TagCategory](tx.View(), dc.ID(id))
		if err != nil {
			return err
		}
		if o, err = store.Load[*dc.TagCategory](tx, dc.ID(id)); err != nil {
			return err
		}
		change(o)
		if err := cmp.Or(dc.CheckTagCategory(o), dc.CheckTagCategoryChange(old, o), checkFree(tx.View(), o)); err != nil {
			return err
		}
		tx.Put(o)
		record(tx, by, o, "was changed")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// DeleteCategory removes a category that has no tags. Privilege: PrivCategoryDelete on the root folder. Kinds: NotFound, WrongState
// while it has tags.
func (s *Service) DeleteCategory(ctx context.Context, by dc.Caller, id dc.TagCategoryID) error {
	if err := s.authorize(by, dc.PrivCategoryDelete); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		o, err := store.Load[*dc.TagCategory](tx, dc.ID(id))
		if err != nil {
			return err
		}
		for tag := range store.Children[*dc.Tag](tx.View(), dc.ID(id)) {
			return dc.Errorf(dc.WrongState, "it still has %s", dc.Describe(dc.KindTag, tag.Name)).On(dc.Describe(dc.KindTagCategory, o.Name)).Fix("delete its tags first")
		}
		tx.Delete(o)
		record(tx, by, o, "was removed")
		return nil
	})
}

// Create makes a tag in a category. Privilege: PrivTagCreate on the root folder. Kinds: NotFound, Invalid, Exists.
func (s *Service) Create(ctx context.Context, by dc.Caller, category dc.TagCategoryID, name, description string) (*dc.Tag, error) {
	if err := s.authorize(by, dc.PrivTagCreate); err != nil {
		return nil, err
	}
	o := &dc.Tag{ID: dc.TagID(newID(dc.KindTag)), Meta: dc.Meta{Name: name, Parent: dc.ID(category), Created: time.Now().UTC()}, Description: description}
	if err := dc.CheckTag(o); err != nil {
		return nil, err
	}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		tx.Exists(dc.ID(category))
		tx.Put(o)
		record(tx, by, o, "was created")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Update gives a tag another name or description. Privilege: PrivTagEdit on the root folder. Kinds: NotFound, Invalid, Exists.
func (s *Service) Update(ctx context.Context, by dc.Caller, id dc.TagID, change func(*dc.Tag)) (*dc.Tag, error) {
	if err := s.authorize(by, dc.PrivTagEdit); err != nil {
		return nil, err
	}
	var o *dc.Tag
	err := s.store.Change(ctx, func(tx *store.Tx) (err error) {
		if o, err = store.Load[*dc.Tag](tx, dc.ID(id)); err != nil {
			return err
		}
		change(o)
		if err := dc.CheckTag(o); err != nil {
			return err
		}
		tx.Put(o)
		record(tx, by, o, "was changed")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Delete removes a tag; no object has it from then on. Privilege: PrivTagDelete on the root folder. Kinds: NotFound.
func (s *Service) Delete(ctx context.Context, by dc.Caller, id dc.TagID) error {
	if err := s.authorize(by, dc.PrivTagDelete); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		o, err := store.Load[*dc.Tag](tx, dc.ID(id))
		if err != nil {
			return err
		}
		tx.Delete(o)
		record(tx, by, o, "was removed")
		return nil
	})
}

func (s *Service) authorize(by dc.Caller, p dc.Privilege) error {
	return s.access.Authorize(by, p, dc.ID(dc.RootFolder))
}

// newID returns an ID that was never used, with a UUID in it, of which vSphere's identifier is made.
func newID(kind dc.Kind) dc.ID { return dc.NewID(kind, strings.ReplaceAll(random.UUID(), "-", "")) }

// checkFree returns an error of kind Exists where another category has the name.
func checkFree(v *store.View, o *dc.TagCategory) error {
	if holder, ok := store.Claimed(v, dc.TagCategoryClaim(o.Name)); ok && holder != dc.ID(o.ID) {
		return dc.Errorf(dc.Exists, "there is one of this name already").On(dc.Describe(dc.KindTagCategory, o.Name)).Fix("choose another name")
	}
	return nil
}

func sorted(v *store.View, tags []*dc.Tag) []*dc.Tag {
	category := func(o *dc.Tag) string {
		if c := v.Find(o.Parent); c != nil {
			return c.Metadata().Name
		}
		return ""
	}
	slices.SortFunc(tags, func(a, b *dc.Tag) int {
		return cmp.Or(cmp.Compare(category(a), category(b)), cmp.Compare(a.Name, b.Name))
	})
	return tags
}

func record(tx *store.Tx, by dc.Caller, o dc.Object, what string) {
	name := dc.Describe(o.Kind(), o.Metadata().Name)
	event.Add(tx, time.Now(), dc.Event{Type: dc.EventGeneral, Target: o.Identity(), TargetName: o.Metadata().Name, User: by.Name,
		Message: strings.ToUpper(name[:1]) + name[1:] + " " + what + "."})
}

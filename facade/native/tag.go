package native

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListTagCategories(ctx context.Context, _ *hanokv1.ListTagCategoriesRequest) (*hanokv1.ListTagCategoriesResponse, error) {
	all, err := each(convert.TagCategory)(s.Tags.Categories(caller(ctx)))
	return &hanokv1.ListTagCategoriesResponse{TagCategories: all}, err
}

func (s *service) CreateTagCategory(ctx context.Context, req *hanokv1.CreateTagCategoryRequest) (*hanokv1.CreateTagCategoryResponse, error) {
	o, err := s.Tags.CreateCategory(ctx, caller(ctx), dc.TagCategory{Meta: dc.Meta{Name: req.Name}, Description: req.Description,
		Cardinality: dc.Cardinality(cmp.Or(req.Cardinality, string(dc.SingleTag))), Associable: convert.FromKinds(req.AssociableKinds)})
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateTagCategoryResponse{TagCategory: convert.TagCategory(o)}, nil
}

func (s *service) UpdateTagCategory(ctx context.Context, req *hanokv1.UpdateTagCategoryRequest) (*hanokv1.UpdateTagCategoryResponse, error) {
	by := caller(ctx)
	id, err := s.categoryID(by, dc.PrivCategoryEdit, req.TagCategory)
	if err != nil {
		return nil, err
	}
	o, err := s.Tags.UpdateCategory(ctx, by, id, func(o *dc.TagCategory) {
		set(&o.Name, req.Name)
		set(&o.Description, req.Description)
		set(&o.Cardinality, (*dc.Cardinality)(req.Cardinality))
		switch {
		case req.AllKinds:
			o.Associable = nil
		case len(req.AssociableKinds) > 0:
			o.Associable = convert.FromKinds(req.AssociableKinds)
		}
	})
	if err != nil {
		return nil, err
	}
	return &hanokv1.UpdateTagCategoryResponse{TagCategory: convert.TagCategory(o)}, nil
}

func (s *service) DeleteTagCategory(ctx context.Context, req *hanokv1.DeleteTagCategoryRequest) (*hanokv1.DeleteTagCategoryResponse, error) {
	by := caller(ctx)
	id, err := s.categoryID(by, dc.PrivCategoryDelete, req.TagCategory)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteTagCategoryResponse{}, s.Tags.DeleteCategory(ctx, by, id)
}

func (s *service) ListTags(ctx context.Context, req *hanokv1.ListTagsRequest) (*hanokv1.ListTagsResponse, error) {
	by := caller(ctx)
	all, err := s.tagsOf(by, req.Kind, req.Object)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListTagsResponse{}
	for _, o := range all {
		out.Tags = append(out.Tags, s.tag(o))
	}
	return out, nil
}

// tagsOf returns the tags of the object that a reference names, or all for none.
func (s *service) tagsOf(by dc.Caller, kind, ref string) ([]*dc.Tag, error) {
	if ref == "" {
		return s.Tags.Tags(by)
	}
	object, err := s.Inventory.Resolve(by, dc.Kind(kind), ref)
	if err != nil {
		return nil, err
	}
	return s.Tags.Attached(by, object)
}

func (s *service) CreateTag(ctx context.Context, req *hanokv1.CreateTagRequest) (*hanokv1.CreateTagResponse, error) {
	by := caller(ctx)
	category, err := s.categoryID(by, dc.PrivTagCreate, req.TagCategory)
	if err != nil {
		return nil, err
	}
	o, err := s.Tags.Create(ctx, by, category, req.Name, req.Description)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateTagResponse{Tag: s.tag(o)}, nil
}

func (s *service) UpdateTag(ctx context.Context, req *hanokv1.UpdateTagRequest) (*hanokv1.UpdateTagResponse, error) {
	by := caller(ctx)
	id, err := s.tagID(by, dc.PrivTagEdit, dc.ID(dc.RootFolder), req.Tag)
	if err != nil {
		return nil, err
	}
	o, err := s.Tags.Update(ctx, by, id, func(o *dc.Tag) {
		set(&o.Name, req.Name)
		set(&o.Description, req.Description)
	})
	if err != nil {
		return nil, err
	}
	return &hanokv1.UpdateTagResponse{Tag: s.tag(o)}, nil
}

func (s *service) DeleteTag(ctx context.Context, req *hanokv1.DeleteTagRequest) (*hanokv1.DeleteTagResponse, error) {
	by := caller(ctx)
	id, err := s.tagID(by, dc.PrivTagDelete, dc.ID(dc.RootFolder), req.Tag)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteTagResponse{}, s.Tags.Delete(ctx, by, id)
}

func (s *service) AttachTag(ctx context.Context, req *hanokv1.AttachTagRequest) (*hanokv1.AttachTagResponse, error) {
	return &hanokv1.AttachTagResponse{}, s.withTagged(ctx, req.Tag, req.Kind, req.Object, s.Tags.Attach)
}

func (s *service) DetachTag(ctx context.Context, req *hanokv1.DetachTagRequest) (*hanokv1.DetachTagResponse, error) {
	return &hanokv1.DetachTagResponse{}, s.withTagged(ctx, req.Tag, req.Kind, req.Object, s.Tags.Detach)
}

// withTagged does something about a tag of an object.
func (s *service) withTagged(ctx context.Context, tag, kind, ref string, do func(context.Context, dc.Caller, dc.TagID, dc.ID) error) error {
	by := caller(ctx)
	object, err := s.Inventory.Resolve(by, dc.Kind(kind), ref)
	if err != nil {
		return err
	}
	id, err := s.tagID(by, dc.PrivTagAttach, object, tag)
	if err != nil {
		return err
	}
	return do(ctx, by, id, object)
}

func (s *service) ListTaggedObjects(ctx context.Context, req *hanokv1.ListTaggedObjectsRequest) (*hanokv1.ListTaggedObjectsResponse, error) {
	by := caller(ctx)
	id, err := s.tagID(by, dc.PrivRead, dc.ID(dc.RootFolder), req.Tag)
	if err != nil {
		return nil, err
	}
	all, err := s.Tags.Objects(by, id)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListTaggedObjectsResponse{}
	for _, o := range all {
		out.Objects = append(out.Objects, &hanokv1.TaggedObject{Id: string(o.Identity()), Kind: string(o.Kind()), Name: o.Metadata().Name})
	}
	return out, nil
}

// tag returns a tag for the wire.
func (s *service) tag(o *dc.Tag) *hanokv1.Tag { return convert.Tag(o, s.categoryOf(o)) }

func (s *service) categoryOf(o *dc.Tag) string {
	if c := s.State.View().Object(o.Parent); c != nil {
		return c.Metadata().Name
	}
	return ""
}

// categoryID returns the category of the ID, vSphere identifier or name, for a caller who has the privilege on the root folder.
func (s *service) categoryID(by dc.Caller, p dc.Privilege, ref string) (dc.TagCategoryID, error) {
	if err := s.Access.Authorize(by, p, dc.ID(dc.RootFolder)); err != nil {
		return "", err
	}
	for o := range s.State.View().Objects(dc.KindTagCategory) {
		if c := o.(*dc.TagCategory); string(c.ID) == ref || c.URN() == ref || c.Name == ref {
			return c.ID, nil
		}
	}
	return "", dc.Errorf(dc.NotFound, "there is none of this name or ID").On(dc.Describe(dc.KindTagCategory, ref)).Fix(`look at "hanok tag category list"`)
}

// tagID returns the tag of the ID, vSphere identifier, CATEGORY/NAME or unique name, for a caller who has the privilege on the object.
func (s *service) tagID(by dc.Caller, p dc.Privilege, on dc.ID, ref string) (dc.TagID, error) {
	if err := s.Access.Authorize(by, p, on); err != nil {
		return "", err
	}
	var found []dc.TagID
	category, name, qualified := strings.Cut(ref, "/")
	for o := range s.State.View().Objects(dc.KindTag) {
		t := o.(*dc.Tag)
		switch {
		case string(t.ID) == ref || t.URN() == ref:
			return t.ID, nil
		case t.Name == ref || qualified && t.Name == name && s.categoryOf(t) == category:
			found = append(found, t.ID)
		}
	}
	object := dc.Describe(dc.KindTag, ref)
	switch len(found) {
	case 0:
		return "", dc.Errorf(dc.NotFound, "there is none of this name or ID").On(object).Fix(`look at "hanok tag list"`)
	case 1:
		return found[0], nil
	}
	return "", dc.Errorf(dc.Invalid, "several categories have a tag of this name").On(object).Fix("name it CATEGORY/NAME")
}

// tagIDs is tagID for a list of references, for a caller who may see all tags; no references need nothing.
func (s *service) tagIDs(by dc.Caller, refs []string) ([]dc.TagID, error) {
	var out []dc.TagID
	for _, ref := range refs {
		id, err := s.tagID(by, dc.PrivRead, dc.ID(dc.RootFolder), ref)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// withTags returns a function that keeps the machines that have all the tags.
func withTags(tags []dc.TagID) func([]*dc.VirtualMachine, error) ([]*dc.VirtualMachine, error) {
	return func(all []*dc.VirtualMachine, err error) ([]*dc.VirtualMachine, error) {
		if err != nil || len(tags) == 0 {
			return all, err
		}
		var out []*dc.VirtualMachine
		for _, vm := range all {
			if !slices.ContainsFunc(tags, func(id dc.TagID) bool { return !slices.Contains(vm.Tags, id) }) {
				out = append(out, vm)
			}
		}
		return out, nil
	}
}

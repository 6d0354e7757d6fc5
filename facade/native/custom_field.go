package native

import (
	"context"
	"strconv"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListCustomFields(ctx context.Context, _ *hanokv1.ListCustomFieldsRequest) (*hanokv1.ListCustomFieldsResponse, error) {
	all, err := s.Fields.List(caller(ctx))
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListCustomFieldsResponse{}
	for _, o := range all {
		out.CustomFields = append(out.CustomFields, convert.CustomField(o))
	}
	return out, nil
}

func (s *service) CreateCustomField(ctx context.Context, req *hanokv1.CreateCustomFieldRequest) (*hanokv1.CreateCustomFieldResponse, error) {
	o, err := s.Fields.Create(ctx, caller(ctx), req.Name, dc.Kind(req.Kind))
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateCustomFieldResponse{CustomField: convert.CustomField(o)}, nil
}

func (s *service) RenameCustomField(ctx context.Context, req *hanokv1.RenameCustomFieldRequest) (*hanokv1.RenameCustomFieldResponse, error) {
	by := caller(ctx)
	id, err := s.customFieldID(by, dc.PrivCustomFields, dc.ID(dc.RootFolder), req.CustomField)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RenameCustomFieldResponse{}, s.Fields.Rename(ctx, by, id, req.Name)
}

func (s *service) DeleteCustomField(ctx context.Context, req *hanokv1.DeleteCustomFieldRequest) (*hanokv1.DeleteCustomFieldResponse, error) {
	by := caller(ctx)
	id, err := s.customFieldID(by, dc.PrivCustomFields, dc.ID(dc.RootFolder), req.CustomField)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteCustomFieldResponse{}, s.Fields.Delete(ctx, by, id)
}

func (s *service) ListCustomValues(ctx context.Context, req *hanokv1.ListCustomValuesRequest) (*hanokv1.ListCustomValuesResponse, error) {
	by := caller(ctx)
	object, err := s.Inventory.Resolve(by, dc.Kind(req.Kind), req.Object)
	if err != nil {
		return nil, err
	}
	all, err := s.Fields.Values(by, object)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListCustomValuesResponse{}
	for _, v := range all {
		out.Values = append(out.Values, convert.CustomValue(v))
	}
	return out, nil
}

func (s *service) SetCustomValue(ctx context.Context, req *hanokv1.SetCustomValueRequest) (*hanokv1.SetCustomValueResponse, error) {
	by := caller(ctx)
	object, err := s.Inventory.Resolve(by, dc.Kind(req.Kind), req.Object)
	if err != nil {
		return nil, err
	}
	id, err := s.customFieldID(by, dc.PrivCustomValue, object, req.CustomField)
	if err != nil {
		return nil, err
	}
	return &hanokv1.SetCustomValueResponse{}, s.Fields.Set(ctx, by, id, object, req.Value)
}

// customFieldID returns the custom attribute of the ID, key or name, for a caller who has the privilege on the object. Of several
// with the name it is the one of the object's kind, and else the one of all kinds.
func (s *service) customFieldID(by dc.Caller, p dc.Privilege, on dc.ID, ref string) (dc.CustomFieldID, error) {
	if err := s.Access.Authorize(by, p, on); err != nil {
		return "", err
	}
	var found []*dc.CustomField
	for o := range s.State.View().Objects(dc.KindCustomField) {
		f := o.(*dc.CustomField)
		switch {
		case string(f.ID) == ref || strconv.Itoa(int(f.Key)) == ref:
			return f.ID, nil
		case f.Name == ref:
			found = append(found, f)
		}
	}
	object := dc.Describe(dc.KindCustomField, ref)
	if len(found) == 0 {
		return "", dc.Errorf(dc.NotFound, "there is none of this name or key").On(object).Fix(`look at "hanok attribute list"`)
	}
	if len(found) == 1 {
		return found[0].ID, nil
	}
	if on != dc.ID(dc.RootFolder) {
		for _, of := range []dc.Kind{on.Kind(), ""} {
			for _, f := range found {
				if f.Of == of {
					return f.ID, nil
				}
			}
		}
	}
	return "", dc.Errorf(dc.Invalid, "several kinds of objects have one of this name").On(object).Fix("name it by its key")
}

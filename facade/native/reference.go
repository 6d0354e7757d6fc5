package native

import (
	"cmp"
	"slices"

	"hanok/api/convert"
	"hanok/dc"
)

// resolve returns the ID that a reference names.
func resolve[T ~string](s *service, by dc.Caller, kind dc.Kind, ref string) (T, error) {
	id, err := s.Inventory.Resolve(by, kind, ref)
	return T(id), err
}

// resolveAny is resolve for a reference that may be empty: then the ID is empty too.
func resolveAny[T ~string](s *service, by dc.Caller, kind dc.Kind, ref string) (T, error) {
	if ref == "" {
		return "", nil
	}
	return resolve[T](s, by, kind, ref)
}

// datacenter is resolve for a data center where the empty reference is the only one.
func (s *service) datacenter(by dc.Caller, ref string) (dc.DatacenterID, error) {
	if ref != "" {
		return resolve[dc.DatacenterID](s, by, dc.KindDatacenter, ref)
	}
	all, err := s.Inventory.Datacenters(by)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", &dc.Error{Kind: dc.NotFound, Message: "there is no data center", Remedy: "create one first"}
	case len(all) > 1:
		return "", &dc.Error{Kind: dc.Invalid, Message: "there are several data centers", Remedy: "name one of them"}
	}
	return all[0].ID, nil
}

// names returns the names of the objects that the caller may see, as they are now, for one answer.
func (s *service) names(by dc.Caller) convert.Names {
	visible, err := s.Access.Visible(by)
	if err != nil {
		return func(dc.ID) string { return "" }
	}
	view, known := s.State.View(), map[dc.ID]string{}
	return func(id dc.ID) string {
		name, ok := known[id]
		if !ok {
			if o := view.Object(id); o != nil && visible(o) {
				name = o.Metadata().Name
			}
			known[id] = name
		}
		return name
	}
}

// each returns a function that takes what a service returned and converts it, by name.
func each[T dc.Object, M any](convert func(T) M) func([]T, error) ([]M, error) {
	return func(objects []T, err error) ([]M, error) {
		if err != nil {
			return nil, err
		}
		sorted := slices.SortedFunc(slices.Values(objects), func(a, b T) int {
			return cmp.Or(cmp.Compare(a.Metadata().Name, b.Metadata().Name), cmp.Compare(a.Identity(), b.Identity()))
		})
		out := make([]M, len(sorted))
		for i, o := range sorted {
			out[i] = convert(o)
		}
		return out, nil
	}
}

package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/manager/store"
)

// Path returns the inventory path of an object, "/Datacenter/vm/hello", as Resolve takes it: "/" for the root folder,
// the name alone for an image, and "" for what is not there or not named by users.
func Path(v *store.View, id dc.ID) string {
	if id == dc.ID(dc.RootFolder) {
		return "/"
	}
	o, ok := find(v, id)
	switch {
	case !ok:
		return ""
	case o.Metadata().Parent == "":
		return o.Metadata().Name
	}
	parent := Path(v, o.Metadata().Parent)
	return strings.TrimSuffix(parent, "/") + "/" + o.Metadata().Name
}

// within reports whether the object stands somewhere below ancestor.
func within(v *store.View, o dc.Object, ancestor dc.ID) bool {
	for ok := true; ok; o, ok = find(v, o.Metadata().Parent) {
		if o.Metadata().Parent == ancestor {
			return true
		}
	}
	return false
}

// Below reports whether the object with an ID stands somewhere below ancestor, which it does not do with itself.
func Below(v *store.View, id, ancestor dc.ID) bool {
	o, ok := find(v, id)
	return ok && within(v, o, ancestor)
}

// DatacenterOf returns the data center that the object with an ID is in, or "".
func DatacenterOf(v *store.View, id dc.ID) dc.DatacenterID {
	for o, ok := find(v, id); ok; o, ok = find(v, o.Metadata().Parent) {
		if o.Kind() == dc.KindDatacenter {
			return dc.DatacenterID(o.Identity())
		}
	}
	return ""
}

// describe returns the object of the ID as a user knows it.
func describe(v *store.View, id dc.ID) string {
	if o, ok := find(v, id); ok {
		return dc.Describe(id.Kind(), o.Metadata().Name)
	}
	return dc.Describe(id.Kind(), string(id))
}

// Path is the function of this name, on the newest view.
func (s *Service) Path(id dc.ID) string { return Path(s.store.View(), id) }

// Resolve returns the ID of the object that ref means: an ID of the kind, a name that only one object of the kind has, or
// an inventory path; the kind "" is any. What the caller may not see is not there for him. An ID comes before a name that looks like one. Errors: Unauthenticated, NotFound, and
// Invalid for a name that several have, which lists their paths, for an object of another kind, and for a kind that
// users do not name.
func (s *Service) Resolve(by dc.Caller, kind dc.Kind, ref string) (dc.ID, error) {
	object := dc.Describe(kind, ref)
	visible, err := s.access.Visible(by)
	if err != nil {
		return "", err
	}
	kinds := []dc.Kind{kind}
	if kind == "" {
		kinds, object = slices.Sorted(maps.Keys(named)), fmt.Sprintf("%q", ref)
	} else if _, ok := named[kind]; !ok {
		return "", dc.Errorf(dc.Invalid, "objects of the kind %q have no names in the inventory", kind)
	}
	v := s.store.View()
	if slices.Contains(kinds, dc.ID(ref).Kind()) {
		if o, ok := find(v, dc.ID(ref)); ok && visible(o) {
			return dc.ID(ref), nil
		}
	}
	if strings.HasPrefix(ref, "/") {
		return walk(v, visible, kind, ref)
	}
	var found []dc.ID
	for _, k := range kinds {
		for o := range named[k].all(v) {
			if o.Metadata().Name == ref && visible(o) {
				found = append(found, o.Identity())
			}
		}
	}
	switch len(found) {
	case 0:
		return "", &dc.Error{Kind: dc.NotFound, Object: object, Message: "there is none of this name or ID",
			Remedy: "give the name or ID of one that is listed, or an inventory path that begins with a slash"}
	case 1:
		return found[0], nil
	}
	return "", &dc.Error{Kind: dc.Invalid, Object: object, Message: "several have this name: " + paths(v, found),
		Remedy: "give the inventory path or the ID"}
}

// walk follows a path from the root folder down, through what is visible.
func walk(v *store.View, visible func(dc.Object) bool, kind dc.Kind, path string) (dc.ID, error) {
	id := dc.ID(dc.RootFolder)
	for rest := strings.Trim(path, "/"); rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		next, ok := store.Claimed(v, dc.NameClaim(id, name))
		if o, there := find(v, next); !ok || !there || !visible(o) {
			return "", &dc.Error{Kind: dc.NotFound, Object: dc.Describe(kind, path),
				Message: fmt.Sprintf("there is no %q in %s", name, Path(v, id)), Remedy: "give the path of one that is listed"}
		}
		id = next
	}
	if kind != "" && id.Kind() != kind {
		return "", dc.Errorf(dc.Invalid, "this is a %s", id.Kind().Noun()).On(dc.Describe(kind, path)).
			Fix("give the path of a %s", kind.Noun())
	}
	return id, nil
}

// maxPaths is how many paths an error lists.
const maxPaths = 5

func paths(v *store.View, ids []dc.ID) string {
	var out []string
	for _, id := range ids {
		out = append(out, Path(v, id))
	}
	slices.Sort(out)
	if more := len(out) - maxPaths; more > 0 {
		out = append(out[:maxPaths], fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, ", ")
}

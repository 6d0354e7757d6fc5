package property

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// InvalidSpecError says what of a filter's specification means nothing.
type InvalidSpecError struct {
	// Field is the part that is wrong: "specSet.objectSet.selectSet".
	Field, Message string
}

func (e *InvalidSpecError) Error() string { return e.Field + ": " + e.Message }

// NotFoundError says that an object which a specification names is not there for the client.
type NotFoundError struct{ Ref types.ManagedObjectReference }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no %s %q", e.Ref.Type, e.Ref.Value)
}

// Spec is a filter's specification, checked.
type Spec struct {
	props   []types.PropertySpec
	objects []objectSpec
	// missing leaves out objects that are not there, where the client asked for that.
	missing bool
}

type objectSpec struct {
	obj  types.ManagedObjectReference
	skip bool
	hops []*hop
}

// hop is one TraversalSpec, with those that follow it.
type hop struct {
	of, path string
	skip     bool
	next     []*hop
}

// NewSpec checks a specification. known returns the type of managed objects with a name, or nil. The errors are *InvalidSpecError and
// *InvalidPathError.
func NewSpec(s *types.PropertyFilterSpec, known func(name string) *Type) (*Spec, error) {
	out := &Spec{props: s.PropSet, missing: s.ReportMissingObjectsInResults != nil && *s.ReportMissingObjectsInResults}
	for _, p := range s.PropSet {
		t := known(p.Type)
		if t == nil {
			return nil, &InvalidSpecError{"specSet.propSet.type", fmt.Sprintf("%q is no type of managed objects", p.Type)}
		}
		for _, path := range p.PathSet {
			if _, err := t.Path(path); err != nil {
				return nil, err
			}
		}
	}
	for _, o := range s.ObjectSet {
		spec := objectSpec{obj: o.Obj, skip: o.Skip != nil && *o.Skip}
		named := map[string]*hop{}
		var fill []func() error
		var err error
		if spec.hops, err = hopsOf(o.SelectSet, named, &fill); err != nil {
			return nil, err
		}
		for _, f := range fill {
			if err := f(); err != nil {
				return nil, err
			}
		}
		out.objects = append(out.objects, spec)
	}
	return out, nil
}

// hopsOf makes hops of a selection. What refers to others by name is filled in when all names are known.
func hopsOf(selection []types.BaseSelectionSpec, named map[string]*hop, fill *[]func() error) ([]*hop, error) {
	out := make([]*hop, len(selection))
	for i, s := range selection {
		switch s := s.(type) {
		case *types.TraversalSpec:
			h := &hop{of: s.Type, path: s.Path, skip: s.Skip != nil && *s.Skip}
			if s.Name != "" {
				if named[s.Name] != nil {
					return nil, &InvalidSpecError{"specSet.objectSet.selectSet.name", fmt.Sprintf("two selections are called %q", s.Name)}
				}
				named[s.Name] = h
			}
			var err error
			if h.next, err = hopsOf(s.SelectSet, named, fill); err != nil {
				return nil, err
			}
			out[i] = h
		case *types.SelectionSpec:
			*fill = append(*fill, func() error {
				if out[i] = named[s.Name]; out[i] == nil {
					return &InvalidSpecError{"specSet.objectSet.selectSet.name", fmt.Sprintf("no selection is called %q", s.Name)}
				}
				return nil
			})
		default:
			return nil, &InvalidSpecError{"specSet.objectSet.selectSet", "a selection is neither of the two kinds"}
		}
	}
	return out, nil
}

// Select returns the values of the selected objects, each once, in the order in which they are met. The error is a *NotFoundError.
func (s *Spec) Select(p Picture) ([]string, error) {
	w := walk{picture: p, spec: s, seen: map[string]bool{}, done: map[visit]bool{}}
	for _, o := range s.objects {
		start := p.Object(o.obj.Value)
		if start == nil {
			if s.missing {
				continue
			}
			return nil, &NotFoundError{o.obj}
		}
		w.add(start, o.skip)
		w.follow(start, o.hops)
	}
	return w.out, nil
}

type visit struct {
	hop *hop
	at  string
}

type walk struct {
	picture Picture
	spec    *Spec
	out     []string
	seen    map[string]bool
	done    map[visit]bool
}

func (w *walk) add(o Object, skip bool) {
	value := o.Ref().Value
	if skip || w.seen[value] || !w.spec.wants(o.Type()) {
		return
	}
	w.seen[value] = true
	w.out = append(w.out, value)
}

func (w *walk) follow(from Object, hops []*hop) {
	for _, h := range hops {
		if !from.Type().Is(h.of) || w.done[visit{h, from.Ref().Value}] {
			continue
		}
		w.done[visit{h, from.Ref().Value}] = true
		path, err := from.Type().Path(h.path)
		if err != nil {
			continue // of a type that extends another one: it leads nowhere here
		}
		for _, ref := range refs(path.In(from.Value(path.Property))) {
			// Most objects that are met by the thousands are met once, and lead nowhere.
			if o := w.picture.Object(ref.Value); o != nil {
				w.add(o, h.skip)
				if len(h.next) > 0 {
					w.follow(o, h.next)
				}
			}
		}
	}
}

func refs(value any) []types.ManagedObjectReference {
	switch v := value.(type) {
	case []types.ManagedObjectReference:
		return v
	case types.ManagedObjectReference:
		return []types.ManagedObjectReference{v}
	}
	return nil
}

// wants reports whether any properties of objects of the type are asked for.
func (s *Spec) wants(t *Type) bool {
	for i := range s.props {
		if t.Is(s.props[i].Type) {
			return true
		}
	}
	return false
}

// paths returns the paths that are asked for of objects of the type, each once.
func (s *Spec) paths(t *Type) []*Path {
	var out []*Path
	seen := map[string]bool{}
	add := func(text string) {
		if p, err := t.Path(text); err == nil && !seen[text] {
			seen[text] = true
			out = append(out, p)
		}
	}
	for i := range s.props {
		p := &s.props[i]
		if !t.Is(p.Type) {
			continue
		}
		if p.All != nil && *p.All {
			for _, name := range t.Names {
				add(name)
			}
			continue
		}
		for _, path := range p.PathSet {
			add(path)
		}
	}
	return out
}

package property

import (
	"hanok/facade/vsphere/wire"
)

// Reader writes what clients of one version ask for.
type Reader struct {
	Cache   *Cache
	Version wire.Version
}

// Retrieval is what one RetrievePropertiesEx asked for: the selected objects that were not sent yet, of each of its specifications.
type Retrieval struct {
	specs  []*Spec
	values [][]string
}

// Retrieve selects what the specifications ask for. The error is a *NotFoundError.
func Retrieve(p Picture, specs []*Spec) (*Retrieval, error) {
	r := &Retrieval{specs: specs}
	for _, s := range specs {
		values, err := s.Select(p)
		if err != nil {
			return nil, err
		}
		r.values = append(r.values, values)
	}
	return r, nil
}

// Left returns how many objects were not sent yet.
func (r *Retrieval) Left() int {
	n := 0
	for _, v := range r.values {
		n += len(v)
	}
	return n
}

// Next writes the next n objects at most, each as an element "objects" (ObjectContent), by calls of out: an answer may be larger than what
// should stand in memory. An object that is gone since the selection is left out.
func (r *Retrieval) Next(p Picture, reader Reader, n int, name string, out func([]byte) error) error {
	var b []byte
	for i, spec := range r.specs {
		plan := plan{spec: spec}
		for ; len(r.values[i]) > 0 && n > 0; n-- {
			value := r.values[i][0]
			r.values[i] = r.values[i][1:]
			o := p.Object(value)
			if o == nil {
				continue
			}
			b = append(append(append(b[:0], '<'), name...), '>')
			b = wire.Append(b, reader.Version, "obj", o.Ref(), false)
			for _, path := range plan.of(o.Type()) {
				if xml, _ := reader.Cache.get(o, path, reader.Version); xml != nil {
					b = append(appendName(append(b, "<propSet>"...), path), xml...)
					b = append(b, "</propSet>"...)
				}
			}
			if err := out(append(append(append(b, "</"...), name...), '>')); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendName(b []byte, p *Path) []byte {
	return append(wire.AppendText(append(b, "<name>"...), p.Text), "</name>"...)
}

// plan finds the paths of a specification once for each type.
type plan struct {
	spec  *Spec
	types map[*Type][]*Path
}

func (l *plan) of(t *Type) []*Path {
	paths, ok := l.types[t]
	if !ok {
		if l.types == nil {
			l.types = map[*Type][]*Path{}
		}
		paths = l.spec.paths(t)
		l.types[t] = paths
	}
	return paths
}

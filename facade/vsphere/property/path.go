package property

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// Path is a property path: "runtime.powerState", "config.hardware.device[4000].backing", `config.extraConfig["a"].value`.
type Path struct {
	// Text is the path as the client wrote it, and Property its first part.
	Text, Property string
	steps          []step
}

// step is one part of a path: a field, or with a key an element of the list before.
type step struct {
	field string
	key   string
	keyed bool
}

// maxPathLength bounds a path, in bytes.
const maxPathLength = 512

// InvalidPathError says that a type has no such property.
type InvalidPathError struct{ Type, Path string }

func (e *InvalidPathError) Error() string {
	return fmt.Sprintf("%s has no property %q", e.Type, e.Path)
}

// Path returns the path that the text means for objects of the type; the error is an *InvalidPathError. What an object of a type that
// extends the declared one may have is not refused.
func (t *Type) Path(text string) (*Path, error) {
	if p, ok := t.paths.Load(text); ok {
		return p.(*Path), nil
	}
	p, err := t.compile(text)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(text, "[") { // the others are as many as keys
		t.paths.Store(text, p)
	}
	return p, nil
}

func (t *Type) compile(text string) (*Path, error) {
	invalid := &InvalidPathError{Type: t.Name, Path: text}
	if len(text) > maxPathLength {
		return nil, invalid
	}
	p := &Path{Text: text}
	static := t.of // the declared type, or nil behind an interface
	for rest := text; rest != ""; {
		var part string
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		part, rest = rest[:end], rest[end:]
		if part == "" {
			return nil, invalid
		}
		if static != nil {
			if static = fieldType(static, part); static == nil {
				return nil, invalid
			}
		}
		p.steps = append(p.steps, step{field: part})
		if strings.HasPrefix(rest, "[") {
			key, after, err := cutKey(rest[1:])
			if err != nil || static != nil && static.Kind() != reflect.Slice {
				return nil, invalid
			}
			p.steps, rest = append(p.steps, step{key: key, keyed: true}), after
			if static != nil {
				static = static.Elem()
			}
		}
		static = concrete(static)
		if rest != "" {
			if rest[0] != '.' || len(rest) == 1 || static != nil && static.Kind() != reflect.Struct {
				return nil, invalid
			}
			rest = rest[1:]
		}
	}
	if len(p.steps) == 0 {
		return nil, invalid
	}
	p.Property = p.steps[0].field
	return p, nil
}

// cutKey reads a key and the bracket behind it.
func cutKey(s string) (key, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", err
		}
		key, err = strconv.Unquote(quoted)
		if rest, ok := strings.CutPrefix(s[len(quoted):], "]"); ok && err == nil {
			return key, rest, nil
		}
		return "", "", fmt.Errorf("no key")
	}
	key, rest, ok := strings.Cut(s, "]")
	if !ok || key == "" {
		return "", "", fmt.Errorf("no key")
	}
	return key, rest, nil
}

// concrete returns what a field of the type has in it, or nil where only the value knows.
func concrete(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && t.Kind() == reflect.Interface {
		return nil
	}
	return t
}

// fieldType returns the type of a struct's field, by its name in the API, or nil.
func fieldType(t reflect.Type, name string) reflect.Type {
	if i, ok := fieldsOf(t)[name]; ok {
		return t.FieldByIndex(i).Type
	}
	return nil
}

// structs has the fields of each struct by their names in the API.
var structs sync.Map // of reflect.Type to map[string][]int

func fieldsOf(t reflect.Type) map[string][]int {
	if f, ok := structs.Load(t); ok {
		return f.(map[string][]int)
	}
	out := map[string][]int{}
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			tag, ok := f.Tag.Lookup("json") // what mo has for properties
			if x, has := f.Tag.Lookup("xml"); has {
				tag, ok = x, true
			}
			name, _, _ := strings.Cut(tag, ",")
			if f.IsExported() && !f.Anonymous && ok && name != "" && name != "-" && f.Name != "Self" {
				out[name] = f.Index
			}
		}
	}
	f, _ := structs.LoadOrStore(t, out)
	return f.(map[string][]int)
}

// In returns what the path leads to in the value of its property, or nil.
func (p *Path) In(value any) any {
	v := reflect.ValueOf(value)
	for _, s := range p.steps[1:] {
		v = inside(v)
		switch {
		case !v.IsValid():
			return nil
		case s.keyed && v.Kind() == reflect.Slice:
			v = element(v, s.key)
		case !s.keyed && v.Kind() == reflect.Struct:
			index, ok := fieldsOf(v.Type())[s.field]
			if !ok {
				return nil
			}
			v = v.FieldByIndex(index)
		default:
			return nil
		}
	}
	if v = inside(v); !v.IsValid() || (v.Kind() == reflect.Slice || v.Kind() == reflect.String) && v.Len() == 0 && len(p.steps) > 1 {
		return nil // a field without a value is unset
	}
	return v.Interface()
}

// inside returns what pointers and interfaces lead to, or the zero Value for nil.
func inside(v reflect.Value) reflect.Value {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	return v
}

// element returns the element of a list with the key: the field "key", the value of a reference, or the text itself.
func element(list reflect.Value, key string) reflect.Value {
	for i := range list.Len() {
		e := inside(list.Index(i))
		if !e.IsValid() {
			continue
		}
		if ref, ok := e.Interface().(types.ManagedObjectReference); ok {
			if ref.Value == key {
				return e
			}
			continue
		}
		k := e
		if e.Kind() == reflect.Struct {
			index, ok := fieldsOf(e.Type())["key"]
			if !ok {
				return reflect.Value{}
			}
			k = inside(e.FieldByIndex(index))
		}
		if k.IsValid() && fmt.Sprint(k.Interface()) == key {
			return e
		}
	}
	return reflect.Value{}
}

package wire

import (
	"bytes"
	"encoding"
	"encoding/xml"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// Append appends value to b as an element with the name, or one for each element of a slice, and returns b. What a client of
// version v does not know is left out, and so is a nil value. Typed adds xsi:type, for places where the schema allows any type. The value
// must be of govmomi's types and of what they are made of: anything else panics.
func Append(b []byte, v Version, name string, value any, typed bool) []byte {
	if value == nil {
		return b
	}
	val := reflect.ValueOf(value)
	return planOf(val.Type())(b, v, val, name, typed)
}

// AppendText appends s, escaped.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' {
			var out bytes.Buffer
			_ = xml.EscapeText(&out, []byte(s)) // a buffer takes everything
			return append(b, out.Bytes()...)
		}
	}
	return append(b, s...)
}

// encoder appends a value of one Go type.
type encoder func(b []byte, v Version, val reflect.Value, name string, typed bool) []byte

// plans has the encoder of every type that was ever asked for: a few hundred.
var plans sync.Map // of reflect.Type to encoder

func planOf(t reflect.Type) encoder {
	if p, ok := plans.Load(t); ok {
		return p.(encoder)
	}
	// Types refer to themselves, so their plans are looked up when they are used.
	p, _ := plans.LoadOrStore(t, encoder(newPlan(t)))
	return p.(encoder)
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	bytesType  = reflect.TypeFor[types.ByteSlice]()
	textType   = reflect.TypeFor[encoding.TextMarshaler]()
	stringType = reflect.TypeFor[string]()
)

func newPlan(t reflect.Type) encoder {
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		return func(b []byte, v Version, val reflect.Value, name string, typed bool) []byte {
			if val.IsNil() {
				return b
			}
			val = val.Elem()
			return planOf(val.Type())(b, v, val, name, typed)
		}
	case t == bytesType: // an element for each byte, as a vCenter does
		return func(b []byte, _ Version, val reflect.Value, name string, typed bool) []byte {
			for _, c := range val.Bytes() {
				b = closing(strconv.AppendInt(opening(b, name, "xsd:byte", typed), int64(int8(c)), 10), name)
			}
			return b
		}
	case t.Implements(textType):
		return leaf(textTypeName(t), func(b []byte, val reflect.Value) []byte {
			text, err := val.Interface().(encoding.TextMarshaler).MarshalText()
			if err != nil {
				panic(fmt.Sprintf("wire: %v: %v", t, err))
			}
			return AppendText(b, string(text))
		})
	}
	switch t.Kind() {
	case reflect.Struct:
		return structPlan(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return leaf("xsd:base64Binary", func(b []byte, val reflect.Value) []byte { return AppendText(b, string(val.Bytes())) })
		}
		return func(b []byte, v Version, val reflect.Value, name string, typed bool) []byte {
			for i := range val.Len() {
				e := val.Index(i)
				b = planOf(e.Type())(b, v, e, name, typed)
			}
			return b
		}
	case reflect.String:
		if t == stringType {
			return leaf("xsd:string", func(b []byte, val reflect.Value) []byte { return AppendText(b, val.String()) })
		}
		return enumPlan(t)
	case reflect.Bool:
		return leaf("xsd:boolean", func(b []byte, val reflect.Value) []byte { return strconv.AppendBool(b, val.Bool()) })
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		names := map[reflect.Kind]string{reflect.Int8: "xsd:byte", reflect.Int16: "xsd:short", reflect.Int32: "xsd:int"}
		return leaf(nameOr(names[t.Kind()], "xsd:long"), func(b []byte, val reflect.Value) []byte { return strconv.AppendInt(b, val.Int(), 10) })
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		names := map[reflect.Kind]string{reflect.Uint8: "xsd:unsignedByte", reflect.Uint16: "xsd:unsignedShort", reflect.Uint32: "xsd:unsignedInt"}
		return leaf(nameOr(names[t.Kind()], "xsd:unsignedLong"), func(b []byte, val reflect.Value) []byte { return strconv.AppendUint(b, val.Uint(), 10) })
	case reflect.Float32, reflect.Float64:
		name := "xsd:double"
		if t.Kind() == reflect.Float32 {
			name = "xsd:float"
		}
		return leaf(name, func(b []byte, val reflect.Value) []byte {
			return strconv.AppendFloat(b, val.Float(), 'g', -1, t.Bits())
		})
	}
	panic(fmt.Sprintf("wire: no value of the API is a %v", t))
}

// enumPlan returns the encoder of an enumeration. A value that is newer than the client is left out.
func enumPlan(t reflect.Type) encoder {
	write := leaf(t.Name(), func(b []byte, val reflect.Value) []byte { return AppendText(b, val.String()) })
	newer := map[string]Version{}
	for value, since := range valueSince {
		if enum, name, _ := strings.Cut(value, "."); enum == t.Name() {
			newer[name] = since
		}
	}
	for value := range after67 {
		if enum, name, _ := strings.Cut(value, "."); enum == t.Name() {
			newer[name] = version70
		}
	}
	if len(newer) == 0 {
		return write
	}
	return func(b []byte, v Version, val reflect.Value, name string, typed bool) []byte {
		if v.Before(newer[val.String()]) {
			return b
		}
		return write(b, v, val, name, typed)
	}
}

func nameOr(name, other string) string {
	if name == "" {
		return other
	}
	return name
}

func textTypeName(t reflect.Type) string {
	if t == timeType {
		return "xsd:dateTime"
	}
	return t.Name()
}

// leaf returns the encoder of values without elements in them.
func leaf(xsi string, text func(b []byte, val reflect.Value) []byte) encoder {
	return func(b []byte, _ Version, val reflect.Value, name string, typed bool) []byte {
		return closing(text(opening(b, name, xsi, typed), val), name)
	}
}

func opening(b []byte, name, xsi string, typed bool) []byte {
	b = append(append(b, '<'), name...)
	if typed {
		b = append(append(append(b, ` xsi:type="`...), xsi...), '"')
	}
	return append(b, '>')
}

func closing(b []byte, name string) []byte { return append(append(append(b, "</"...), name...), '>') }

// field is one field of a struct, as its tags describe it.
type field struct {
	name  string
	index []int
	// since is the first version that knows it.
	since     Version
	omitEmpty bool
	typed     bool
	attribute bool
	text      bool
}

// structPlan returns the encoder of a struct. One whose type is newer than the client is written as the type that it extends.
func structPlan(t reflect.Type) encoder {
	fields := fieldsOf(t, nil, Version{})
	base := reflect.Type(nil)
	if t.NumField() > 0 && t.Field(0).Anonymous && t.Field(0).Type.Kind() == reflect.Struct {
		base = t.Field(0).Type
	}
	since := typeSince[t.Name()]
	if after67[t.Name()] {
		since = version70
	}
	return func(b []byte, v Version, val reflect.Value, name string, typed bool) []byte {
		if v.Before(since) {
			if base == nil || base.Name() == "DynamicData" {
				return b
			}
			return planOf(base)(b, v, val.Field(0), name, typed)
		}
		b = append(append(b, '<'), name...)
		for i := range fields {
			f := &fields[i]
			if !f.attribute {
				continue
			}
			if e := val.FieldByIndex(f.index); !f.omitEmpty || !empty(e) {
				b = append(append(append(b, ' '), f.name...), `="`...)
				b = append(AppendText(b, e.String()), '"')
			}
		}
		if typed {
			b = append(append(append(b, ` xsi:type="`...), t.Name()...), '"')
		}
		b = append(b, '>')
		for i := range fields {
			f := &fields[i]
			if f.attribute || v.Before(f.since) {
				continue
			}
			e := val.FieldByIndex(f.index)
			switch {
			case f.text:
				b = AppendText(b, e.String())
			case f.omitEmpty && empty(e):
			default:
				b = planOf(e.Type())(b, v, e, f.name, f.typed)
			}
		}
		return closing(b, name)
	}
}

// fieldsOf returns the fields of a struct, with those of the structs that it embeds in their place.
func fieldsOf(t reflect.Type, at []int, since Version) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		index := append(append([]int(nil), at...), i)
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			out = append(out, fieldsOf(sf.Type, index, since)...)
			continue
		}
		name, flags, _ := strings.Cut(sf.Tag.Get("xml"), ",")
		if !sf.IsExported() || name == "-" || sf.Name == "XMLName" {
			continue
		}
		f := field{name: name, index: index, since: since}
		if f.name == "" {
			f.name = sf.Name
		}
		if tag := sf.Tag.Get("vim"); tag != "" {
			v, err := ParseVersion(tag)
			if err != nil {
				panic(fmt.Sprintf("wire: %v.%s: %v", t, sf.Name, err))
			}
			f.since = v
		} else if after67[t.Name()+"."+f.name] {
			f.since = version70
		}
		for flag := range strings.SplitSeq(flags, ",") {
			switch flag {
			case "omitempty":
				f.omitEmpty = true
			case "typeattr":
				f.typed = true
			case "attr":
				f.attribute = true
			case "chardata":
				f.text = true
			}
		}
		out = append(out, f)
	}
	return out
}

// empty is what encoding/xml takes for it.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

package main

import (
	"bytes"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The form of -o json. It differs from the standard JSON form of messages in three things that scripts trip over: every
// field is there, so that nothing vanishes when it becomes zero (null where a message or an optional value is unset, and
// [] for an empty list); 64-bit integers are numbers; and the fields are in the contract's order.

// printJSON prints compact JSON with line breaks for people.
func (a *app) printJSON(compact []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(a.stdout)
	return err
}

// printLine prints a message as one line of JSON, for streams.
func (a *app) printLine(m proto.Message) error {
	_, err := a.stdout.Write(append(appendMessage(nil, m.ProtoReflect()), '\n'))
	return err
}

// appendArray appends messages as an array.
func appendArray[T proto.Message](b []byte, messages []T) []byte {
	b = append(b, '[')
	for i, m := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMessage(b, m.ProtoReflect())
	}
	return append(b, ']')
}

// appendMessage appends a message as an object. A message of protobuf's own, such as a timestamp, has its standard form.
func appendMessage(b []byte, m protoreflect.Message) []byte {
	if m.Descriptor().ParentFile().Package() == "google.protobuf" {
		text, err := protojson.Marshal(m.Interface())
		if err != nil { // a time out of all bounds
			return append(b, "null"...)
		}
		return append(b, text...)
	}
	b = append(b, '{')
	fields, first := m.Descriptor().Fields(), true
	for i := range fields.Len() {
		f := fields.Get(i)
		if oneof := f.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() && !m.Has(f) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendText(b, f.JSONName()), ':')
		switch {
		case f.IsList():
			b = append(b, '[')
			for i, l := 0, m.Get(f).List(); i < l.Len(); i++ {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendValue(b, f, l.Get(i))
			}
			b = append(b, ']')
		case f.HasPresence() && !m.Has(f):
			b = append(b, "null"...)
		default:
			b = appendValue(b, f, m.Get(f))
		}
	}
	return append(b, '}')
}

func appendValue(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return appendMessage(b, v.Message())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return strconv.AppendInt(b, v.Int(), 10)
	}
	return appendText(b, v.String())
}

func appendText(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a form
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}

package native

import (
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hanok/dc"
)

// maxWords is how many words of a request are noted, and maxWord how long one is that may be a name.
const (
	maxWords = 4000
	maxWord  = 1024
)

// shown returns the failure of a call as its caller may know it: without the names of objects that he may not see, unless he has named
// them himself. What the rooms say is for whoever sees everything; this is the one place where all of it goes out.
func (s *service) shown(call *call, err error) *dc.Failure {
	f := dc.FailureOf(err)
	if call.by.Name == "" { // nobody, who is told nothing about objects
		return f
	}
	shown, err := s.Access.ShownFailure(call.by, f, call.words)
	if err != nil {
		return dc.FailureOf(err)
	}
	return shown
}

// note keeps the words of a request: each text in it, and the parts of those that are paths.
func (c *call) note(m proto.Message) {
	c.noteMessage(m.ProtoReflect())
}

func (c *call) noteMessage(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		each := func(v protoreflect.Value) {
			switch field.Kind() {
			case protoreflect.StringKind:
				c.noteWord(v.String())
			case protoreflect.MessageKind:
				c.noteMessage(v.Message())
			}
		}
		switch {
		case field.IsList():
			for i := range value.List().Len() {
				each(value.List().Get(i))
			}
		case !field.IsMap(): // no request has one
			each(value)
		}
		return true
	})
}

func (c *call) noteWord(word string) {
	parts := append(strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune("/[]", r) }), word)
	for _, part := range parts {
		if part = strings.TrimSpace(part); part != "" && len(part) <= maxWord && len(c.words) < maxWords {
			c.words = append(c.words, part)
		}
	}
}

// noting is a stream whose requests are noted.
type noting struct {
	connect.StreamingHandlerConn
	call *call
}

func (n noting) Receive(msg any) error {
	err := n.StreamingHandlerConn.Receive(msg)
	if m, ok := msg.(proto.Message); ok && err == nil {
		n.call.note(m)
	}
	return err
}

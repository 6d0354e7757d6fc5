package convert

import (
	"errors"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// codes is the one switch of this dialect: the protocol's code of every kind of error. The HTTP status follows from the
// code by the Connect protocol's own table, which differs from other dialects' in two places: WrongState is 400 and
// Exhausted is 429.
var codes = map[dc.ErrorKind]connect.Code{
	dc.Invalid:         connect.CodeInvalidArgument,
	dc.Unauthenticated: connect.CodeUnauthenticated,
	dc.Denied:          connect.CodePermissionDenied,
	dc.NotFound:        connect.CodeNotFound,
	dc.Exists:          connect.CodeAlreadyExists,
	dc.Conflict:        connect.CodeAborted,
	dc.WrongState:      connect.CodeFailedPrecondition,
	dc.Exhausted:       connect.CodeResourceExhausted,
	dc.Unsupported:     connect.CodeUnimplemented,
	dc.Unavailable:     connect.CodeUnavailable,
	dc.Canceled:        connect.CodeCanceled,
	dc.Internal:        connect.CodeInternal,
}

// Error returns err as an error of the protocol with a Failure as its detail, or nil for nil. It shows no more than
// dc.FailureOf: an internal error is opaque, so the caller logs it.
func Error(err error) *connect.Error {
	f := dc.FailureOf(err)
	if f == nil {
		return nil
	}
	code, ok := codes[f.Kind]
	if !ok {
		code = connect.CodeInternal
	}
	out := connect.NewError(code, f.Err())
	if detail, err := connect.NewErrorDetail(Failure(f)); err == nil { // it fails only on text that is not UTF-8
		out.AddDetail(detail)
	}
	return out
}

// FromError returns an error that a call of a client returned as a *dc.Error, or nil for nil. An error without a Failure
// comes from the connection or from something between client and server; its kind follows from the protocol's code.
func FromError(err error) error {
	if err == nil {
		return nil
	}
	var wire *connect.Error
	if !errors.As(err, &wire) {
		return &dc.Error{Kind: dc.KindOf(err), Message: err.Error(), Err: err}
	}
	for _, detail := range wire.Details() {
		if msg, err := detail.Value(); err == nil {
			if f, ok := msg.(*hanokv1.Failure); ok {
				return FromFailure(f).Err()
			}
		}
	}
	return &dc.Error{Kind: kindOf(wire.Code()), Message: wire.Message(), Err: err}
}

// kindOf returns the kind that has the code, where the server gave no kind itself.
func kindOf(code connect.Code) dc.ErrorKind {
	for _, kind := range dc.ErrorKinds() {
		if codes[kind] == code {
			return kind
		}
	}
	switch code {
	case connect.CodeDeadlineExceeded:
		return dc.Unavailable
	case connect.CodeOutOfRange:
		return dc.Invalid
	}
	return dc.Internal
}

// Failure returns f for the wire, or nil for nil.
func Failure(f *dc.Failure) *hanokv1.Failure {
	if f == nil {
		return nil
	}
	return &hanokv1.Failure{Kind: string(f.Kind), Object: f.Object, Message: f.Message, Remedy: f.Remedy}
}

// FromFailure returns the failure that f carries, or nil for nil. A kind that this program does not know becomes Internal.
func FromFailure(f *hanokv1.Failure) *dc.Failure {
	if f == nil {
		return nil
	}
	kind := dc.ErrorKind(f.Kind)
	if _, ok := codes[kind]; !ok {
		kind = dc.Internal
	}
	return &dc.Failure{Kind: kind, Object: f.Object, Message: f.Message, Remedy: f.Remedy}
}

// FailureJSON returns f as text, for answers that don't speak the Connect protocol.
func FailureJSON(f *dc.Failure) []byte {
	b, err := protojson.Marshal(Failure(f))
	if err != nil { // text that is not UTF-8
		return []byte(`{"kind":"Internal","message":"the failure can't be said"}`)
	}
	return b
}

// FromFailureJSON returns the error that FailureJSON has written; of other text, an error that has it in it.
func FromFailureJSON(b []byte) error {
	var f hanokv1.Failure
	if protojson.Unmarshal(b, &f) != nil || f.Kind == "" {
		return dc.Errorf(dc.Unavailable, "the server answered %q", b[:min(len(b), 200)])
	}
	return FromFailure(&f).Err()
}

package dc

import (
	"context"
	"errors"
	"fmt"
)

// ErrorKind says what sort of failure an error is. The list is closed and append-only: each dialect has one switch over
// it, with a test that walks ErrorKinds.
type ErrorKind string

// The kinds of errors. The comment says when each one is used.
const (
	Invalid         ErrorKind = "Invalid"         // the request itself is wrong, whatever the state
	Unauthenticated ErrorKind = "Unauthenticated" // no caller, or one who could not prove it
	Denied          ErrorKind = "Denied"          // the caller lacks the privilege
	NotFound        ErrorKind = "NotFound"        // the named object does not exist
	Exists          ErrorKind = "Exists"          // the name or key is taken
	Conflict        ErrorKind = "Conflict"        // somebody else changed it meanwhile
	WrongState      ErrorKind = "WrongState"      // right request, wrong moment
	Exhausted       ErrorKind = "Exhausted"       // out of space, memory, CPUs or addresses
	Unsupported     ErrorKind = "Unsupported"     // this data center cannot do that
	Unavailable     ErrorKind = "Unavailable"     // a part is away for now; a retry may succeed
	Canceled        ErrorKind = "Canceled"        // the caller asked to stop
	Internal        ErrorKind = "Internal"        // a defect or an unforeseen failure; opaque outside
)

// ErrorKinds returns every kind, in a fixed order.
func ErrorKinds() []ErrorKind {
	return []ErrorKind{Invalid, Unauthenticated, Denied, NotFound, Exists, Conflict, WrongState, Exhausted, Unsupported,
		Unavailable, Canceled, Internal}
}

// Error is the one error type that crosses rooms. A user reads Object, Message and Remedy; Op and Err are for the log.
type Error struct {
	// Op is the operation that failed, lower case: "vm create". May be empty.
	Op string
	// Kind decides how each dialect presents the failure.
	Kind ErrorKind
	// Object names what the failure is about, as a user knows it: `virtual machine "hello"`. May be empty.
	Object string
	// Message says what failed, without naming the object again.
	Message string
	// Remedy says what to do next, as a sentence in the imperative. May be empty where nothing can be done.
	Remedy string
	// Err is the cause, or nil. It is not shown outside for the kind Internal.
	Err error
}

// Errorf returns an error of the given kind with a formatted message; %w sets the cause.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// On returns a copy that names the object, where none was named before.
func (e *Error) On(object string) *Error {
	c := *e
	if c.Object == "" {
		c.Object = object
	}
	return &c
}

// Fix returns a copy with the remedy, where none was given before.
func (e *Error) Fix(format string, args ...any) *Error {
	c := *e
	if c.Remedy == "" {
		c.Remedy = fmt.Sprintf(format, args...)
	}
	return &c
}

// Error returns "op: object: message; remedy" with the empty parts left out.
func (e *Error) Error() string {
	s := e.Message
	if s == "" && e.Err != nil {
		s = e.Err.Error()
	}
	if e.Object != "" {
		s = e.Object + ": " + s
	}
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost *Error in err's chain. The end of a context is Canceled (its own
// cancellation) or Unavailable (its deadline); everything else is Internal, and nil is "".
func KindOf(err error) ErrorKind {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Internal
}

// Failure is an error as it is stored and shown: what failed, on what, what to do next. It never holds a cause that
// only the log may see.
type Failure struct {
	Kind    ErrorKind `json:"kind"`
	Object  string    `json:"object,omitempty"`
	Message string    `json:"message"`
	Remedy  string    `json:"remedy,omitempty"`
}

// FailureOf returns the public form of err, or nil for nil. The message of an error that nobody gave a kind is opaque:
// the caller logs it.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) && e.Kind != Internal {
		public := Error{Message: e.Message, Err: e.Err}
		return &Failure{Kind: e.Kind, Object: e.Object, Message: public.Error(), Remedy: e.Remedy}
	}
	switch kind := KindOf(err); kind {
	case Canceled:
		return &Failure{Kind: kind, Message: "canceled"}
	case Unavailable:
		return &Failure{Kind: kind, Message: "no answer in time", Remedy: "try again"}
	}
	f := &Failure{Kind: Internal, Message: "an internal error; the manager's log has the cause"}
	if e != nil {
		f.Object = e.Object
	}
	return f
}

// Err returns the failure as an error, or nil for a nil failure.
func (f *Failure) Err() error {
	if f == nil {
		return nil
	}
	return &Error{Kind: f.Kind, Object: f.Object, Message: f.Message, Remedy: f.Remedy}
}

package dc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorText(t *testing.T) {
	tests := []struct {
		err  Error
		want string
	}{
		{Error{Message: "it burns"}, "it burns"},
		{Error{Op: "vm create", Object: `host "a"`, Message: "it burns", Remedy: "call for help"},
			`vm create: host "a": it burns; call for help`},
		{Error{Object: `host "a"`, Err: io.EOF}, `host "a": EOF`},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestErrorfKeepsTheCause(t *testing.T) {
	err := Errorf(Unavailable, "read: %w", io.EOF)
	if !errors.Is(err, io.EOF) || err.Error() != "read: EOF" {
		t.Errorf("got %q with the cause %v", err, err.Err)
	}
}

func TestOnAndFixFillWhatIsEmpty(t *testing.T) {
	bare := Errorf(NotFound, "it is gone")
	if got := bare.On("a").Fix("look %d times", 2); got.Object != "a" || got.Remedy != "look 2 times" {
		t.Errorf("got %+v", got)
	}
	if got := bare.On("a").On("b").Fix("c").Fix("d"); got.Object != "a" || got.Remedy != "c" {
		t.Errorf("the second call replaced the first: %+v", got)
	}
	if bare.Object != "" || bare.Remedy != "" {
		t.Errorf("the original changed: %+v", bare)
	}
}

func TestKindOf(t *testing.T) {
	tests := []struct {
		err  error
		want ErrorKind
	}{
		{nil, ""},
		{io.EOF, Internal},
		{context.Canceled, Canceled},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), Unavailable},
		{Errorf(Denied, "no"), Denied},
		{fmt.Errorf("outer: %w", Errorf(Denied, "no")), Denied},
		{&Error{Kind: Invalid, Err: Errorf(Denied, "no")}, Invalid},
		{&Error{Kind: WrongState, Err: context.Canceled}, WrongState},
	}
	for _, tt := range tests {
		if got := KindOf(tt.err); got != tt.want {
			t.Errorf("KindOf(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestFailureOf(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want *Failure
	}{
		{"none", nil, nil},
		{"public", fmt.Errorf("create: %w", &Error{Op: "x", Kind: Exhausted, Object: "o", Message: "m", Remedy: "r", Err: io.EOF}),
			&Failure{Kind: Exhausted, Object: "o", Message: "m", Remedy: "r"}},
		{"public without a message", &Error{Kind: Unavailable, Err: io.EOF}, &Failure{Kind: Unavailable, Message: "EOF"}},
		{"canceled", context.Canceled, &Failure{Kind: Canceled, Message: "canceled"}},
		{"late", context.DeadlineExceeded, &Failure{Kind: Unavailable, Message: "no answer in time", Remedy: "try again"}},
		{"unforeseen", errors.New("secret"), &Failure{Kind: Internal, Message: "an internal error; the manager's log has the cause"}},
		{"internal", &Error{Kind: Internal, Object: "o", Message: "secret"},
			&Failure{Kind: Internal, Object: "o", Message: "an internal error; the manager's log has the cause"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := FailureOf(tt.err)
			if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestFailureErrAndBack(t *testing.T) {
	if err := (*Failure)(nil).Err(); err != nil {
		t.Errorf("no failure is the error %v", err)
	}
	for _, kind := range ErrorKinds() {
		if kind == Internal {
			continue // opaque
		}
		f := Failure{Kind: kind, Object: "o", Message: "m", Remedy: "r"}
		if got := FailureOf(f.Err()); *got != f {
			t.Errorf("got %+v, want %+v", got, f)
		}
	}
}

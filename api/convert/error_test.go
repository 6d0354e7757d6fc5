package convert_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"hanok/api/convert"
	"hanok/dc"
)

func TestErrorRoundTrip(t *testing.T) {
	codes := map[connect.Code]dc.ErrorKind{}
	for _, kind := range dc.ErrorKinds() {
		t.Run(string(kind), func(t *testing.T) {
			cause := errors.New("secret cause")
			err := &dc.Error{Op: "vm start", Kind: kind, Object: `virtual machine "hello"`, Message: "it broke",
				Remedy: "mend it", Err: cause}
			wire := convert.Error(fmt.Errorf("outer: %w", err))
			if other, ok := codes[wire.Code()]; ok {
				t.Errorf("code %v is that of %s too", wire.Code(), other)
			}
			codes[wire.Code()] = kind

			var got *dc.Error
			if !errors.As(convert.FromError(wire), &got) {
				t.Fatalf("FromError(%v) is no *dc.Error", wire)
			}
			want := &dc.Error{Kind: kind, Object: err.Object, Message: err.Message, Remedy: err.Remedy}
			if kind == dc.Internal {
				want.Message, want.Remedy = "an internal error; the manager's log has the cause", ""
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("round trip (-want +got):\n%s", d)
			}
			if text := wire.Error(); strings.Contains(text, "secret") || strings.Contains(text, "outer") {
				t.Errorf("%q shows the cause", text)
			}
		})
	}
}

func TestErrorOfOthers(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want dc.ErrorKind
	}{
		{context.Canceled, dc.Canceled},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), dc.Unavailable},
		{errors.New("disk on fire"), dc.Internal},
		{&dc.Error{Kind: "Unheard", Message: "of a later version"}, dc.Internal},
	} {
		if got := dc.KindOf(convert.FromError(convert.Error(tc.err))); got != tc.want {
			t.Errorf("%v arrives as %s, want %s", tc.err, got, tc.want)
		}
	}
	if convert.Error(nil) != nil || convert.FromError(nil) != nil {
		t.Error("nil is an error")
	}
}

func TestFromErrorWithoutFailure(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want dc.ErrorKind
	}{
		{connect.NewError(connect.CodeUnavailable, errors.New("connection refused")), dc.Unavailable},
		{connect.NewError(connect.CodeDeadlineExceeded, errors.New("too late")), dc.Unavailable},
		{connect.NewError(connect.CodeUnimplemented, errors.New("404")), dc.Unsupported},
		{connect.NewError(connect.CodeOutOfRange, errors.New("no")), dc.Invalid},
		{connect.NewError(connect.CodeDataLoss, errors.New("no")), dc.Internal},
		{context.Canceled, dc.Canceled},
	} {
		got := convert.FromError(tc.err)
		if dc.KindOf(got) != tc.want {
			t.Errorf("%v is %s, want %s", tc.err, dc.KindOf(got), tc.want)
		}
		if !errors.Is(got, tc.err) {
			t.Errorf("%v lost its cause", got)
		}
	}
}

// Package accesstest tries the services of the manager for the one promise that all of them make: every exported method
// that acts for a caller checks first who he is and what he may. The tests of those services call it.
package accesstest

import (
	"context"
	"reflect"
	"testing"

	"hanok/dc"
)

// Check calls every exported method of service that takes a dc.Caller, with zero values for all other arguments: once
// for nobody, which must fail with Unauthenticated, and once for a caller with the role ReadOnly, which must fail with
// Denied, or with NotFound, since the zero ID is that of no object. open names the methods that such a caller may call; those
// must not fail with Denied. A method that looks at its arguments before it looks at the caller tends to show here by another
// error, or a panic.
func Check(t *testing.T, service any, open ...string) {
	t.Helper()
	reader := dc.Caller{User: "user-reader", Name: "reader", Role: dc.RoleReadOnly}
	allowed := map[string]bool{}
	for _, name := range open {
		allowed[name] = true
	}
	value, checked := reflect.ValueOf(service), 0
	for i := range value.NumMethod() {
		name, method := value.Type().Method(i).Name, value.Method(i)
		if !takesCaller(method.Type()) {
			continue
		}
		checked++
		t.Run(name, func(t *testing.T) {
			if kind := call(t, method, dc.Caller{}); kind != dc.Unauthenticated {
				t.Errorf("a call by nobody: %q, want %q", kind, dc.Unauthenticated)
			}
			switch kind := call(t, method, reader); {
			case allowed[name] && (kind == dc.Denied || kind == dc.Unauthenticated):
				t.Errorf("a call by a reader: %q", kind)
			case !allowed[name] && kind != dc.Denied && kind != dc.NotFound:
				t.Errorf("a call by a reader: %q, want %q or %q", kind, dc.Denied, dc.NotFound)
			}
		})
		delete(allowed, name)
	}
	if checked == 0 {
		t.Errorf("%T has no method that takes a caller", service)
	}
	for name := range allowed {
		t.Errorf("%T has no method %s that takes a caller", service, name)
	}
}

func takesCaller(method reflect.Type) bool {
	for i := range method.NumIn() {
		if method.In(i) == reflect.TypeFor[dc.Caller]() {
			return true
		}
	}
	return false
}

// call returns the kind of the method's error, its last result.
func call(t *testing.T, method reflect.Value, by dc.Caller) dc.ErrorKind {
	t.Helper()
	var in []reflect.Value
	for i := range method.Type().NumIn() {
		switch arg := method.Type().In(i); {
		case arg == reflect.TypeFor[dc.Caller]():
			in = append(in, reflect.ValueOf(by))
		case arg == reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(t.Context()))
		default:
			in = append(in, reflect.Zero(arg))
		}
	}
	out := method.Call(in)
	if len(out) == 0 || !out[len(out)-1].Type().Implements(reflect.TypeFor[error]()) {
		t.Fatal("the last result is not an error")
	}
	err, _ := out[len(out)-1].Interface().(error)
	return dc.KindOf(err)
}

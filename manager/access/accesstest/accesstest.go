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
// must not fail with Denied. A method without an error tells what a caller may; it must tell nobody nothing. A method that looks at its arguments before it looks at the caller tends to show here by another
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
			if !fails(method.Type()) {
				for _, out := range call(t, method, dc.Caller{}) {
					if !out.IsZero() && !(out.Kind() == reflect.Slice && out.Len() == 0) {
						t.Errorf("a call by nobody returned %v", out)
					}
				}
				return
			}
			if kind := failure(t, method, dc.Caller{}); kind != dc.Unauthenticated {
				t.Errorf("a call by nobody: %q, want %q", kind, dc.Unauthenticated)
			}
			switch kind := failure(t, method, reader); {
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

// fails reports whether the method's last result is an error.
func fails(method reflect.Type) bool {
	n := method.NumOut()
	return n > 0 && method.Out(n-1).Implements(reflect.TypeFor[error]())
}

// failure returns the kind of the method's error, its last result.
func failure(t *testing.T, method reflect.Value, by dc.Caller) dc.ErrorKind {
	out := call(t, method, by)
	err, _ := out[len(out)-1].Interface().(error)
	return dc.KindOf(err)
}

// call returns what the method returned.
func call(t *testing.T, method reflect.Value, by dc.Caller) []reflect.Value {
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
	return method.Call(in)
}

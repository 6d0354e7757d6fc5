package main

import (
	"context"
	"fmt"

	"hanok/dc"
	"hanok/facade/native"
	"hanok/manager/check"
	"hanok/manager/doctor"
)

// nativeSystem is what the native facade asks about the installation.
type nativeSystem struct {
	doctor  *doctor.Service
	checker *check.Service
}

func (nativeSystem) Version() string { return version }

func (s nativeSystem) Doctor(ctx context.Context, by dc.Caller) ([]native.Check, error) {
	checks, err := s.doctor.Examine(ctx, by)
	out := make([]native.Check, len(checks))
	for i, c := range checks {
		out[i] = native.Check{Name: c.Name, Status: native.CheckStatus(c.Status), Message: c.Message, Remedy: c.Remedy}
	}
	return out, err
}

// DeepDoctor returns a check for each promise that is kept, and one for each object that breaks one.
func (s nativeSystem) DeepDoctor(ctx context.Context, by dc.Caller) ([]native.Check, error) {
	results, err := s.checker.Examine(ctx, by)
	var out []native.Check
	for _, r := range results {
		for _, f := range r.Findings {
			id := string(f.ID)
			if id == "" {
				id = f.Object
			}
			out = append(out, native.Check{Name: string(r.Promise) + ": " + f.Object, Status: native.CheckStatus(f.Severity),
				Message: f.Message, Remedy: f.Remedy, Promise: string(r.Promise), Object: id})
		}
		if len(r.Findings) == 0 {
			message := fmt.Sprintf("%s: %d examined", r.Says, r.Examined)
			if r.Note != "" {
				message += "; " + r.Note
			}
			out = append(out, native.Check{Name: string(r.Promise), Status: native.CheckOK, Message: message, Promise: string(r.Promise),
				Examined: r.Examined})
		}
	}
	return out, err
}

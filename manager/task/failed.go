package task

import (
	"errors"

	"hanok/dc"
)

// Failed returns a failure that is public already, because a host reported it, as a step's error: the task keeps it as it
// is. An error of kind Internal made in any other way is opaque.
func Failed(f dc.Failure) error { return &failed{error: f.Err(), failure: f} }

type failed struct {
	error
	failure dc.Failure
}

func (e *failed) Unwrap() error { return e.error }

// failureOf is dc.FailureOf for the errors of steps.
func failureOf(err error) *dc.Failure {
	var f *failed
	if errors.As(err, &f) {
		return &f.failure
	}
	return dc.FailureOf(err)
}

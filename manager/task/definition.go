package task

import (
	"context"
	"fmt"

	"hanok/dc"
)

// Definition says how tasks of one type are carried out.
type Definition struct {
	// Type is the tasks' type, by vSphere's description ID: "VirtualMachine.powerOn".
	Type string
	// Steps are done in order. A task keeps their names: one that was made for other steps, by another version of the
	// program, is not resumed but fails.
	Steps []Step
}

// Step is one part of a task.
type Step struct {
	// Name says what the step does, as a user reads it in the progress: "wait for its files".
	Name string
	// Needless reports that Do finds nothing to do for the task, so that the step is not named in the progress. It is nil where there
	// always is something.
	Needless func(t *dc.Task) bool
	// Do does it. It runs again whenever its end was not recorded: after a crash of the manager, or while the store
	// could not be reached. So it must be idempotent; what can't be belongs in Run.Finish. When ctx ends it returns soon.
	// A panic is a failure of kind Internal.
	Do func(ctx context.Context, r *Run) error
	// Undo takes back what Do did, or is nil where there is nothing to take back. It is called when Do ended, when it
	// failed halfway and when it never began, and again until it returns nil.
	Undo func(ctx context.Context, r *Run) error
	// Final marks a step behind the point of no return: it and all after it must be Final. From there on the task
	// can't be canceled, and a failing Do is repeated instead of undone.
	Final bool
}

// check panics where the definition is a defect of the program.
func (d Definition) check() {
	if d.Type == "" || len(d.Steps) == 0 {
		panic("task: a definition without a type or steps")
	}
	final := false
	for _, s := range d.Steps {
		if s.Name == "" || s.Do == nil {
			panic(fmt.Sprintf("task: %s has a step without a name or a Do", d.Type))
		}
		if final && !s.Final || s.Final && s.Undo != nil {
			panic(fmt.Sprintf("task: %s can't go back at step %q", d.Type, s.Name))
		}
		final = s.Final
	}
}

func (d Definition) stepNames() []string {
	names := make([]string, len(d.Steps))
	for i, s := range d.Steps {
		names[i] = s.Name
	}
	return names
}

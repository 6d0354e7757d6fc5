// Package task carries long operations on: each is a dc.Task in the store, a list of named steps with a cursor, so that
// whichever manager leads after a crash goes on where the last one stopped, forwards or backwards.
//
// A service commits a task together with the change that asks for it (Engine.Submit in its own transaction). The engine
// of the manager that holds the fence finds it by the store's changes and does its steps one by one. A step that fails,
// or a request to cancel, turns the task round: the engine undoes that step and all before it, and the task ends with
// the cause. The cursor moves in one transaction with the step's final writes (Run.Finish), and every transaction of the
// engine and its steps requires the fence: two managers never both carry a task on.
//
// What a step may count on and what it owes is said at Step; tasktest.Check tries every definition for it.
//
// Retries. A store that cannot be reached does not fail a task: the step is repeated, with growing pauses, until the
// store is back or the engine ends. A failing Undo and a failing Final step are repeated likewise, and the task's
// progress message says why. Every other error of a step's Do fails the task at once, Unavailable too: a step that
// wants something to come back uses Run.Wait, which costs nothing and can be canceled.
//
// The package also has Reconciler, the loop of everything else that the manager does by itself. It is not a scheduler
// for work outside the data center's objects, and it makes no decisions: package compute and its neighbours define the
// tasks.
package task

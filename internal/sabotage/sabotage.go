// Package sabotage breaks promises of doc/promises.md on purpose, one at a time, so that it can be seen that the tests notice. A
// program that is built with the tag sabotage breaks the one that the environment variable HANOK_SABOTAGE names. In every other
// program Is is a constant false, and the compiler leaves out what depends on it.
//
// The rooms that keep a promise ask Is at the place where it is kept. test/soak builds the program with the tag and expects each Name
// to be noticed.
package sabotage

// Name is one way to break a promise.
type Name string

// Each breaks one promise.
const (
	// LostWrite: the creation of a user is acknowledged and not stored.
	LostWrite Name = "lost-write"
	// UnsyncedStore: the store acknowledges what is not on its disk yet.
	UnsyncedStore Name = "unsynced-store"
	// ForgottenTask: a manager does not go on with the tasks that the one before it had begun.
	ForgottenTask Name = "forgotten-task"
	// RepeatedRequest: an agent that starts executes each machine's last power operation again.
	RepeatedRequest Name = "repeated-request"
	// SecondQEMU: an agent that starts does not see what runs, starts it again, and no lock keeps two processes from one disk.
	SecondQEMU Name = "second-qemu"
	// RestartedGuests: an agent that starts ends the guests that it finds, and starts them again.
	RestartedGuests Name = "restarted-guests"
	// StartedAnyway: a host starts machines that were switched off when it died.
	StartedAnyway Name = "started-anyway"
	// AbsentDeleted: an agent that starts deletes the machines that no manager has named yet.
	AbsentDeleted Name = "absent-deleted"
	// UnsafeCache: what a guest flushes is not flushed to the host's disk.
	UnsafeCache Name = "unsafe-cache"
)

// Names are all of them.
var Names = []Name{LostWrite, UnsyncedStore, ForgottenTask, RepeatedRequest, SecondQEMU, RestartedGuests, StartedAnyway, AbsentDeleted,
	UnsafeCache}

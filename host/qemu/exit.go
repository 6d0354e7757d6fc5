package qemu

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// logLines is how many lines of a machine's log its fault ends with.
const logLines = 10

// Why a process was to end, in ending.asked.
const (
	askedStop    = "stop"
	askedSuspend = "suspend"
)

// The reasons of QEMU's SHUTDOWN event, of which more exist.
const (
	reasonGuest  = "guest-shutdown"
	reasonPanic  = "guest-panic"
	reasonSignal = "host-signal"
	reasonQuit   = "host-qmp-quit"
)

// ending is what is known of a process that has ended.
type ending struct {
	// asked is what this driver wanted: askedStop, askedSuspend, or "".
	asked string
	// reason is that of QEMU's first SHUTDOWN event, "" if none was seen.
	reason string
	// status is how the process ended, nil for one that is not a child.
	status *os.ProcessState
}

// exit says how a machine stopped; log is the end of its log.
func (e ending) exit(log string) dc.MachineExit {
	switch {
	case e.asked != "":
		return dc.MachineExit{Clean: true}
	case e.reason == reasonGuest:
		return dc.MachineExit{Clean: true, Guest: true}
	}
	message := "its QEMU process " + e.how()
	if e.reason == reasonPanic {
		message = "its guest's operating system has crashed (kernel panic)"
	}
	return dc.MachineExit{Message: withLog(message, log)}
}

// how says how the process ended, as the end of a sentence.
func (e ending) how() string {
	switch e.reason {
	case "":
	case reasonSignal:
		return "was told to end by a signal from somebody on the host"
	case reasonQuit:
		return "was told to quit by somebody else through its monitor"
	default:
		return "has ended: " + e.reason
	}
	if e.status == nil {
		return "has ended, in a way that is not known"
	}
	wait, ok := e.status.Sys().(syscall.WaitStatus)
	if !ok || !wait.Signaled() {
		return fmt.Sprintf("has ended with the exit code %d", e.status.ExitCode())
	}
	text := fmt.Sprintf("was killed by signal %d (%s)", wait.Signal(), unix.SignalName(wait.Signal()))
	if wait.Signal() == syscall.SIGKILL {
		text += ": by somebody on the host, or because the host was out of memory"
	}
	return text
}

// withLog ends a message with the last lines of a log.
func withLog(message, log string) string {
	if log == "" {
		return message + "; its log is empty"
	}
	return message + "; its log ends with:\n" + log
}

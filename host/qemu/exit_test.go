package qemu

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

func TestExit(t *testing.T) {
	run := func(script string) ending {
		cmd := exec.Command("/bin/sh", "-c", script)
		_ = cmd.Run()
		return ending{status: cmd.ProcessState}
	}
	tests := []struct {
		name string
		end  ending
		want dc.MachineExit // Message: what it contains
	}{
		{"our stop", ending{asked: askedStop, reason: reasonQuit}, dc.MachineExit{Clean: true}},
		{"our kill", ending{asked: askedStop, status: run("kill -9 $$").status}, dc.MachineExit{Clean: true}},
		{"our suspend", ending{asked: askedSuspend, reason: reasonQuit}, dc.MachineExit{Clean: true}},
		{"guest power-off", ending{reason: reasonGuest}, dc.MachineExit{Clean: true, Guest: true}},
		{"guest panic", ending{reason: reasonPanic}, dc.MachineExit{Message: "kernel panic"}},
		{"SIGTERM", ending{reason: reasonSignal}, dc.MachineExit{Message: "told to end by a signal"}},
		{"somebody else's quit", ending{reason: reasonQuit}, dc.MachineExit{Message: "somebody else"}},
		{"host error", ending{reason: "host-error"}, dc.MachineExit{Message: "host-error"}},
		{"SIGKILL", run("kill -9 $$"), dc.MachineExit{Message: "killed by signal 9 (SIGKILL): by somebody on the host"}},
		{"SIGABRT", run("kill -6 $$"), dc.MachineExit{Message: "killed by signal 6 (SIGABRT)"}},
		{"exit 1", run("exit 1"), dc.MachineExit{Message: "exit code 1"}},
		{"not a child", ending{}, dc.MachineExit{Message: "not known"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := test.end.exit("the last line")
			if got.Clean != test.want.Clean || got.Guest != test.want.Guest || !strings.Contains(got.Message, test.want.Message) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if got.Clean != (got.Message == "") || !got.Clean && !strings.HasSuffix(got.Message, ":\nthe last line") {
				t.Errorf("the message is %q", got.Message)
			}
		})
	}
	if got := (ending{}).exit(""); !strings.HasSuffix(got.Message, "its log is empty") {
		t.Errorf("without a log: %q", got.Message)
	}
}

func TestEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(l *lab, port *terminal)
		want dc.MachineExit
	}{
		{"guest power-off", func(l *lab, port *terminal) { port.enter("o") }, dc.MachineExit{Clean: true, Guest: true}},
		{"guest panic", func(l *lab, port *terminal) { port.enter("p") }, dc.MachineExit{Message: "kernel panic"}},
		{"SIGTERM", func(l *lab, port *terminal) { unix.Kill(pid(l.m.ID), unix.SIGTERM) },
			dc.MachineExit{Message: "told to end by a signal"}},
		{"SIGKILL", func(l *lab, port *terminal) { unix.Kill(pid(l.m.ID), unix.SIGKILL) },
			dc.MachineExit{Message: "killed by signal 9"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, tinyMachine())
			l.start()
			port := l.serial()
			port.await("H")
			test.end(l, port)
			got := l.stopped()
			if got.Clean != test.want.Clean || got.Guest != test.want.Guest || !strings.Contains(got.Message, test.want.Message) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if !got.Clean && !strings.Contains(got.Message, "hanok: starting") {
				t.Errorf("the message has no log: %q", got.Message)
			}
		})
		// The same while no agent watches, as far as that can be known.
		t.Run(test.name+", unwatched", func(t *testing.T) {
			l := newLab(t, tinyMachine())
			l.start()
			port := l.serial()
			port.await("H")
			proc, err := adopt(pid(l.m.ID), l.d.live[l.m.ID].proc.start)
			if err != nil {
				t.Fatal(err)
			}
			conn := l.direct(serialSocket)
			test.end(l, conn)
			conn.port.(interface{ Close() error }).Close()
			if strings.HasPrefix(test.name, "SIG") {
				<-proc.dead
			}
			l.reopen()
			err = l.d.Recover(t.Context(), l.m, l.handle)
			if err != nil && dc.KindOf(err) != dc.NotFound {
				t.Fatal(err)
			}
			got := l.stopped()
			if got.Clean != test.want.Clean || got.Guest != test.want.Guest || !got.Clean && !strings.Contains(got.Message, "hanok: starting") {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

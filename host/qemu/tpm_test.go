package qemu

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// newTPMLab is a machine with a TPM.
func newTPMLab(t *testing.T) *lab {
	m := tinyMachine()
	m.TPM = true
	return newLab(t, m)
}

// tpm returns the process of the machine's TPM.
func (l *lab) tpm() *process {
	l.t.Helper()
	m, err := l.d.running(l.m.ID)
	if err != nil || m.tpm == nil {
		l.t.Fatalf("it has no TPM: %v", err)
	}
	return m.tpm
}

// A TPM lives as long as its machine has power, what it keeps lives on, and only its own user may read that.
func TestTPM(t *testing.T) {
	l := newTPMLab(t)
	state := filepath.Join(l.folder(), l.m.Folder, l.m.Folder+".tpm", "tpm2-00.permall")
	l.start()
	l.inLine() // also by the word of another agent
	groups, err := os.ReadFile("/proc/" + strconv.Itoa(l.tpm().pid) + "/cgroup")
	if own := pid(l.m.ID); err == nil {
		var qemu []byte
		if qemu, err = os.ReadFile("/proc/" + strconv.Itoa(own) + "/cgroup"); string(qemu) != string(groups) {
			t.Errorf("QEMU is in\n%sand its TPM in\n%s", qemu, groups)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var info unix.Stat_t
	if err := unix.Stat(state, &info); err != nil || info.Uid != tpmUserOf(l.m.ID) || info.Mode&0o077 != 0 {
		t.Errorf("what the TPM keeps is user %d's, mode %o: %v", info.Uid, info.Mode, err)
	}
	first := l.tpm()
	if err := l.d.Suspend(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	if _, err := startTime(first.pid); err == nil {
		t.Error("the TPM of a suspended machine still executes")
	}
	l.start()
	l.inLine()
	second := l.tpm()
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	if _, err := startTime(second.pid); err == nil {
		t.Error("the TPM of a stopped machine still executes")
	}
	// A folder that was copied is its own user's again.
	if err := os.Chown(state, 0, 0); err != nil {
		t.Fatal(err)
	}
	l.start()
	l.inLine()
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	if err := l.v.DeleteMachine(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(l.folder()); err != nil || len(left) > 0 {
		t.Errorf("left of the deleted machine: %v, %v", left, err)
	}
}

// A TPM that dies is said, by the agent that sees it and by a later one, and the machine runs on.
func TestTPMCrash(t *testing.T) {
	l := newTPMLab(t)
	l.start()
	l.tpm().kill()
	said := func(s dc.MachineState) bool {
		return strings.Contains(strings.Join(s.Differences, " "), "its TPM has ended")
	}
	l.until("word of the TPM", said)
	l.reopen()
	if err := l.d.Recover(t.Context(), l.m, l.handle); err != nil {
		t.Fatal(err)
	}
	if !said(l.is(dc.RunRunning)) {
		t.Error("another agent does not say that the TPM has ended")
	}
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	l.start()
	l.inLine()
}

// QEMU's death ends the TPM, whether an agent sees it or not.
func TestTPMEndsWithQEMU(t *testing.T) {
	l := newTPMLab(t)
	for _, seen := range []bool{true, false} {
		l.start()
		tpm := l.tpm()
		if !seen {
			if err := l.d.Close(); err != nil {
				t.Fatal(err)
			}
			l.d = nil
		}
		qemu, err := watch(pid(l.m.ID), func(*process) {})
		if err != nil {
			t.Fatal(err)
		}
		qemu.kill()
		<-qemu.dead
		if seen {
			l.stopped()
		} else {
			l.reopen()
			if err := l.d.Recover(t.Context(), l.m, l.handle); dc.KindOf(err) != dc.NotFound {
				t.Fatal(err)
			}
		}
		if _, err := startTime(tpm.pid); err == nil {
			t.Error("the TPM still executes")
		}
	}
}

// Without the program nothing is started, and the error says what to install.
func TestTPMWithoutProgram(t *testing.T) {
	l := newTPMLab(t)
	l.d.cfg.TPM = "/nowhere/swtpm"
	err := l.tryStart()
	if dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), "install the package swtpm") {
		t.Errorf("error %v", err)
	}
	found, err := l.d.Probe(context.Background())
	if err != nil || !strings.Contains(strings.Join(found.Warnings, " "), "Install the package swtpm") {
		t.Errorf("warnings %q, %v", found.Warnings, err)
	}
	// One that does not work ends the start, and leaves nothing.
	l.d.cfg.TPM = "/bin/false"
	if err := l.tryStart(); dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), "TPM") {
		t.Errorf("error %v", err)
	}
	if p := pid(l.m.ID); p != 0 {
		t.Errorf("QEMU executes as process %d", p)
	}
}

package qemu

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/host/volume"
	"hanok/internal/qmp"
)

// direct closes the driver and connects to one of the machine's sockets in its place.
func (l *lab) direct(socket string) *terminal {
	l.t.Helper()
	if err := l.d.Close(); err != nil {
		l.t.Fatal(err)
	}
	conn, err := net.Dial("unix", filepath.Join(l.run, string(l.m.ID), socket))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return &terminal{t: l.t, port: conn}
}

// command closes the driver and lets QEMU execute commands.
func (l *lab) command(do func(mon *qmp.Client)) {
	l.t.Helper()
	mon, err := qmp.New(l.t.Context(), l.direct(monitorSocket).port.(net.Conn))
	if err != nil {
		l.t.Fatal(err)
	}
	defer mon.Close()
	do(mon)
}

// startElsewhere starts the machine in another process of the agent, which dies when it has the handle, and returns that.
func (l *lab) startElsewhere() dc.Handle {
	l.t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+l.folder()+":"+l.run)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatal(err)
	}
	return dc.Handle(strings.TrimSpace(string(out)))
}

func TestStartCutShort(t *testing.T) {
	t.Run("handle kept", func(t *testing.T) {
		l := newLab(t, tinyMachine())
		h := l.startElsewhere()
		if pid(l.m.ID) == 0 {
			t.Fatal("nothing was started")
		}
		if err := l.d.Recover(t.Context(), l.m, h); dc.KindOf(err) != dc.NotFound {
			t.Fatalf("error %v, want NotFound", err)
		}
		if left := pid(l.m.ID); left != 0 {
			t.Errorf("process %d is left", left)
		}
		l.start()
		l.serial().await("H")
	})
	t.Run("handle lost", func(t *testing.T) {
		l := newLab(t, tinyMachine())
		l.startElsewhere()
		before := pid(l.m.ID)
		l.start()
		if after := pid(l.m.ID); before == 0 || after == before {
			t.Errorf("process %d, then %d", before, after)
		}
		l.serial().await("H")
	})
	t.Run("stopped", func(t *testing.T) {
		l := newLab(t, tinyMachine())
		l.startElsewhere()
		if err := l.d.Stop(t.Context(), l.m); err != nil {
			t.Fatal(err)
		}
		if left := pid(l.m.ID); left != 0 {
			t.Errorf("process %d is left", left)
		}
	})
}

func TestRunningWithoutRecord(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	l.serial().await("H")
	before := pid(l.m.ID)
	l.reopen()
	err := l.tryStart()
	if dc.KindOf(err) != dc.WrongState || !strings.Contains(err.Error(), "of which the agent has no record") {
		t.Fatalf("error %v, want WrongState", err)
	}
	if after := pid(l.m.ID); after != before {
		t.Fatalf("process %d was replaced by %d", before, after)
	}
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	if left := pid(l.m.ID); left != 0 {
		t.Errorf("process %d is left", left)
	}
}

func TestHandleOfAnotherBoot(t *testing.T) {
	l := newLab(t, tinyMachine())
	h, err := handle{Boot: "before", PID: 4711, Start: 1, UUID: l.m.UUID, Sockets: l.run + "/vm-tiny"}.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.d.Recover(t.Context(), l.m, h); dc.KindOf(err) != dc.NotFound {
		t.Fatalf("error %v, want NotFound", err)
	}
	if exit := l.stopped(); exit.Clean || !strings.Contains(exit.Message, "the host was restarted") {
		t.Errorf("it ended as %+v", exit)
	}
}

// A reply that is cut in half is an error that says so. The machine is not lost: neither before it was recovered, nor after.
func TestReplyCutInHalf(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	port := l.serial()
	port.await("H")
	port.enter("n")
	port.await("1")
	l.reopen()
	half := newHalver(t, filepath.Join(l.run, string(l.m.ID)))
	h, err := parseHandle(l.handle)
	if err != nil {
		t.Fatal(err)
	}
	h.Sockets = half.dir
	through, err := h.encode()
	if err != nil {
		t.Fatal(err)
	}

	half.cut("qmp_capabilities")
	err = l.d.Recover(t.Context(), l.m, through)
	if dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), "closed in the middle of a reply") {
		t.Fatalf("error %v, want Unavailable", err)
	}
	if err := l.d.Recover(t.Context(), l.m, through); err != nil {
		t.Fatal(err)
	}
	half.cut("cont")
	err = l.d.Continue(t.Context(), l.m.ID)
	if dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), "closed in the middle of a reply") {
		t.Fatalf("error %v, want Unavailable", err)
	}
	t.Log(err)
	l.is(dc.RunRunning)
	m := l.d.live[l.m.ID]
	if err := m.await(t.Context(), func() bool { return m.mon != nil && m.mon.Err() == nil }); err != nil {
		t.Fatal(err)
	}
	if err := l.d.Continue(t.Context(), l.m.ID); err != nil {
		t.Error(err)
	}
	port = l.serial()
	port.enter("n")
	port.await("2")
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(l.run, string(l.m.ID))); err != nil {
		t.Error(err)
	}
}

// halver stands between the driver and the machine's sockets.
type halver struct {
	t    *testing.T
	dir  string
	cuts chan string
}

func newHalver(t *testing.T, real string) *halver {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "h")
	if err != nil {
		t.Fatal(err)
	}
	h := &halver{t: t, dir: dir, cuts: make(chan string, 1)}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, socket := range []string{serialSocket, agentSocket} {
		if err := os.Symlink(filepath.Join(real, socket), filepath.Join(dir, socket)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", filepath.Join(dir, monitorSocket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			ours, err := l.Accept()
			if err != nil {
				return
			}
			theirs, err := net.Dial("unix", filepath.Join(real, monitorSocket))
			if err != nil {
				ours.Close()
				return
			}
			go h.relay(ours, theirs)
		}
	}()
	return h
}

// cut lets the next reply to the command be cut in half, with the connection.
func (h *halver) cut(command string) { h.cuts <- command }

func (h *halver) relay(ours, theirs net.Conn) {
	defer ours.Close()
	defer theirs.Close()
	var cut *json.Number
	go func() {
		lines := json.NewDecoder(ours)
		for {
			var line json.RawMessage
			if lines.Decode(&line) != nil {
				theirs.Close()
				return
			}
			var c struct {
				Execute string
				ID      *json.Number
			}
			if err := json.Unmarshal(line, &c); err != nil {
				h.t.Error(err)
			}
			select {
			case command := <-h.cuts:
				if command == c.Execute {
					cut = c.ID // seen by the other direction after QEMU's answer
				} else {
					h.cuts <- command
				}
			default:
			}
			if _, err := theirs.Write(append(line, '\n')); err != nil {
				return
			}
		}
	}()
	lines := json.NewDecoder(theirs)
	for {
		var line json.RawMessage
		if lines.Decode(&line) != nil {
			return
		}
		var r struct{ ID *json.Number }
		if err := json.Unmarshal(line, &r); err != nil {
			h.t.Error(err)
		}
		if r.ID != nil && cut != nil && *r.ID == *cut {
			ours.Write(line[:len(line)/2])
			return
		}
		if _, err := ours.Write(append(line, '\n')); err != nil {
			return
		}
	}
}

// Whatever moment of a suspension an agent dies at, the machine runs on or is suspended, and never both.
func TestSuspendCutShort(t *testing.T) {
	tests := []struct {
		name string
		// stop brings QEMU to the moment.
		stop      func(l *lab, mon *qmp.Client, files *volume.Files)
		suspended bool
	}{
		{"halted", func(l *lab, mon *qmp.Client, files *volume.Files) {
			l.execute(mon, "stop")
		}, false},
		{"memory half written", func(l *lab, mon *qmp.Client, files *volume.Files) {
			l.execute(mon, "stop")
			image, err := files.CreateSuspended()
			if err != nil {
				l.t.Fatal(err)
			}
			image.File.Close()
		}, false},
		{"memory written", func(l *lab, mon *qmp.Client, files *volume.Files) {
			l.write(mon, files).File.Close()
		}, false},
		{"memory has its name", func(l *lab, mon *qmp.Client, files *volume.Files) {
			if err := l.write(mon, files).Commit(); err != nil {
				l.t.Fatal(err)
			}
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t, tinyMachine())
			l.start()
			port := l.serial()
			port.await("H")
			port.enter("nn")
			port.await("12")
			files, err := l.v.Files(t.Context(), l.m)
			if err != nil {
				t.Fatal(err)
			}
			l.command(func(mon *qmp.Client) { test.stop(l, mon, files) })
			files.Close()
			l.reopen()
			err = l.d.Recover(t.Context(), l.m, l.handle)
			if test.suspended {
				if dc.KindOf(err) != dc.NotFound {
					t.Fatalf("error %v, want NotFound", err)
				}
				if left := pid(l.m.ID); left != 0 {
					t.Fatalf("process %d is left of a suspended machine", left)
				}
				l.is(dc.RunSuspended)
				l.start()
			} else if err != nil {
				t.Fatal(err)
			}
			l.is(dc.RunRunning)
			port = l.serial()
			port.enter("n")
			port.await("3") // it remembers
			if suspended, err := l.d.suspended(t.Context(), l.m); err != nil || suspended {
				t.Errorf("it runs, and its memory is on the datastore: %v, %v", suspended, err)
			}
			if left, _ := filepath.Glob(filepath.Join(l.folder(), l.m.Folder, "*.vmss*")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func (l *lab) execute(mon *qmp.Client, command string) {
	l.t.Helper()
	if err := mon.Execute(l.t.Context(), command, nil, nil); err != nil {
		l.t.Fatal(err)
	}
}

// write writes the memory as Suspend does.
func (l *lab) write(mon *qmp.Client, files *volume.Files) *volume.SuspendImage {
	l.t.Helper()
	image, err := files.CreateSuspended()
	if err != nil {
		l.t.Fatal(err)
	}
	m := &machine{d: l.d, spec: l.m, mon: mon}
	if err := m.writeMemory(l.t.Context(), image); err != nil {
		l.t.Fatal(err)
	}
	return image
}

// An agent that has lost its records finds the process again, and one that can't be talked to is named.
func TestFindWithoutRecord(t *testing.T) {
	l := newLab(t, tinyMachine())
	if _, err := l.d.Find(t.Context(), l.m); dc.KindOf(err) != dc.NotFound {
		t.Fatalf("error %v, want NotFound", err)
	}
	l.start()
	l.serial().await("H")
	before := pid(l.m.ID)
	l.reopen()
	h, err := l.d.Find(t.Context(), l.m)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.d.Recover(t.Context(), l.m, h); err != nil {
		t.Fatal(err)
	}
	if state, err := l.d.State(t.Context(), l.m); err != nil || state.Run != dc.RunRunning {
		t.Fatalf("found, and %+v, %v", state, err)
	}

	// Its sockets are gone, with the folder of another installation.
	l.reopen()
	if err := os.Rename(l.d.sockets(l.m.ID), l.d.sockets(l.m.ID)+".gone"); err != nil {
		t.Fatal(err)
	}
	_, err = l.d.Find(t.Context(), l.m)
	if dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), fmt.Sprintf("process %d", before)) {
		t.Errorf("error %v, want Unavailable with the process %d", err, before)
	}
	if err := os.Rename(l.d.sockets(l.m.ID)+".gone", l.d.sockets(l.m.ID)); err != nil {
		t.Fatal(err)
	}
	if after := pid(l.m.ID); after != before {
		t.Errorf("process %d has become %d", before, after)
	}
}

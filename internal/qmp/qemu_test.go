package qmp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hanok/internal/qmp"
	"hanok/internal/testhost"
)

// The real thing, from greeting to quit: concurrent commands, a refusal, events, files handed over all at once.
func TestQEMU(t *testing.T) {
	testhost.Require(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "qmp")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	// QEMU finds the listening socket open, so the client can connect before QEMU is ready.
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", "-machine", "none", "-S", "-display", "none", "-nodefaults",
		"-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control")
	qemu.ExtraFiles = []*os.File{socket}
	qemu.Stderr = t.Output()
	if err := qemu.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- qemu.Wait() }()
	c, err := qmp.Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	events, cancelEvents := c.Subscribe()
	defer cancelEvents()
	if c.Version().Major < 7 {
		t.Errorf("version %+v", c.Version())
	}

	var refusal *qmp.Error
	if err := c.Execute(ctx, "no-such-command", nil, nil); !errors.As(err, &refusal) || refusal.Class != "CommandNotFound" {
		t.Errorf("error %v, want class CommandNotFound", err)
	}
	var schema []struct{ Name string }
	if err := c.Execute(ctx, "query-qmp-schema", nil, &schema); err != nil || len(schema) < 500 {
		t.Errorf("a schema of %d entries, %v", len(schema), err)
	}

	// Each command must come with the file that was sent beside it, also when many are under way.
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			name := filepath.Join(dir, fmt.Sprint("file", i))
			file, err := os.Create(name)
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			var added struct{ FD int }
			if err := c.ExecuteFD(ctx, "add-fd", map[string]int{"fdset-id": i}, &added, file); err != nil {
				t.Error(err)
				return
			}
			if got, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", qemu.Process.Pid, added.FD)); err != nil || got != name {
				t.Errorf("QEMU has %s, %v for %s", got, err, name)
			}
		})
	}
	wg.Wait()

	if err := c.Execute(ctx, "quit", nil, nil); err != nil {
		t.Fatal(err)
	}
	var last qmp.Event
	for e := range events {
		last = e
	}
	if last.Name != "SHUTDOWN" {
		t.Errorf("the last event is %+v, want SHUTDOWN", last)
	}
	if !errors.Is(c.Err(), io.EOF) {
		t.Errorf("Err() = %v, want io.EOF", c.Err())
	}
	if err := <-exited; err != nil {
		t.Errorf("QEMU's exit: %v", err)
	}
}

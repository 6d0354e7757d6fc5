package qemu

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/host/volume"
)

// roleVariable tells the test program to be another process of the agent, which dies in the middle of a start: when it is
// to keep the handle, which it prints. Its value is the datastore's folder, a colon, and the folder for sockets.
const roleVariable = "HANOK_QEMU_TEST_START"

// scratch are folders that live as long as the test program.
var scratch []string

func TestMain(m *testing.M) {
	if folders := os.Getenv(roleVariable); folders != "" {
		path, run, _ := strings.Cut(folders, ":")
		fmt.Fprintln(os.Stderr, startAndDie(path, run))
		os.Exit(1)
	}
	code := m.Run()
	for _, dir := range scratch {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// startAndDie starts the tiny machine and does not return unless that fails.
func startAndDie(path, run string) error {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	v := volume.NewLocal(log)
	if err := v.Mount(ctx, testStore, path); err != nil {
		return err
	}
	d, err := New(Config{Volume: v, RunDir: run, Accelerator: dc.TCG, Log: log})
	if err != nil {
		return err
	}
	return d.Start(ctx, tinyMachine(), nil, func(h dc.Handle) error {
		fmt.Println(string(h))
		os.Exit(0)
		return nil
	})
}

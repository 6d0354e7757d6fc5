package agent_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"hanok/agent"
	"hanok/dc"
	"hanok/host/sim"
)

func TestDecommissionStopsWhatRuns(t *testing.T) {
	ctx := t.Context()
	world := sim.NewWorld(sim.Options{})
	host := world.Open()
	m := dc.Machine{ID: "vm-one", Name: "one", Datastore: "datastore-a", Folder: "one",
		Hardware: dc.Hardware{CPUs: 1, MemoryMB: 64, Firmware: dc.BIOS}}
	if err := host.Mount(ctx, m.Datastore, "/ds"); err != nil {
		t.Fatal(err)
	}
	if err := host.CreateMachine(ctx, m, nil, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keep := func(h dc.Handle) error { return writeRecord(t, dir, m, h) }
	if err := os.MkdirAll(filepath.Join(dir, "datastores"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "datastores", "datastore-a.json"), `{"id":"datastore-a","revision":1,"path":"/ds"}`)
	if err := host.Start(ctx, m, nil, keep); err != nil {
		t.Fatal(err)
	}
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}

	after := world.Open()
	defer after.Close()
	if err := agent.Decommission(ctx, dir, after, after); err != nil {
		t.Fatal(err)
	}
	if world.Running()[m.ID] {
		t.Error("the machine runs on")
	}
	if err := agent.Decommission(ctx, dir, after, after); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := agent.Decommission(ctx, filepath.Join(dir, "absent"), after, after); err != nil {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

// writeRecord writes the record of a machine that has power, as an agent would have left it.
func writeRecord(t *testing.T, dir string, m dc.Machine, h dc.Handle) error {
	t.Helper()
	record, err := json.Marshal(map[string]any{"assignment": dc.Assignment{Revision: 1, Machine: m}, "files": dc.FilesReady, "handle": h})
	if err != nil {
		return err
	}
	write(t, filepath.Join(dir, "machines", string(m.ID)+".json"), string(record))
	return nil
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"hanok/dc"
)

// TestRecordKept: what was saved is loaded, and what a crash left half written is not.
func TestRecordKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "host")
	d, err := openDisk(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := record{
		Assignment: dc.Assignment{Revision: 7, Machine: labMachine("vm-1"), Deleted: true,
			Power: dc.PowerRequest{Generation: 3, Op: dc.ShutdownGuest, Timeout: time.Minute}},
		Files: dc.FilesReady, Handle: dc.Handle("\x00handle"), BootID: "boot", Booted: time.Unix(1, 2).UTC(), Starting: true, Power: dc.Suspended,
		Begun: 3, Outcome: dc.PowerOutcome{Generation: 2, Failure: &dc.Failure{Kind: dc.WrongState, Message: "off"}},
		Fault: &dc.Failure{Kind: dc.Unavailable, Message: "crashed"},
	}
	for _, rec := range []record{{Assignment: dc.Assignment{Machine: dc.Machine{ID: "vm-1"}}}, want} {
		if err := d.save(machineFile("vm-1"), rec); err != nil {
			t.Fatal(err)
		}
	}
	half := filepath.Join(dir, machineFile("vm-2")+".tmp")
	if err := os.WriteFile(half, []byte(`{"assignment":{"rev`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := load[record](d, machineFolder)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("kept %+v, %v; want %+v", got, err, want)
	}
	for path, perm := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, machineFolder): 0o700, filepath.Join(dir, machineFile("vm-1")): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != perm {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if err := d.forget(machineFile("vm-1")); err != nil {
		t.Error(err)
	}
	if got, err := load[record](d, machineFolder); err != nil || len(got) != 0 {
		t.Errorf("forgotten, and loaded %+v, %v", got, err)
	}
}

// TestRecordDamaged: an agent does not start on a file that it does not understand. It says which one and what to do, and
// touches neither the files nor what runs.
func TestRecordDamaged(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	p := h.start()
	m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	m.untilDone("vm-1", dc.PoweredOn)
	p.kill()

	machine, datastore := machineFile("vm-1"), datastoreFile(labDatastore)
	content := files(t, h.dir)
	whole := content[machine]
	edited := func(edit func(record map[string]any)) string {
		fields := map[string]any{}
		if err := json.Unmarshal([]byte(whole), &fields); err != nil {
			t.Fatal(err)
		}
		edit(fields)
		out, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, test := range []struct {
		name, file, content string
		kind                dc.ErrorKind
		remedy              string
	}{
		{"damaged", machine, strings.Replace(whole, ":", ";", 1), dc.Unavailable, "backup"},
		{"cut off", machine, whole[:len(whole)/2], dc.Unavailable, "backup"},
		{"empty", machine, "", dc.Unavailable, "backup"},
		{"zeros", machine, string(make([]byte, len(whole))), dc.Unavailable, "backup"},
		{"two in one", machine, whole + whole, dc.Unavailable, "backup"},
		{"of another type", machine, `[1, 2]`, dc.Unavailable, "backup"},
		{"a field of another type", machine, edited(func(r map[string]any) { r["begun"] = "three" }), dc.Unavailable, "backup"},
		{"of nothing", machine, `{}`, dc.Unavailable, "backup"},
		{"a second copy", machineFile("vm-1 copy"), whole, dc.Unavailable, "backup"},
		{"a foreign file", machineFile("notes"), `{"name": "a letter"}`, dc.Unsupported, "install"},
		{"of a newer program", machine, edited(func(r map[string]any) { r["leases"] = 1 }), dc.Unsupported, "install that version"},
		{"of a newer program, deep inside", machine, edited(func(r map[string]any) {
			r["assignment"].(map[string]any)["machine"].(map[string]any)["vtpm"] = true
		}), dc.Unsupported, "install that version"},
		{"a datastore's, cut off", datastore, content[datastore][:9], dc.Unavailable, "move the file away"},
		{"another datastore's", datastoreFile("datastore-2"), content[datastore], dc.Unavailable, "move the file away"},
		{"a datastore's of a newer program", datastore, `{"id":"datastore-1","kind":"vsan"}`, dc.Unsupported, "install that version"},
		{"an identity, cut off", identityFile, content[identityFile][:20], dc.Unavailable, "join as another host"},
		{"an identity without its key", identityFile, `{"host":"host-1"}`, dc.Unavailable, "join as another host"},
		{"an identity of a newer program", identityFile, `{"host":"host-1","sealed":true}`, dc.Unsupported, "install that version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			restore(t, h.dir, content)
			if err := os.WriteFile(filepath.Join(h.dir, test.file), []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			before := files(t, h.dir)
			p := h.start()
			wantError(t, p.end(), test.kind, filepath.Join(h.dir, test.file), test.remedy)
			if test.file != identityFile { // a host that is taken apart needs none
				wantError(t, Decommission(t.Context(), h.dir, p.drivers, p.drivers), test.kind, filepath.Join(h.dir, test.file), test.remedy)
			}
			if after := files(t, h.dir); !maps.Equal(after, before) {
				t.Errorf("the files were changed to %q", after)
			}
			if !h.world.Running()["vm-1"] || len(h.world.Folders(labPath)) != 1 {
				t.Error("the machine was touched")
			}
			p.die()
		})
	}

	// Mended, all is as it was.
	restore(t, h.dir, content)
	p = h.start()
	defer p.kill()
	m.askPower("vm-1", dc.Reset)
	m.untilDone("vm-1", dc.PoweredOn)
	if n := h.world.Count("vm-1", "start"); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

// TestFolderUnusable: where there can be no records there is no agent.
func TestFolderUnusable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "host")} {
		_, err := New(Config{Dir: dir, Facts: dc.HostStatus{BootID: "boot"}})
		wantError(t, err, dc.Unavailable, dir, "choose another folder")
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Errorf("%q, %v", data, err)
	}

	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	first := h.start()
	defer first.kill()
	m.ask("vm-1", func(*dc.Assignment) {})
	m.until("vm-1", "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	second := h.start()
	wantError(t, second.end(), dc.Unavailable, h.dir, "another agent", "end that one")
	second.die()
}

// TestDiskFull: what can't be written down is not done; what runs is watched; and when there is room again, all goes on.
func TestDiskFull(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	full, failed := false, make(chan string, 100)
	h.around = func(_ *process, what string, do func() error) error {
		m.mu.Lock()
		refused := full && strings.HasPrefix(what, "write")
		m.mu.Unlock()
		if refused {
			failed <- what
			return syscall.ENOSPC
		}
		return do()
	}
	fill := func(is bool) { m.change(func() { full = is }) }
	refused := func(id dc.VirtualMachineID) {
		for what := range failed {
			if what == "write "+string(id)+".json" {
				return
			}
		}
	}
	p := h.start()
	defer func() { p.kill() }()
	m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	m.untilDone("vm-1", dc.PoweredOn)

	fill(true)
	err := p.agent.disk.save(machineFile("vm-0"), record{})
	wantError(t, err, dc.Exhausted, machineFile("vm-0"), h.dir+" is full", "free some space on that disk")
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the cause of %v is lost", err)
	}
	blocked := func(id dc.VirtualMachineID, power dc.PowerState) {
		t.Helper()
		m.until(id, "reason", func(s dc.VirtualMachineStatus) bool {
			return s.Blocked != nil && s.Blocked.Kind == dc.Exhausted && s.Blocked.Object == "" && s.Power == power &&
				strings.Contains(s.Blocked.Message, h.dir+" is full") && strings.Contains(s.Blocked.Remedy, "free some space")
		})
	}
	m.askPower("vm-1", dc.Reset)
	refused("vm-1")
	blocked("vm-1", dc.PoweredOn)
	m.ask("vm-2", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	refused("vm-2")
	blocked("vm-2", "")
	// A new process has the old assignment, and finds the machine.
	p.kill()
	p = h.start()
	refused("vm-1")
	h.world.Fill(labPath)
	m.until("vm-1", "pause", func(s dc.VirtualMachineStatus) bool { return s.Paused != nil })
	if h.world.Count("vm-1", "reset") != 0 || h.world.Count("vm-2", "create") != 0 {
		t.Error("something was done that was not written down")
	}

	h.world.Free(labPath)
	fill(false)
	m.askPower("vm-1", dc.Reset)
	m.untilDone("vm-1", dc.PoweredOn)
	m.untilDone("vm-2", dc.PoweredOn) // it has waited for room
	for _, id := range []dc.VirtualMachineID{"vm-1", "vm-2"} {
		m.until(id, "end of it", func(s dc.VirtualMachineStatus) bool { return s.Blocked == nil })
	}
	if h.world.Count("vm-1", "start") != 1 || h.world.Count("vm-1", "reset") != 1 {
		t.Error("something was done twice")
	}
}

// TestDiskFullAtStart: a worker that can't write the newest assignment down finds its machine all the same, and does nothing
// for the assignment before it.
func TestDiskFullAtStart(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	p := h.start()
	m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	m.untilDone("vm-1", dc.PoweredOn)
	p.kill()

	h.around = func(_ *process, what string, do func() error) error {
		if strings.HasPrefix(what, "write") {
			return syscall.ENOSPC
		}
		return do()
	}
	p = h.prepare()
	defer p.die()
	if err := p.drivers.Mount(t.Context(), labDatastore, labPath); err != nil {
		t.Fatal(err)
	}
	records, err := load[record](p.agent.disk, machineFolder)
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	old := records[0]
	old.Assignment.Power = old.Assignment.Power.Next(dc.PowerOff, 0)
	newer := old.Assignment
	newer.Revision, newer.Power = newer.Revision+1, newer.Power.Next(dc.Reset, 0)
	w := p.agent.newMachine(old)
	w.assign(newer)
	if again, err := w.advance(t.Context()); !again || err != nil || !w.recovered {
		t.Fatalf("it was not recovered: %v, %v", again, err)
	}
	_, err = w.advance(t.Context())
	wantError(t, err, dc.Exhausted, machineFile("vm-1"))
	if !h.world.Running()["vm-1"] {
		t.Error("it was powered off when that was not wanted any more")
	}
	if s := p.agent.board.snapshot().machines["vm-1"].status; s.Power != dc.PoweredOn || !s.Guest.AgentRunning {
		t.Errorf("it is reported as %+v", s)
	}
}

// files returns the content of all files in the host's folder, by their paths in it.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// restore makes content that of all files in the host's folder.
func restore(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	for path := range files(t, dir) {
		if err := os.Remove(filepath.Join(dir, path)); err != nil {
			t.Fatal(err)
		}
	}
	for path, data := range content {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// wantError fails the test unless err is of the kind and its text has all parts.
func wantError(t *testing.T, err error, kind dc.ErrorKind, parts ...string) {
	t.Helper()
	if dc.KindOf(err) != kind {
		t.Fatalf("error %v of kind %q, want %q", err, dc.KindOf(err), kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

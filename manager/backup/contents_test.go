package backup_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/backup"
	"hanok/manager/store"
)

func machine(id dc.VirtualMachineID, host dc.HostID, deleted bool) *dc.VirtualMachine {
	vm := &dc.VirtualMachine{ID: id, Meta: dc.Meta{Name: string(id), Parent: "group-a"}}
	vm.Spec.Host, vm.Spec.Deleted, vm.Spec.Power = host, deleted, dc.PowerRequest{Generation: 7, Op: dc.PowerOn}
	vm.Spec.Datastore, vm.Spec.Folder = "datastore-1", string(id)
	vm.Status.Files, vm.Status.Outcome = dc.FilesReady, dc.PowerOutcome{Generation: 6}
	return vm
}

func openTask(id dc.TaskID, typ string, target dc.ID) *dc.Task {
	return &dc.Task{ID: id, Type: typ, Target: target, TargetName: string(target), State: dc.TaskRunning, Steps: []string{"a", "b"},
		Cursor: 1, Args: json.RawMessage(`{}`)}
}

// restored makes a store of the contents and returns its newest view.
func restored(t *testing.T, c store.Contents) *store.View {
	t.Helper()
	cfg := store.EmbeddedConfig{Dir: filepath.Join(t.TempDir(), "store")}
	if err := store.RestoreEmbedded(t.Context(), cfg, c); err != nil {
		t.Fatal(err)
	}
	st, err := store.OpenEmbedded(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st.View()
}

func TestContents(t *testing.T) {
	c := newCenter(t,
		&dc.Host{ID: "host-1", Meta: dc.Meta{Name: "alpha"}},
		&dc.Host{ID: "host-2", Meta: dc.Meta{Name: "beta"}, Spec: dc.HostSpec{Maintenance: dc.MaintenanceEntering}},
		&dc.Host{ID: "host-3", Meta: dc.Meta{Name: "gamma"}, Spec: dc.HostSpec{Maintenance: dc.InMaintenance}},
		machine("vm-run", "host-1", false), machine("vm-delete", "host-1", false), machine("vm-bury", "host-1", true), machine("vm-new", "", false),
		machine("vm-undo", "", true),
		openTask("task-1", "VirtualMachine.powerOn", "vm-run"), openTask("task-2", "VirtualMachine.destroy", "vm-delete"),
		openTask("task-3", "VirtualMachine.destroy", "vm-bury"), openTask("task-4", "VirtualMachine.create", "vm-new"),
		openTask("task-5", "HostSystem.enterMaintenanceMode", "host-2"), openTask("task-6", "HostSystem.destroy", "host-3"),
		openTask("task-7", "VirtualMachine.create", "vm-undo"),
		&dc.Task{ID: "task-8", Type: "VirtualMachine.powerOff", Target: "vm-run", State: dc.TaskSuccess})
	a := c.archive(t)
	now := time.Now()
	contents, ended, err := a.Contents(now)
	if err != nil {
		t.Fatal(err)
	}
	v := restored(t, contents)

	if base := now.UnixMicro(); contents.Base != base || v.Revision() <= base || v.Revision() >= 1<<53 {
		t.Errorf("the base is %d at %d, the revision %d", contents.Base, base, v.Revision())
	}
	for vm := range store.List[*dc.VirtualMachine](v) {
		if want := (dc.PowerRequest{Generation: contents.Base}); vm.Spec.Power != want {
			t.Errorf("%s is asked for %+v, want %+v", vm.ID, vm.Spec.Power, want)
		}
		if vm.Revision <= contents.Base || vm.Status.Files != dc.FilesReady {
			t.Errorf("%s: revision %d, files %s", vm.ID, vm.Revision, vm.Status.Files)
		}
	}
	for id, want := range map[dc.ID]bool{"vm-run": true, "vm-delete": true, "vm-bury": true, "vm-new": false, "vm-undo": false} {
		if _, err := store.Get[*dc.VirtualMachine](v, id); (err == nil) != want {
			t.Errorf("%s: %v", id, err)
		}
	}
	for id, want := range map[dc.ID]dc.TaskState{"task-1": dc.TaskError, "task-2": dc.TaskError, "task-3": dc.TaskRunning, "task-4": dc.TaskError,
		"task-5": dc.TaskError, "task-6": dc.TaskError, "task-7": dc.TaskError, "task-8": dc.TaskSuccess} {
		task, err := store.Get[*dc.Task](v, id)
		if err != nil || task.State != want {
			t.Errorf("%s is %v, %v; want %s", id, task, err, want)
			continue
		}
		if ended := want == dc.TaskError; ended != (task.Failure != nil && strings.Contains(task.Failure.Message, "restored from a backup")) || ended == task.Completed.IsZero() && id != "task-8" {
			t.Errorf("%s says %+v at %s", id, task.Failure, task.Completed)
		}
		if _, claimed := store.Claimed(v, dc.TaskClaim(task.Target)); claimed != (want == dc.TaskRunning) {
			t.Errorf("%s claims its target: %v", id, claimed)
		}
	}
	if len(ended) != 6 || !slices.Contains(ended, backup.Ended{Type: "VirtualMachine.destroy", TargetName: "vm-delete"}) {
		t.Errorf("ended tasks: %v", ended)
	}
	for id, want := range map[dc.ID]dc.Maintenance{"host-1": "", "host-2": "", "host-3": dc.InMaintenance} {
		if h, err := store.Get[*dc.Host](v, id); err != nil || h.Spec.Maintenance != want {
			t.Errorf("%s: %+v, %v; want %q", id, h, err, want)
		}
	}
	var messages []string
	for e := range store.List[*dc.Event](v) {
		messages = append(messages, e.Message)
	}
	want := "the data center was restored from a backup of 2031-05-06 07:08:09 UTC; 6 tasks that were under way then have ended"
	if !slices.Equal(messages, []string{want}) {
		t.Errorf("events %q, want %q", messages, want)
	}
}

// Each restore begins above everything before it, even when the clock has gone back, and whatever was restored before.
func TestBase(t *testing.T) {
	c := newCenter(t, machine("vm-a", "host-1", false))
	a := c.archive(t)
	now := time.Now()
	last := int64(0)
	for n := range 3 {
		contents, _, err := a.Contents(now.Add(time.Duration(-n) * time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		cfg := store.EmbeddedConfig{Dir: filepath.Join(t.TempDir(), fmt.Sprint(n))}
		if err := store.RestoreEmbedded(t.Context(), cfg, contents); err != nil {
			t.Fatal(err)
		}
		st, err := store.OpenEmbedded(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		vm, err := store.Get[*dc.VirtualMachine](st.View(), "vm-a")
		if err != nil || vm.Revision <= last || vm.Spec.Power.Generation <= last {
			t.Errorf("restore %d: the machine is %+v, %v; want it above %d", n, vm, err, last)
		}
		last = st.View().Revision()
		d, err := st.Dump(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st.Close()
		if a, err = backup.New(d, "v1", now); err != nil {
			t.Fatal(err)
		}
	}
}

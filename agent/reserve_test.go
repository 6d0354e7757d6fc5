package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"hanok/dc"
)

// fullDisk makes a host's disk one that can be full: what it has at that moment can still be written over and removed.
func fullDisk(h *host) *atomic.Bool {
	full := &atomic.Bool{}
	h.around = func(_ *process, what string, do func() error) error {
		if full.Load() && strings.HasPrefix(what, "write") {
			return syscall.ENOSPC
		}
		return do()
	}
	return full
}

// runningOnFullDisk is a host with the machine vm-1 powered on, whose disk has filled up since. It ends with the test.
func runningOnFullDisk(t *testing.T) (m *manager, h *host, p *process, full *atomic.Bool) {
	t.Helper()
	m = newManager(t)
	m.start()
	t.Cleanup(m.stop)
	h = newHost(t, m)
	full = fullDisk(h)
	p = h.start()
	t.Cleanup(p.kill)
	m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	m.untilDone("vm-1", dc.PoweredOn)
	full.Store(true)
	return m, h, p, full
}

// TestReserve: on a full disk machines are powered off and deleted, new ones and those that only wait for their power too,
// and the next process knows of it.
func TestReserve(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	full := fullDisk(h)
	p := h.start()
	defer func() { p.kill() }()
	for _, id := range []dc.VirtualMachineID{"vm-1", "vm-2"} {
		m.ask(id, func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
		m.untilDone(id, dc.PoweredOn)
	}
	isBlocked := func(s dc.VirtualMachineStatus) bool { return s.Blocked != nil }

	full.Store(true)
	m.askPower("vm-1", dc.PowerOff)
	if s := m.untilDone("vm-1", dc.PoweredOff); s.Outcome.Failure != nil || s.Blocked != nil || h.world.Running()["vm-1"] {
		t.Errorf("powered off it is %+v", s)
	}
	m.askPower("vm-2", dc.Reset)
	m.until("vm-2", "reason", isBlocked)
	m.askPower("vm-2", dc.PowerOff)
	if s := m.untilDone("vm-2", dc.PoweredOff); s.Blocked != nil || h.world.Count("vm-2", "reset") != 0 {
		t.Errorf("powered off instead of reset it is %+v", s)
	}
	m.ask("vm-3", func(*dc.Assignment) {})
	m.until("vm-3", "reason", isBlocked)
	for _, id := range []dc.VirtualMachineID{"vm-1", "vm-3"} {
		m.ask(id, func(a *dc.Assignment) { a.Deleted = true })
		m.until(id, "removal", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved && s.Blocked == nil })
	}
	if left := h.world.Folders(labPath); len(left) != 1 {
		t.Errorf("there are the folders %v", left)
	}

	// The host reboots: what was switched off stays off.
	p.kill()
	h.world.Reboot()
	m.forgetReports()
	p = h.start()
	m.untilDone("vm-2", dc.PoweredOff)
	m.until("vm-1", "removal", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved })
	if running := h.world.Running(); len(running) != 0 {
		t.Errorf("%v run", running)
	}
	records, err := load[record](p.agent.disk, machineFolder)
	if err != nil || len(records) != 3 {
		t.Errorf("kept %+v, %v", records, err)
	}
}

// TestReserveSpent: without a reserve the agent says why it can't power a machine off, and does so when there is room again.
func TestReserveSpent(t *testing.T) {
	m, _, p, full := runningOnFullDisk(t)
	r := p.agent.disk.reserve
	for i := range reserveFiles {
		if err := os.Remove(r.file(i)); err != nil {
			t.Fatal(err)
		}
	}
	m.askPower("vm-1", dc.PowerOff)
	m.until("vm-1", "reason", func(s dc.VirtualMachineStatus) bool { return s.Blocked != nil && s.Power == dc.PoweredOn })
	full.Store(false)
	if s := m.untilDone("vm-1", dc.PoweredOff); s.Blocked != nil {
		t.Errorf("powered off it is %+v", s)
	}
}

// TestReserveRefilled: the reserve is whole again as soon as there is room.
func TestReserveRefilled(t *testing.T) {
	d, err := openDisk(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := d.lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	write := d.write
	d.write = func(string, []byte) error { return syscall.EDQUOT }
	sizes := func() (whole int) {
		for i := range reserveFiles {
			if info, err := os.Stat(d.reserve.file(i)); err == nil && info.Size() == reserveBytes {
				whole++
			}
		}
		return whole
	}
	rec := record{Assignment: dc.Assignment{Machine: labMachine("vm-1")}}
	wantError(t, d.save(machineFile("vm-1"), rec), dc.Exhausted)
	for i := range 3 * reserveFiles { // whatever it takes, the disk of this test has room for a new reserve
		rec.Assignment.Revision = int64(i)
		if err := d.saveFirst(machineFile("vm-1"), rec); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := load[record](d, machineFolder); err != nil || len(got) != 1 || got[0].Assignment.Revision != 3*reserveFiles-1 {
		t.Errorf("kept %+v, %v", got, err)
	}
	rec.Fault = &dc.Failure{Message: strings.Repeat("x", reserveBytes)}
	wantError(t, d.saveFirst(machineFile("vm-1"), rec), dc.Exhausted)
	if n := sizes(); n != reserveFiles {
		t.Errorf("%d files of the reserve are whole", n)
	}

	// What a crash left of it is made anew.
	if err := os.Truncate(d.reserve.file(3), 5); err != nil {
		t.Fatal(err)
	}
	if !d.reserve.write(filepath.Join(d.dir, machineFile("vm-2")), []byte("x")) {
		t.Error("the reserve is said to be spent")
	}
	d.write = write
	if err := d.save(machineFile("vm-1"), rec); err != nil || sizes() != reserveFiles {
		t.Errorf("%v, and %d files of the reserve are whole", err, sizes())
	}
}

// TestGuestOffOnFullDisk: a guest that powers itself off is reported at once, and written down when there is room.
func TestGuestOffOnFullDisk(t *testing.T) {
	m, h, p, full := runningOnFullDisk(t)
	h.world.PowerOffGuest("vm-1")
	m.until("vm-1", "reason", func(s dc.VirtualMachineStatus) bool {
		return s.Power == dc.PoweredOff && s.Blocked != nil && s.Fault == nil
	})
	if records, err := load[record](p.agent.disk, machineFolder); err != nil || !records[0].hasPower() {
		t.Errorf("kept %+v, %v", records, err)
	}
	full.Store(false)
	m.until("vm-1", "end of it", func(s dc.VirtualMachineStatus) bool { return s.Power == dc.PoweredOff && s.Blocked == nil })
	if records, err := load[record](p.agent.disk, machineFolder); err != nil || records[0].hasPower() {
		t.Errorf("kept %+v, %v", records, err)
	}
}

// TestDatastoreOnFullDisk: a new datastore that can't be written down is not mounted, and says so; the connection stays, and
// a name that can't be written down stops nobody.
func TestDatastoreOnFullDisk(t *testing.T) {
	m, h, p, full := runningOnFullDisk(t)
	ctx, d := t.Context(), p.agent.datastores
	d.assign(ctx, datastoreRecord{ID: "datastore-2", Revision: 1, Path: "/two", Name: "two"})
	if mounted, looking := d.state("datastore-2"); mounted || looking {
		t.Error("what is not written down is mounted")
	}
	status := p.agent.board.snapshot().datastores["datastore-2"]
	if status.Accessible || status.Failure == nil || status.Failure.Kind != dc.Exhausted {
		t.Errorf("it is reported as %+v", status)
	}
	d.assign(ctx, datastoreRecord{ID: labDatastore, Revision: 2, Path: labPath, Name: "one"})
	if mounted, _ := d.state(labDatastore); !mounted {
		t.Error("it is not mounted any more")
	}
	full.Store(false)
	d.assign(ctx, datastoreRecord{ID: "datastore-2", Revision: 2, Path: "/two", Name: "two"})
	d.assign(ctx, datastoreRecord{ID: labDatastore, Revision: 3, Path: labPath, Name: "one"})
	records, err := load[datastoreRecord](p.agent.disk, datastoreFolder)
	if err != nil || len(records) != 2 {
		t.Fatalf("kept %+v, %v", records, err)
	}
	for _, rec := range records {
		if rec.Name == "" {
			t.Errorf("kept %+v", rec)
		}
	}
	h.world.Fill(labPath)
	s := m.until("vm-1", "pause", func(s dc.VirtualMachineStatus) bool { return s.Paused != nil })
	if s.Paused.Object != `datastore "one"` {
		t.Errorf("the pause is about %s", s.Paused.Object)
	}
}

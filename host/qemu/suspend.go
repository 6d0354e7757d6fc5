package qemu

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/host/volume"
	"hanok/internal/qmp"
)

// fastest is the rate in bytes a second of writing a machine's memory: as fast as the datastore, not QEMU's gigabit.
const fastest = 1 << 40

// Suspend implements the agent's Hypervisor.
//
// The memory is a QEMU migration stream. The order makes sure that there is never both a machine that may run and a
// memory that may wake up: the CPUs halt; the memory is written under a name that nobody reads; QEMU gives up its disks
// (status "postmigrate"); the file gets its name; the process ends. If this process or the host dies before the file has
// its name, the machine runs on (Recover) or is lost as in any crash of a host; after that, it is suspended, and a
// process that still holds the halted machine is ended by Recover.
func (d *Driver) Suspend(ctx context.Context, spec dc.Machine) (err error) {
	m, err := d.running(spec.ID)
	if err != nil {
		return err
	}
	for _, c := range spec.Controllers {
		if c.Type == dc.ControllerNVMe {
			return failure(dc.Unsupported, spec, "QEMU can't write down the state of its NVMe controller %d", c.Key).
				Fix("shut it down instead, or put its disks on another controller")
		}
	}
	files, err := d.cfg.Volume.Files(ctx, spec)
	if err != nil {
		return err
	}
	defer files.Close()
	m.update(func() { m.moving = true })
	defer m.update(func() { m.moving = false })
	image, err := files.CreateSuspended()
	if err != nil {
		return err
	}
	has, err := m.inventory(ctx)
	if err != nil {
		return errors.Join(err, image.Abort())
	}
	if err := m.writeMemory(ctx, image); err != nil {
		return errors.Join(err, image.Abort(), m.wakeAgain())
	}
	if err := noteModules(image.File, has.modules); err != nil {
		err = failure(dc.Unavailable, spec, "writing the memory: %w", err).Fix("look at the health of its datastore")
		return errors.Join(err, image.Abort(), m.wakeAgain())
	}
	if err := image.Commit(); err != nil {
		return errors.Join(err, m.wakeAgain())
	}
	return m.stop(context.WithoutCancel(ctx), askedSuspend)
}

// writeMemory halts the CPUs and writes the memory.
func (m *machine) writeMemory(ctx context.Context, image *volume.SuspendImage) error {
	mon, err := m.monitor()
	if err != nil {
		return err
	}
	// QEMU takes a descriptor only if it is open for exactly what it is to do.
	file, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", image.File.Fd()), os.O_WRONLY, 0)
	if err != nil {
		return failure(dc.Unavailable, m.spec, "writing the memory: %w", err).Fix("mount /proc")
	}
	defer file.Close()
	if err := m.execute(ctx, "stop", nil, nil); err != nil {
		return err
	}
	err = m.migrate(ctx, mon, "migrate", file)
	var failed errMigration
	switch {
	case !errors.As(err, &failed):
		return m.failed(err)
	case isFull(image.File):
		return &dc.Error{Kind: dc.Exhausted, Object: dc.Describe(dc.KindDatastore, string(m.spec.Datastore)),
			Message: fmt.Sprintf("it is too full for the memory of %s, which is up to %d MB", describe(m.spec), m.spec.MemoryMB),
			Remedy:  "free space on the datastore, then suspend it again", Err: err}
	}
	return failure(dc.Unavailable, m.spec, "its memory can't be written: %w", err).Fix("look at the health of its datastore")
}

// isFull reports whether a file can't grow for lack of space. QEMU itself tells only sometimes.
func isFull(file *os.File) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	err = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, info.Size(), 1<<20)
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// wakeAgain lets the machine run on after a suspension that failed.
func (m *machine) wakeAgain() error {
	ctx, cancel := context.WithTimeout(m.ctx, answerTime)
	defer cancel()
	if err := m.cancelMigration(ctx); err != nil {
		return err
	}
	if err := m.execute(ctx, "cont", nil, nil); err != nil {
		return err
	}
	return m.refresh(ctx)
}

// goOn lets a machine run on that an earlier process has left in the middle of Suspend, or at the end of a start from its
// memory. The memory on the datastore, if there is one, was never the only one.
func (m *machine) goOn(ctx context.Context, files *volume.Files) error {
	if err := m.cancelMigration(ctx); err != nil {
		return err
	}
	if err := files.RemoveSuspended(); err != nil {
		return err
	}
	return m.execute(ctx, "cont", nil, nil)
}

// cancelMigration ends a migration, if there is one, and returns when the CPUs may run again. After the last event of a
// migration QEMU still has something to put away, which its main loop does between two of its answers.
func (m *machine) cancelMigration(ctx context.Context) error {
	if err := m.execute(ctx, "migrate_cancel", nil, nil); err != nil {
		return err
	}
	for {
		status, err := m.queryStatus(ctx)
		if err != nil || status != "finish-migrate" {
			return err
		}
	}
}

// migrate executes "migrate" or "migrate-incoming" with a file and returns at the end of the migration.
func (m *machine) migrate(ctx context.Context, mon *qmp.Client, command string, file *os.File) error {
	events, forget := mon.Subscribe()
	defer forget()
	capabilities := map[string]any{"capabilities": []map[string]any{{"capability": "events", "state": true}}}
	if err := mon.Execute(ctx, "migrate-set-capabilities", capabilities, nil); err != nil {
		return err
	}
	if err := mon.Execute(ctx, "migrate-set-parameters", map[string]any{"max-bandwidth": int64(fastest)}, nil); err != nil {
		return err
	}
	var set struct {
		ID int `json:"fdset-id"`
	}
	if err := mon.ExecuteFD(ctx, "add-fd", nil, &set, file); err != nil {
		return err
	}
	defer mon.Execute(context.WithoutCancel(ctx), "remove-fd", map[string]any{"fdset-id": set.ID}, nil)
	args := map[string]any{"uri": fmt.Sprintf("file:/dev/fdset/%d", set.ID)}
	if command == "migrate-incoming" {
		args["exit-on-error"] = false
	}
	if err := mon.Execute(ctx, command, args, nil); err != nil {
		return err
	}
	return awaitMigration(ctx, mon, events)
}

// errMigration is QEMU's reason why a migration has failed.
type errMigration string

func (e errMigration) Error() string { return string(e) }

// awaitMigration waits for the event that ends a migration.
func awaitMigration(ctx context.Context, mon *qmp.Client, events <-chan qmp.Event) error {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return mon.Err()
			}
			var data struct {
				Status string `json:"status"`
			}
			if e.Name != "MIGRATION" || json.Unmarshal(e.Data, &data) != nil {
				continue
			}
			switch data.Status {
			case "completed":
				return nil
			case "failed", "cancelled":
				var ended struct {
					Message string `json:"error-desc"`
				}
				if err := mon.Execute(ctx, "query-migrate", nil, &ended); err != nil {
					return err
				}
				return errMigration(cmp.Or(ended.Message, data.Status))
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// openMemory opens the memory of a suspended machine, and finds out on which board it was.
func (l *launch) openMemory() error {
	memory, err := l.files.OpenSuspended()
	if dc.KindOf(err) == dc.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	l.memory, l.command.Incoming = memory, true
	head := make([]byte, 64)
	n, err := memory.ReadAt(head, 0)
	if n == 0 && err != nil {
		return failure(dc.Unavailable, l.spec, "reading its memory: %w", err).Fix("look at the health of its datastore")
	}
	if board, ok := boardOf(head[:n]); ok {
		l.command.Type = board
	}
	if l.command.Modules, err = readModules(memory); err != nil {
		return failure(dc.Unavailable, l.spec, "reading its memory: %w", err).Fix("look at the health of its datastore")
	}
	return nil
}

// boards are the machine types that an image may ask for.
var boards = regexp.MustCompile(`^pc-q35-[0-9]+\.[0-9]+$`)

// boardOf returns the machine type in the header of a QEMU migration stream (docs/devel/migration in QEMU's sources):
// magic, version 3, the mark of the configuration section, and the name with its length before it. A newer QEMU must
// offer exactly the same board to the guest.
func boardOf(head []byte) (string, bool) {
	const header = 4 + 4 + 1 + 4
	if len(head) < header || string(head[:4]) != "QEVM" || binary.BigEndian.Uint32(head[4:]) != 3 || head[8] != 7 {
		return "", false
	}
	length := binary.BigEndian.Uint32(head[9:])
	if int64(length) > int64(len(head)-header) {
		return "", false
	}
	name := string(head[header : header+length])
	return name, boards.MatchString(name)
}

// wake loads the memory into the machine, whose CPUs stand still afterwards.
func (l *launch) wake(ctx context.Context, m *machine) error {
	if err := m.migrate(ctx, l.mon, "migrate-incoming", l.memory); err != nil {
		return failure(dc.Unsupported, l.spec, "it can't wake up, its memory does not fit: %w", err).
			Fix("if it was suspended by another version of QEMU or on another host, start it there; else power it off, which " +
				"loses its memory, and on again")
	}
	return nil
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"hanok/dc"
)

// Decommission takes the power of every machine that the host with the folder dir may still execute, so that its files can be
// removed. No agent may run there: the folder is locked meanwhile. A folder that does not exist is a success. Machines
// that could not be stopped are named by the error, and nothing else about them is changed.
func Decommission(ctx context.Context, dir string, h Hypervisor, s Storage) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	d, err := openDisk(dir, nil)
	if err != nil {
		return err
	}
	lock, err := d.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	stores, err := load[datastoreRecord](d, datastoreFolder)
	if err != nil {
		return err
	}
	machines, err := load[record](d, machineFolder)
	if err != nil {
		return err
	}
	var failed []error
	for _, rec := range stores {
		if err := s.Mount(ctx, rec.ID, rec.Path); err != nil {
			failed = append(failed, fmt.Errorf("open %s: %w", rec.Path, err))
		}
	}
	for _, rec := range machines {
		if !rec.hasPower() {
			continue
		}
		m := rec.Assignment.Machine
		err := h.Recover(ctx, m, rec.Handle)
		if dc.KindOf(err) == dc.NotFound {
			continue // it has stopped by itself
		}
		if err == nil {
			err = h.Stop(ctx, m)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("stop %s: %w", dc.Describe(dc.KindVirtualMachine, m.Name), err))
		}
	}
	return errors.Join(failed...)
}

package volume

import (
	"errors"
	"io/fs"
	"os"

	"hanok/dc"
	"hanok/internal/beneath"
)

// Suspended reports whether the machine's memory is on the datastore: that file's existence is the suspended state.
func (f *Files) Suspended() (bool, error) {
	found, err := f.dir.Exists(f.names.suspend(f.m.ID))
	return found, f.l.failure(f.m, "looking for the suspended memory", err)
}

// OpenSuspended opens the memory of a suspended machine for reading. NotFound when it isn't suspended.
func (f *Files) OpenSuspended() (*os.File, error) {
	file, err := f.dir.Open(f.names.suspend(f.m.ID), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notSuspended(f.m)
	}
	return file, f.l.failure(f.m, "opening the suspended memory", err)
}

// RemoveSuspended makes the machine one that is not suspended, and frees what a crash left of a memory half written. Again
// is a success. Call it at every power-on, when the memory has been read in whole and before the guest's first
// instruction: from then on the disks change, and the file would wake up a guest that remembers other disks.
func (f *Files) RemoveSuspended() error {
	err := f.dir.Remove(f.names.suspend(f.m.ID))
	if err == nil {
		err = f.dir.Remove(f.names.suspend(f.m.ID) + beneath.Temporary)
	}
	if err == nil {
		err = f.dir.Sync()
	}
	return f.l.failure(f.m, "removing the suspended memory", err)
}

// SuspendImage is the memory of a machine while it is written. Until Commit the machine is not suspended, and a crash
// leaves only a file that nobody reads.
type SuspendImage struct {
	// File is empty and open for reading and writing, for the writer to have by descriptor.
	File *os.File

	files *Files
}

// CreateSuspended starts to write the machine's memory. The caller ends it with Commit or Abort before it closes f.
func (f *Files) CreateSuspended() (*SuspendImage, error) {
	file, err := f.dir.Create(f.names.suspend(f.m.ID) + beneath.Temporary)
	if err != nil {
		return nil, f.l.failure(f.m, "writing the memory", err)
	}
	return &SuspendImage{File: file, files: f}, nil
}

// Commit makes the machine suspended: the writer is done and the guest's CPUs stand still for good. The file is closed.
func (s *SuspendImage) Commit() error {
	f := s.files
	err := f.dir.Publish(s.File, f.names.suspend(f.m.ID))
	return f.l.failure(f.m, "writing the memory", errors.Join(err, s.File.Close()))
}

// Abort removes what was written; the machine runs on.
func (s *SuspendImage) Abort() error {
	f := s.files
	err := errors.Join(s.File.Close(), f.dir.Remove(f.names.suspend(f.m.ID)+beneath.Temporary))
	return f.l.failure(f.m, "removing the half-written memory", err)
}

func notSuspended(m dc.Machine) error {
	return dc.Errorf(dc.NotFound, "it is not suspended: its memory is not on %s", describeStore(m.Datastore)).
		On(describe(m)).Fix("power it on")
}

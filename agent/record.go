package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"hanok/dc"
	"hanok/internal/durable"
)

// record is all that the host keeps of one machine: its own copy of the assignment, and what became of it. Failures of
// making or deleting files are not kept: a new process tries again.
type record struct {
	Assignment dc.Assignment `json:"assignment"`
	// Files is "" until they are made, then FilesReady, and FilesRemoved when a tombstone was carried out.
	Files dc.FilesState `json:"files,omitempty"`
	// Handle is set from before the machine gets power until it is known to have none. BootID is the host's boot under
	// which that was, and Booted the time.
	Handle dc.Handle `json:"handle,omitempty"`
	BootID string    `json:"bootId,omitempty"`
	Booted time.Time `json:"booted,omitzero"`
	// Starting is set with Handle, until the driver's Start has returned.
	Starting bool `json:"starting,omitempty"`
	// Power is the state of a machine without Handle.
	Power dc.PowerState `json:"power,omitempty"`
	// Begun is the generation of the last power request whose execution may have begun, and Outcome how the last
	// finished one ended.
	Begun   int64           `json:"begun,omitempty"`
	Outcome dc.PowerOutcome `json:"outcome"`
	Fault   *dc.Failure     `json:"fault,omitempty"`
}

// hasPower reports whether the machine has power, as far as the agent has written down.
func (r *record) hasPower() bool { return len(r.Handle) > 0 }

// pending returns the power request that has no outcome yet, if there is one.
func (r *record) pending() (dc.PowerRequest, bool) {
	return r.Assignment.Power, r.Assignment.Power.Generation > r.Outcome.Generation
}

// datastoreRecord is the host's own copy of the assignment of one datastore.
type datastoreRecord struct {
	ID       dc.DatastoreID `json:"id"`
	Revision int64          `json:"revision"`
	Path     string         `json:"path"`
}

// disk is the agent's folder. Tests put something else in the place of its functions to let the power go at each write.
type disk struct {
	dir    string
	write  func(path string, data []byte) error
	remove func(path string) error
}

const (
	machineFolder   = "machines"
	datastoreFolder = "datastores"
	identityFile    = "identity.json"
)

func openDisk(dir string) (*disk, error) {
	for _, folder := range []string{machineFolder, datastoreFolder} {
		if err := durable.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, badFolder(dir, err)
		}
	}
	return &disk{dir: dir, remove: durable.Remove,
		write: func(path string, data []byte) error { return durable.WriteFile(path, data, 0o600) }}, nil
}

// lock takes the folder for this agent until the returned file is closed.
func (d *disk) lock() (io.Closer, error) {
	f, err := durable.Lock(d.dir)
	switch {
	case errors.Is(err, durable.ErrLocked):
		return nil, dc.Errorf(dc.Unavailable, "another agent works in %s: %w", d.dir, err).
			Fix("end that one, or give this one a folder of its own")
	case err != nil:
		return nil, badFolder(d.dir, err)
	}
	return f, nil
}

func badFolder(dir string, err error) error {
	return dc.Errorf(dc.Unavailable, "the host's folder %s can't be used: %w", dir, err).
		Fix("make room for it and let this user write there, or choose another folder")
}

// save replaces the file at path, relative to the folder, by v and returns when that is on the disk.
func (d *disk) save(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err == nil {
		err = d.write(filepath.Join(d.dir, path), append(data, '\n'))
	}
	if err != nil {
		return dc.Errorf(dc.Exhausted, "the host cannot write %s: %w", path, err).
			Fix("make room on the host's own disk, or mend it")
	}
	return nil
}

// forget removes the file at path, relative to the folder.
func (d *disk) forget(path string) error { return d.remove(filepath.Join(d.dir, path)) }

// kept is what a folder has a file of each.
type kept interface{ id() string }

func (r record) id() string          { return string(r.Assignment.Machine.ID) }
func (r datastoreRecord) id() string { return string(r.ID) }

// load returns what save has put into a folder. A file that can't be understood is an error, and stays as it is: the
// machine in it may run.
func load[T kept](d *disk, folder string) ([]T, error) {
	files, err := durable.ReadDir(filepath.Join(d.dir, folder), ".json")
	if err != nil {
		return nil, badFolder(d.dir, err)
	}
	var all []T
	for name, data := range files {
		path := filepath.Join(d.dir, folder, name+".json")
		var v T
		if err := decode(path, data, &v, remedies[folder]); err != nil {
			return nil, err
		}
		if v.id() != name {
			return nil, unreadable(path, fmt.Errorf("it is about %q, which its name is not", v.id()), remedies[folder])
		}
		all = append(all, v)
	}
	return all, nil
}

// remedies say what to do about a file that can't be understood, by what it is.
var remedies = map[string]string{
	machineFolder:   "put the file back from a backup; or end its machine by hand and move the file away: the manager assigns the machine again",
	datastoreFolder: "move the file away: the manager assigns the datastore again",
	identityFile:    "put the file back from a backup; or move it away and let this machine join as another host",
}

// decode reads what save has written. What it does not know it refuses, for save would lose it: kind Unsupported.
func decode(path string, data []byte, v any, remedy string) error {
	if err := json.Unmarshal(data, v); err != nil {
		return unreadable(path, err, remedy)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return dc.Errorf(dc.Unsupported, "%s was written by a newer program: %w", path, err).
			Fix("install that version on this host again")
	}
	return nil
}

// unreadable is the error for a file of the host that can't be understood.
func unreadable(path string, err error, remedy string) error {
	return dc.Errorf(dc.Unavailable, "the host cannot read %s: %w", path, err).Fix("%s", remedy)
}

func machineFile(id dc.VirtualMachineID) string {
	return filepath.Join(machineFolder, string(id)+".json")
}

func datastoreFile(id dc.DatastoreID) string {
	return filepath.Join(datastoreFolder, string(id)+".json")
}

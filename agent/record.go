package agent

import (
	"encoding/json"
	"fmt"
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
			return nil, fmt.Errorf("make the host's folder: %w", err)
		}
	}
	return &disk{dir: dir, remove: durable.Remove,
		write: func(path string, data []byte) error { return durable.WriteFile(path, data, 0o600) }}, nil
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

// load returns what save has put into a folder. A file that can't be understood is an error: the machine in it may run.
func load[T any](d *disk, folder string) ([]T, error) {
	files, err := durable.ReadDir(filepath.Join(d.dir, folder), ".json")
	if err != nil {
		return nil, err
	}
	var all []T
	for name, data := range files {
		var v T
		if err := json.Unmarshal(data, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(d.dir, folder, name+".json"), err)
		}
		all = append(all, v)
	}
	return all, nil
}

func machineFile(id dc.VirtualMachineID) string {
	return filepath.Join(machineFolder, string(id)+".json")
}

func datastoreFile(id dc.DatastoreID) string {
	return filepath.Join(datastoreFolder, string(id)+".json")
}

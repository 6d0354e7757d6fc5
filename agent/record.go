package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/durable"
)

// record is all that the host keeps of one machine: its own copy of the assignment, and what became of it. Failures of
// making or deleting files are not kept: a new process tries again.
type record struct {
	Assignment dc.Assignment `json:"assignment"`
	// Files is "" until they are made or found, then FilesReady, and FilesRemoved when a tombstone was carried out,
	// FilesReleased when the machine was let go of.
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
	// Configured is how the last finished change of the hardware ended, and Disks the descriptors of the disks that were there before
	// the one in progress: those of them that are missing are never made anew.
	Configured dc.ConfigurationOutcome `json:"configured,omitzero"`
	Disks      []string                `json:"disks,omitempty"`
}

// hasPower reports whether the machine has power, as far as the agent has written down.
func (r *record) hasPower() bool { return len(r.Handle) > 0 }

// lostTrack reports whether the machine's files were there once, by the manager's knowledge, while the host has no record of
// them: it was lost, or the files were deleted and the manager's store restored from before. Such files are never made.
func (r *record) lostTrack() bool { return r.Files == "" && r.Assignment.Known.Files }

// pending returns the power request that has no outcome yet, if there is one.
func (r *record) pending() (dc.PowerRequest, bool) {
	return r.Assignment.Power, r.Assignment.Power.Generation > r.Outcome.Generation
}

// unconfigured reports whether the machine has files, and the hardware that is asked for was neither made nor refused.
func (r *record) unconfigured() bool {
	return r.Files == dc.FilesReady && r.Configured.Generation < r.Assignment.Configuration
}

// with returns the record after an assignment of a higher revision. A tombstone stays, for the host may have begun. Only one
// that was carried out gives way: the manager's store was restored from before, and what is said of the machine then is
// that its files are missing. A host without a record takes what the manager knows for done.
func (r record) with(a dc.Assignment) record {
	removed := r.done() && !a.Deleted && !a.Released
	if removed {
		a.Known = dc.Known{Files: true, Outcome: max(a.Known.Outcome, r.Outcome.Generation)}
	}
	if removed || r.Assignment.Revision == 0 {
		return record{Assignment: a, Begun: a.Known.Outcome, Outcome: dc.PowerOutcome{Generation: a.Known.Outcome}}
	}
	a.Released = a.Released || r.Assignment.Released
	a.Deleted = (a.Deleted || r.Assignment.Deleted) && !a.Released // of the two, what leaves the files counts
	if r.Files == dc.FilesReady && !r.unconfigured() && r.Configured.Failure == nil {
		r.Disks = descriptors(r.Assignment.Machine)
	}
	r.Assignment = a
	return r
}

// done reports whether nothing is left of the machine on this host, by the manager's own wish.
func (r *record) done() bool {
	return r.Assignment.Deleted && r.Files == dc.FilesRemoved || r.Assignment.Released && r.Files == dc.FilesReleased
}

// takesPower reports whether the assignment asks for what makes room on a full disk: the machine's power, or its files, gone.
func (r *record) takesPower() bool {
	return r.Assignment.Deleted || r.Assignment.Power.Op == dc.PowerOff
}

// datastoreRecord is the host's own copy of the assignment of one datastore.
type datastoreRecord struct {
	ID       dc.DatastoreID `json:"id"`
	Revision int64          `json:"revision"`
	Path     string         `json:"path"`
	// Name is the datastore's in the inventory, for messages; "" where the manager has not said.
	Name string `json:"name,omitempty"`
}

// disk is the agent's folder. Tests put something else in the place of its functions to let the power go at each write.
type disk struct {
	dir     string
	write   func(path string, data []byte) error
	remove  func(path string) error
	reserve *reserve
	// records, if not nil, have what is of machines and datastores.
	records Records
}

const (
	machineFolder   = "machines"
	datastoreFolder = "datastores"
	identityFile    = "identity.json"
)

// Records keep files by their names, which have slashes in them. Their methods are safe for concurrent use.
type Records interface {
	Write(name string, data []byte) error
	// Remove is a success for what is not there.
	Remove(name string) error
	// All returns everything. The map is the caller's, what is in it is not.
	All() map[string][]byte
}

// openDisk returns the folder's disk. records may be nil: then everything is in files.
func openDisk(dir string, records Records) (*disk, error) {
	folders := []string{machineFolder, datastoreFolder, reserveFolder}
	d := &disk{dir: dir, records: records, remove: durable.Remove, reserve: &reserve{dir: filepath.Join(dir, reserveFolder), spent: records == nil},
		write: func(path string, data []byte) error { return durable.WriteFile(path, data, 0o600) }}
	if records != nil {
		folders = []string{""}
	}
	for _, folder := range folders {
		if err := durable.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, badFolder(dir, err)
		}
	}
	return d, nil
}

// kept reports whether a file is in the records, and not on the disk.
func (d *disk) kept(path string) bool { return d.records != nil && path != identityFile }

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
	d.reserve.refill()
	return f, nil
}

func badFolder(dir string, err error) error {
	return dc.Errorf(dc.Unavailable, "the host's folder %s can't be used: %w", dir, err).
		Fix("make room for it and let this user write there, or choose another folder")
}

// save replaces the file at path, relative to the folder, by v and returns when that is on the disk. Kinds: Exhausted
// for a full disk, else Unavailable.
func (d *disk) save(path string, v any) error { return d.put(path, v, false) }

// saveFirst is save for what helps against a full disk: there it may use the reserve.
func (d *disk) saveFirst(path string, v any) error { return d.put(path, v, true) }

func (d *disk) put(path string, v any, first bool) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	data = append(data, '\n')
	if d.kept(path) {
		return d.records.Write(path, data)
	}
	err = d.write(filepath.Join(d.dir, path), data)
	full := errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
	switch {
	case err == nil, full && first && d.reserve.write(filepath.Join(d.dir, path), data):
		d.reserve.refill()
		return nil
	case full:
		return &dc.Error{Kind: dc.Exhausted, Message: "the disk that holds " + d.dir + " is full, and the host can't write " + path,
			Remedy: "free some space on that disk", Err: err}
	}
	return dc.Errorf(dc.Unavailable, "the host can't write %s: %w", path, err).Fix("mend the disk that holds %s", d.dir)
}

// forget removes the file at path, relative to the folder.
func (d *disk) forget(path string) error {
	if d.kept(path) {
		return d.records.Remove(path)
	}
	return d.remove(filepath.Join(d.dir, path))
}

// kept is what a folder has a file of each.
type kept interface{ id() string }

func (r record) id() string          { return string(r.Assignment.Machine.ID) }
func (r datastoreRecord) id() string { return string(r.ID) }

// load returns what save has put into a folder. A file that can't be understood is an error, and stays as it is: the
// machine in it may run.
func load[T kept](d *disk, folder string) ([]T, error) {
	files, err := d.files(folder)
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

// files returns the files of a folder by their names without ".json".
func (d *disk) files(folder string) (map[string][]byte, error) {
	if !d.kept(folder) {
		return durable.ReadDir(filepath.Join(d.dir, folder), ".json")
	}
	files := map[string][]byte{}
	for path, data := range d.records.All() {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".json"); ok && filepath.Dir(path) == folder {
			files[name] = data
		}
	}
	return files, nil
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

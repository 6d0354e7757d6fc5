package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	"gopkg.in/natefinch/lumberjack.v2"

	"hanok/dc"
	"hanok/internal/durable"
	"hanok/internal/random"
)

// dataFolder is the one folder below which `hanok up` keeps everything, and its twin below /run for sockets, whose paths must be
// short (107 characters at most). What is in it:
//
//	hanok.json         says that the folder is ours, and names the run folder
//	lock               held by the running service
//	server.json        the service's URL, for `hanok --data`
//	first-login.json   URL, user and initial password, until that is changed
//	session.json       the session that commands with --data share
//	ca.pem             the data center's certificate authority
//	hanok.log          the service's log
//	manager/           the store, the images and the audit log
//	agent/             the host's identity and its copy of its assignments
//	datastore1/        the local datastore
//	starter/           the starter image
//	sim/               the simulated hosts of "hanok sim"
type dataFolder struct {
	path string
	// run is the folder for sockets. It goes with a reboot, as what listens on the sockets does.
	run    string
	marker marker
	lock   *os.File
}

// marker is the content of hanok.json.
type marker struct {
	// Format is 1.
	Format int `json:"format"`
	// Run names the run folder below /run/hanok.
	Run string `json:"run"`
	// MadeFolder is whether the folder itself is ours to remove.
	MadeFolder bool `json:"madeFolder"`
	// Settled is set when the first start has made all that it makes. What somebody removes later is not made again.
	Settled bool `json:"settled,omitempty"`
	// Manager is the URL of the manager whose host this is, or "" for the folder of a manager.
	Manager string `json:"manager,omitempty"`
	// Restoring is set while a restore is unfinished, of which nothing may be started: the name below manager/ under which what was
	// there before is kept.
	Restoring string `json:"restoring,omitempty"`
	// Etcd is where the store is, nil before the first start has said so and where it is in the folder.
	Etcd *etcdSettings `json:"etcd,omitempty"`
}

const (
	dataFormat = 1
	// minFree is the least free space for a new data center: the store, its log and an image need about this much. One that
	// is there needs less to start.
	minFree, minFreeAgain = 256 << 20, 16 << 20
	// runRoot is where the run folders are.
	runRoot = "/run/hanok"
)

// dataEntries are the names that may stand in a data folder.
var dataEntries = []string{"hanok.json", "lock", "server.json", "first-login.json", "session.json", "ca.pem", "hanok.log", "manager", "agent", "datastore1", "starter", "sim"}

// errNoData says that a folder is no data folder.
var errNoData = errors.New("there is no data center in it")

// prepareData makes dir a data folder, or finds that it is one, and locks it.
func prepareData(dir string) (*dataFolder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, dataError(dir, err)
	}
	made := false
	switch info, err := os.Lstat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, dataError(dir, err)
		}
		made = true
	case err != nil:
		return nil, dataError(dir, err)
	case !info.IsDir():
		return nil, badData(dir, "it is not a folder")
	default:
		if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
			return nil, badData(dir, "it belongs to %s, not to %s", userName(owner), userName(uint32(os.Geteuid())))
		}
	}
	m, err := readMarker(dir)
	fresh := errors.Is(err, errNoData)
	if fresh {
		m, err = adopt(dir, made)
	}
	if err != nil {
		return nil, err
	}
	d, err := lockData(dir, m)
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		if fresh {
			_ = d.remove() // a folder that is refused stays as it was, as far as that goes
		}
		d.close()
		return nil, err
	}
	return d, nil
}

// openData locks the data folder dir, which must be one. The error is errNoData if it is none.
func openData(dir string) (*dataFolder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, dataError(dir, err)
	}
	m, err := readMarker(dir)
	if err != nil {
		return nil, err
	}
	return lockData(dir, m)
}

// adopt writes the marker into an empty folder.
func adopt(dir string, made bool) (marker, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return marker{}, dataError(dir, err)
	}
	if i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() != "lost+found" }); i >= 0 {
		return marker{}, badData(dir, "it holds %q and is not a data center's", entries[i].Name())
	}
	m := marker{Format: dataFormat, Run: random.Suffix()[:8], MadeFolder: made}
	err = writeMarker(dir, m)
	if err != nil && made {
		_ = os.Remove(dir) // it is empty
	}
	return m, err
}

func writeMarker(dir string, m marker) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, "hanok.json"), append(b, '\n'), 0o600); err != nil {
		return dataError(dir, err)
	}
	return nil
}

func readMarker(dir string) (marker, error) {
	var m marker
	b, err := os.ReadFile(filepath.Join(dir, "hanok.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, errNoData
	case err != nil:
		return m, dataError(dir, err)
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Run == "" || filepath.Base(m.Run) != m.Run {
		return m, badData(dir, "its hanok.json is damaged")
	}
	if m.Format != dataFormat {
		return m, &dc.Error{Kind: dc.Unsupported, Object: dataName(dir), Message: fmt.Sprintf("it has format %d, and this program knows format %d", m.Format, dataFormat),
			Remedy: "use the program that made it, or a newer one"}
	}
	return m, nil
}

func lockData(dir string, m marker) (*dataFolder, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, dataError(dir, err)
	}
	if err := durable.LockFile(lock); err != nil {
		lock.Close()
		return nil, &dc.Error{Kind: dc.WrongState, Object: dataName(dir), Message: "a data center runs on it already",
			Remedy: "end that one with Ctrl-C first, or choose another folder with DATA=DIR"}
	}
	return &dataFolder{path: dir, run: filepath.Join(runRoot, m.Run), marker: m, lock: lock}, nil
}

// check makes the folders private and sees that there is room to work.
func (d *dataFolder) check() error {
	if err := os.Chmod(d.path, 0o700); err != nil {
		return dataError(d.path, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(d.path, &fs); err != nil {
		return dataError(d.path, err)
	}
	needed, remedy := int64(minFree), "free some space there, or choose another folder with DATA=DIR"
	if d.started() {
		needed, remedy = minFreeAgain, "free some space there, and start again"
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < needed {
		return &dc.Error{Kind: dc.Exhausted, Object: dataName(d.path), Message: fmt.Sprintf("its disk has %d MB left, and a data center needs %d MB to start", free>>20, needed>>20),
			Remedy: remedy}
	}
	return nil
}

// makeRun makes the run folder.
func (d *dataFolder) makeRun() error {
	if err := os.MkdirAll(d.run, 0o700); err != nil {
		return dataError(d.run, err)
	}
	return nil
}

// started reports whether an earlier start has made the store, or has joined this machine to a data center.
func (d *dataFolder) started() bool {
	return d.marker.Settled || fileExists(d.file("manager", "store", "etcd")) || fileExists(d.file("agent", "identity.json"))
}

// file returns the path of an entry.
func (d *dataFolder) file(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

// openLog opens the service's log, and says in it that a start begins.
func (d *dataFolder) openLog() (log *slog.Logger, closeLog func()) {
	file := &lumberjack.Logger{Filename: d.file("hanok.log"), MaxSize: 10, MaxBackups: 3}
	log = slog.New(slog.NewTextHandler(file, nil))
	log.Info("starting", "version", version)
	return log, func() { file.Close() }
}

// close gives up the lock.
func (d *dataFolder) close() { d.lock.Close() }

// remove deletes what the data center made, and the folder itself if it was made for it and nothing else is in it.
func (d *dataFolder) remove() error {
	for _, name := range dataEntries {
		if name == "hanok.json" {
			continue // last: until it is gone, a second try knows the folder
		}
		if err := os.RemoveAll(d.file(name)); err != nil {
			return dataError(d.path, err)
		}
	}
	if err := os.RemoveAll(d.run); err != nil {
		return dataError(d.run, err)
	}
	os.Remove(runRoot) // fails while another data center has a folder in it
	if err := os.Remove(d.file("hanok.json")); err != nil {
		return dataError(d.path, err)
	}
	if d.marker.MadeFolder {
		if err := os.Remove(d.path); err != nil && !errors.Is(err, unix.ENOTEMPTY) {
			return dataError(d.path, err)
		}
	}
	return nil
}

func dataName(dir string) string { return fmt.Sprintf("data folder %q", dir) }

func wrongRole(dir, message, remedy string) error {
	return &dc.Error{Kind: dc.WrongState, Object: dataName(dir), Message: message, Remedy: remedy + ", or choose another folder with --data DIR"}
}

func badData(dir, format string, args ...any) error {
	return &dc.Error{Kind: dc.Invalid, Object: dataName(dir), Message: fmt.Sprintf(format, args...), Remedy: "choose another folder with DATA=DIR"}
}

// dataError turns a failed system call into what a person can act on.
func dataError(dir string, err error) error {
	e := &dc.Error{Kind: dc.Unavailable, Object: dataName(dir), Message: err.Error(), Err: err, Remedy: "choose another folder with DATA=DIR"}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		e.Kind, e.Message, e.Remedy = dc.Exhausted, "its disk is full", "free some space there, or choose another folder with DATA=DIR"
	case errors.Is(err, unix.EROFS):
		e.Kind, e.Message = dc.Invalid, "its file system is read-only"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		e.Kind, e.Message, e.Remedy = dc.Denied, "permission denied", "run as root, through sudo, or choose another folder with DATA=DIR"
	}
	return e
}

// userName returns "bob (1000)" or "user 1000".
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return fmt.Sprintf("%s (%s)", u.Username, id)
	}
	return "user " + id
}

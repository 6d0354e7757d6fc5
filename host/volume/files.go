package volume

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"hanok/dc"
	"hanok/internal/beneath"
)

// keepLogs is how many logs of earlier runs stay.
const keepLogs = 3

// Files is the open folder of one machine, for the driver that runs it. What its methods open is close-on-exec and made
// to be passed to another process by descriptor; the caller closes each file, and Files itself. Every file may outlive
// the Files it came from. Kinds of all methods, besides those they name: WrongState when something else than a regular
// file has the name, Exhausted when the datastore is full, Unavailable when it refuses.
type Files struct {
	// Path is the absolute path of the folder, for people and for a process list. It is not for opening: whoever runs
	// the machine may not enter it.
	Path string

	l     *Local
	m     dc.Machine
	root  *beneath.Dir // of the datastore
	dir   *beneath.Dir
	names names
}

// Disk is one open virtual disk.
type Disk struct {
	dc.Disk
	// Name is the name of the file, for messages.
	Name string
	// File holds the bytes, raw. It is open for reading and writing, and locked against every other opener for as long
	// as a copy of the descriptor is open in any process.
	File *os.File
}

// Files opens the folder of a machine. Kinds: NotFound when the machine has no files, or its datastore isn't mounted;
// Exists when the folder belongs to another machine.
func (l *Local) Files(ctx context.Context, m dc.Machine) (*Files, error) {
	const doing = "opening the folder"
	n, err := namesOf(m)
	if err != nil {
		return nil, err
	}
	store, err := l.open(m.Datastore)
	if err != nil {
		return nil, err
	}
	dir, err := store.Dir(m.Folder)
	if err != nil {
		store.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, noFiles(m)
		}
		return nil, l.failure(m, doing, err)
	}
	f := &Files{Path: filepath.Join(store.Name(), m.Folder), l: l, m: m, root: store, dir: dir, names: n}
	owner, err := ownerOf(dir, n)
	switch {
	case err != nil:
		err = l.failure(m, doing, err)
	case owner == "":
		err = noFiles(m)
	case owner != m.ID:
		err = foreign(m, owner)
	default:
		return f, nil
	}
	f.Close()
	return nil, err
}

func noFiles(m dc.Machine) error {
	return dc.Errorf(dc.NotFound, "its files are not in the folder %s of %s", m.Folder, describeStore(m.Datastore)).
		On(describe(m)).Fix("restore the folder from a backup, or delete the machine")
}

// Close lets go of the folder. What was opened in it stays open.
func (f *Files) Close() error { return errors.Join(f.dir.Close(), f.root.Close()) }

// SaveConfig brings the .vmx in line with the machine: its name and hardware may have changed since. The .vmx before
// stays as .vmx~. It writes nothing when nothing has changed.
func (f *Files) SaveConfig() error {
	return f.l.failure(f.m, "writing the configuration", saveConfig(f.dir, f.names, f.m))
}

// Disks opens all disks, in the order of their keys, and locks each. Kinds: NotFound for a disk without its file,
// WrongState for one whose file has another length than its capacity, Unavailable for one that is in use.
func (f *Files) Disks() ([]Disk, error) {
	var disks []Disk
	for _, d := range slices.SortedFunc(slices.Values(f.m.Disks), byKey) {
		disk, err := f.disk(d)
		if err != nil {
			for _, open := range disks {
				open.File.Close()
			}
			return nil, f.l.failure(f.m, "opening the disk "+f.names.descriptor(d), err)
		}
		disks = append(disks, disk)
	}
	return disks, nil
}

// Disk opens one disk and locks it. Kinds: as Disks.
func (f *Files) Disk(d dc.Disk) (Disk, error) {
	disk, err := f.disk(d)
	if err != nil {
		return Disk{}, f.l.failure(f.m, "opening the disk "+f.names.descriptor(d), err)
	}
	return disk, nil
}

func byKey(a, b dc.Disk) int { return cmp.Compare(a.Key, b.Key) }

func (f *Files) disk(d dc.Disk) (Disk, error) {
	name := f.names.flat(d)
	file, err := f.root.Open(f.names.flatPath(d), os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return Disk{}, f.lost(name)
	}
	if err != nil {
		return Disk{}, err
	}
	info, err := file.Stat()
	if err == nil {
		err = checkLength(f.m, name, info, d.CapacityBytes)
	}
	if err == nil {
		err = lock(f.m, name, file)
	}
	if err != nil {
		file.Close()
		return Disk{}, err
	}
	return Disk{Disk: d, Name: name, File: file}, nil
}

// lost says that a disk's file is missing.
func (f *Files) lost(name string) error {
	return dc.Errorf(dc.NotFound, "the file %s is missing in %s", name, f.Path).On(describe(f.m)).
		Fix("restore it from a backup, or delete the machine")
}

// checkLength compares a disk's file with the disk's capacity.
func checkLength(m dc.Machine, name string, info fs.FileInfo, capacity int64) error {
	if info.Size() == capacity {
		return nil
	}
	return dc.Errorf(dc.WrongState, "the file %s is %d bytes long, its disk is %d", name, info.Size(), capacity).
		On(describe(m)).Fix("restore the file from a backup, or delete the machine")
}

// RotateLog starts a new vmware.log and returns it, open for appending. The log before becomes vmware-N.log with the
// next higher N; the oldest logs go, so that three of them stay.
func (f *Files) RotateLog() (*os.File, error) {
	file, err := f.rotateLog()
	return file, f.l.failure(f.m, "starting the log", err)
}

func (f *Files) rotateLog() (*os.File, error) {
	all, err := f.dir.Names()
	if err != nil {
		return nil, err
	}
	var old []int
	for _, name := range all {
		if number, ok := oldLogNumber(name); ok {
			old = append(old, number)
		}
	}
	slices.Sort(old)
	switch found, err := f.dir.Exists(logName); {
	case err != nil:
		return nil, err
	case found:
		next := 1
		if len(old) > 0 {
			next = old[len(old)-1] + 1
		}
		if err := f.dir.Rename(logName, oldLog(next)); err != nil {
			return nil, err
		}
		old = append(old, next)
	}
	for len(old) > keepLogs {
		if err := f.dir.Remove(oldLog(old[0])); err != nil {
			return nil, err
		}
		old = old[1:]
	}
	return f.dir.CreateNew(logName, os.O_WRONLY|os.O_APPEND)
}

// LogTail returns the last lines of vmware.log, at most the given number and at most 8 KB of them, without the newline
// at the end: for the message of a fault. It is empty when there is no log.
func (f *Files) LogTail(lines int) (string, error) {
	tail, err := f.logTail(lines)
	return tail, f.l.failure(f.m, "reading the log", err)
}

func (f *Files) logTail(lines int) (string, error) {
	const most = 8 << 10
	file, err := f.dir.Open(logName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	start := max(0, info.Size()-most)
	data, err := io.ReadAll(io.NewSectionReader(file, start, most))
	if err != nil {
		return "", err
	}
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	if start > 0 && len(all) > 1 {
		all = all[1:] // begins in the middle of a line
	}
	all = all[max(0, len(all)-lines):]
	return string(bytes.ToValidUTF8(bytes.Join(all, []byte("\n")), []byte("?"))), nil
}

// NVRAM opens the variables of the machine's EFI firmware for reading and writing. A machine that has none yet gets
// template, the firmware's own empty variable store. BIOS firmware keeps nothing: don't call it then. WrongState when the
// file has another length than template: another firmware wrote it.
func (f *Files) NVRAM(template []byte) (*os.File, error) {
	file, err := f.nvram(template)
	return file, f.l.failure(f.m, "opening the firmware variables", err)
}

func (f *Files) nvram(template []byte) (*os.File, error) {
	name, err := f.variables()
	if err != nil {
		return nil, err
	}
	file, err := f.dir.Open(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		if err := f.dir.Write(name, template); err != nil {
			return nil, err
		}
		file, err = f.dir.Open(name, os.O_RDWR)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != int64(len(template)) {
		err = dc.Errorf(dc.WrongState, "the file %s is not this firmware's: it has %d bytes instead of %d", name, info.Size(),
			len(template)).On(describe(f.m)).Fix("move it away; the machine then starts with fresh firmware variables")
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// variables returns the name of the file with the variables of the machine's firmware.
func (f *Files) variables() (string, error) {
	vmwares, err := isVMwares(f.dir, f.names.nvram())
	if vmwares {
		return f.names.variables(), err
	}
	return f.names.nvram(), err
}

// isVMwares reports whether a file has firmware variables as VMware keeps them, which no other firmware can read.
func isVMwares(dir *beneath.Dir, name string) (bool, error) {
	const magic = "MRVN"
	file, err := dir.Open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	head := make([]byte, len(magic))
	n, err := file.ReadAt(head, 0)
	if err == io.EOF {
		err = nil
	}
	return string(head[:n]) == magic, err
}

// Lock takes the machine for the caller alone and returns the lock: it is held for as long as a copy of the descriptor
// is open in any process, so a process that inherits it keeps the machine when the locker dies. Nobody needs to read or
// write the file. Unavailable names who has it.
func (f *Files) Lock() (*os.File, error) {
	file, err := f.lock()
	return file, f.l.failure(f.m, "locking the machine", err)
}

func (f *Files) lock() (*os.File, error) {
	name := f.names.lock()
	created, err := f.dir.CreateNew(name, os.O_RDWR)
	if err == nil {
		created.Close()
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	file, err := f.dir.Open(name, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if err := lock(f.m, name, file); err != nil {
		file.Close()
		return nil, err
	}
	// A lock on a file that DeleteMachine has removed since it was opened keeps nobody out.
	info, err := f.dir.Lstat(name)
	if err == nil {
		var mine fs.FileInfo
		if mine, err = file.Stat(); err == nil && !os.SameFile(info, mine) {
			err = fmt.Errorf("%s was replaced while it was locked", name)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// disks are the files that are looked for among what processes have open.
type disks struct {
	// inodes are those of the disks that are there, and folders the paths of the datastores, for disks that are not there
	// any more.
	inodes  map[string]bool
	folders []string
}

func disksOf(stores []dc.InspectedDatastore) disks {
	d := disks{inodes: map[string]bool{}}
	for _, ds := range stores {
		if ds.Path != "" {
			d.folders = append(d.folders, ds.Path+"/")
		}
		for _, f := range ds.Folders {
			for _, disk := range f.Disks {
				if _, inode, ok := strings.Cut(disk.File, ":"); ok {
					d.inodes[inode] = true
				}
			}
		}
	}
	return d
}

// within reports whether path is that of a disk's file on one of the datastores.
func (d disks) within(path string) bool {
	return strings.HasSuffix(path, extentEnding) &&
		slices.ContainsFunc(d.folders, func(folder string) bool { return strings.HasPrefix(path, folder) })
}

// readProcesses returns the processes that execute a machine or have a disk open: proc(5). Those that end meanwhile are left
// out, and so are those in other process namespaces, which are other hosts' where one machine stands for many.
func readProcesses(d disks) ([]dc.InspectedProcess, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	mine, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil, err
	}
	var all []dc.InspectedProcess
	var failures []error
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", e.Name())
		if ns, err := os.Readlink(filepath.Join(dir, "ns/pid")); err != nil || ns != mine {
			continue
		}
		p, err := readProcess(dir, pid, d)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		case err != nil:
			failures = append(failures, fmt.Errorf("process %d: %w", pid, err))
		case p.UUID != "" || len(p.Disks) > 0:
			all = append(all, p)
		}
	}
	return all, errors.Join(failures...)
}

func readProcess(dir string, pid int, d disks) (dc.InspectedProcess, error) {
	p := dc.InspectedProcess{PID: pid, Agent: pid == os.Getpid()}
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return p, err
	}
	if p.Start, err = readStart(dir); err != nil {
		return p, err
	}
	p.UUID, p.Folder = machineIn(strings.Split(string(line), "\x00"))
	if p.Disks, err = readOpenDisks(dir, d); err != nil {
		return p, err
	}
	if p.UUID == "" && len(p.Disks) == 0 {
		return p, nil
	}
	if err := readStatus(dir, &p); err != nil {
		return p, err
	}
	// What was read is of one process, and that still lives.
	again, err := readStart(dir)
	if err == nil && again != p.Start {
		err = fs.ErrNotExist
	}
	return p, err
}

// machineIn returns the machine that a QEMU's arguments name: its UUID, and the folder that the driver writes there for
// people to see, as the label of the first inherited file.
func machineIn(args []string) (uuid, folder string) {
	if !strings.HasPrefix(filepath.Base(args[0]), "qemu") {
		return "", ""
	}
	for i, arg := range args[:len(args)-1] {
		switch value := args[i+1]; {
		case arg == "-uuid":
			uuid = value
		case arg == "-add-fd" && folder == "":
			_, label, _ := strings.Cut(value, "opaque=")
			folder = strings.ReplaceAll(label, ",,", ",")
		}
	}
	return uuid, folder
}

// readStart returns when the process was started. One that has ended and was not waited for has ended.
func readStart(dir string) (uint64, error) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("%s/stat has %d fields", dir, len(fields))
	}
	if state := fields[0][0]; state == 'Z' || state == 'X' {
		return 0, fs.ErrNotExist
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}

// seccompFilter is the mode in which a program filters system calls: seccomp(2).
const seccompFilter = "2"

func readStatus(dir string, p *dc.InspectedProcess) error {
	text, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Name":
			p.Name = value
		case "Uid":
			for _, field := range strings.Fields(value) {
				user, err := strconv.ParseUint(field, 10, 32)
				if err != nil {
					return fmt.Errorf("its users are %q", value)
				}
				p.Users = append(p.Users, uint32(user))
			}
		case "CapInh", "CapPrm", "CapEff", "CapAmb":
			p.Capabilities = p.Capabilities || strings.Trim(value, "0") != ""
		case "Seccomp":
			p.Seccomp = value == seccompFilter
		}
	}
	return nil
}

// readOpenDisks returns the files of disks that a process has open. It looks at the kernel's lists only: a file system that
// does not answer is not asked.
func readOpenDisks(dir string, d disks) ([]dc.InspectedFile, error) {
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil, err
	}
	var all []dc.InspectedFile
	for _, fd := range fds {
		link := filepath.Join(dir, "fd", fd.Name())
		path, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(path, "/") {
			continue // closed meanwhile, or no file
		}
		path, deleted := strings.CutSuffix(path, " (deleted)")
		info, err := os.ReadFile(filepath.Join(dir, "fdinfo", fd.Name()))
		if err != nil {
			continue
		}
		f, inode := parseOpenFile(string(info))
		if !d.within(path) && !d.inodes[inode] {
			continue
		}
		st, err := os.Stat(link)
		if err != nil {
			continue
		}
		f.Path, f.Deleted, f.File = path, deleted, fileOf(st)
		all = append(all, f)
	}
	return all, nil
}

// parseOpenFile reads a file of /proc/PID/fdinfo.
func parseOpenFile(text string) (f dc.InspectedFile, inode string) {
	for _, line := range strings.Split(text, "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "flags":
			flags, err := strconv.ParseInt(value, 8, 64)
			f.Writable = err == nil && flags&unix.O_ACCMODE != unix.O_RDONLY && flags&unix.O_PATH == 0
		case "ino":
			inode = value
		case "lock":
			f.Locked = f.Locked || strings.Contains(value, "FLOCK") && strings.Contains(value, "WRITE")
		}
	}
	return f, inode
}

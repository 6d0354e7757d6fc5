package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// process is one that executes a machine. Start tells it from a later one with the same ID.
type process struct {
	pid   int
	start string
}

func (p process) String() string { return fmt.Sprintf("process %d, started at %s", p.pid, p.start) }

var guestName = regexp.MustCompile(`\x00-name\x00guest=([^,\x00]+),`)

// processes returns what executes machines on the hosts whose disks are below the folder, by the machines' names. It reads the
// list of processes and asks nobody.
func processes(folder string) (map[string][]process, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	all := map[string][]process{}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), folder+"/") {
			continue // it has ended, or is not ours
		}
		name := guestName.FindSubmatch(line)
		if name == nil {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		if start, ok := started(pid); ok {
			all[string(name[1])] = append(all[string(name[1])], process{pid, start})
		}
	}
	for name, ps := range all {
		if len(ps) < 2 {
			continue
		}
		// One may have ended before the other began.
		var alive []process
		for _, p := range ps {
			if start, ok := started(p.pid); ok && start == p.start {
				alive = append(alive, p)
			}
		}
		all[name] = alive
	}
	return all, nil
}

// started returns when a process started, in the kernel's units (proc_pid_stat(5), field 22); false for one that has ended.
func started(pid int) (string, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return "", false
	}
	return fields[19], true
}

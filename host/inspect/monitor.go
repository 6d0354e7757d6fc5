package inspect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/qmp"
)

const (
	// checkSocket is the name of the socket on which a QEMU answers this package alone.
	checkSocket = "check"
	// answerTime bounds what one QEMU takes; askers is how many are asked at once.
	answerTime = 5 * time.Second
	askers     = 16
)

// askMonitors asks each QEMU that offers it what it executes.
func askMonitors(ctx context.Context, processes []dc.InspectedProcess) {
	sockets, err := readSockets()
	var asking sync.WaitGroup
	defer asking.Wait()
	free := make(chan struct{}, askers)
	for i := range processes {
		p := &processes[i]
		if p.UUID == "" {
			continue
		}
		if err != nil {
			p.MonitorFailure = err.Error()
			continue
		}
		path := checkSocketOf(p.PID, sockets)
		if path == "" {
			continue // started by a version that offers none
		}
		free <- struct{}{}
		asking.Go(func() {
			defer func() { <-free }()
			m, err := ask(ctx, path)
			switch {
			case errors.Is(err, context.DeadlineExceeded), errors.Is(err, unix.EAGAIN): // nobody has taken the earlier ones out of the queue
				p.MonitorFailure = fmt.Sprintf("it has said nothing for %v", answerTime)
			case err != nil:
				p.MonitorFailure = err.Error()
			default:
				p.Monitor = m
			}
		})
	}
}

// readSockets returns the paths of the unix sockets by their inodes: unix(7).
func readSockets() (map[string]string, error) {
	file, err := os.Open("/proc/self/net/unix")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	paths := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// Num RefCount Protocol Flags Type St Inode Path
		if fields := strings.Fields(lines.Text()); len(fields) > 7 {
			_, path, _ := strings.Cut(lines.Text(), " "+fields[6]+" ")
			paths[fields[6]] = strings.TrimSpace(path)
		}
	}
	return paths, lines.Err()
}

// checkSocketOf returns the path of the check socket that the process has open, or "".
func checkSocketOf(pid int, sockets map[string]string) string {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return ""
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		inode, ok := strings.CutPrefix(target, "socket:[")
		if err != nil || !ok {
			continue
		}
		if path := sockets[strings.TrimSuffix(inode, "]")]; filepath.Base(path) == checkSocket {
			return path
		}
	}
	return ""
}

// ask asks one QEMU.
func ask(ctx context.Context, path string) (*dc.InspectedMonitor, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	mon, err := qmp.Dial(ctx, path)
	if err != nil {
		return nil, err
	}
	defer mon.Close()
	var (
		status struct {
			Status string `json:"status"`
		}
		uuid struct {
			UUID string `json:"UUID"`
		}
		cpus   []struct{}
		memory struct {
			Base int64 `json:"base-memory"`
		}
		drives []struct {
			QDev     string `json:"qdev"`
			Inserted *struct {
				ReadOnly bool `json:"ro"`
				Image    struct {
					Size int64 `json:"virtual-size"`
				} `json:"image"`
			} `json:"inserted"`
		}
	)
	queries := []struct {
		command string
		result  any
	}{
		{"query-status", &status}, {"query-uuid", &uuid}, {"query-cpus-fast", &cpus},
		{"query-memory-size-summary", &memory}, {"query-block", &drives},
	}
	var failures []error
	for _, q := range queries {
		failures = append(failures, mon.Execute(ctx, q.command, nil, q.result))
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	m := &dc.InspectedMonitor{Status: status.Status, UUID: uuid.UUID, CPUs: len(cpus), MemoryBytes: memory.Base}
	for _, d := range drives {
		if d.Inserted == nil || d.QDev == "" { // firmware, an empty drive
			continue
		}
		m.Disks = append(m.Disks, dc.InspectedDrive{Device: d.QDev, CapacityBytes: d.Inserted.Image.Size, ReadOnly: d.Inserted.ReadOnly})
	}
	return m, nil
}

package agent

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"hanok/dc"
)

// Facts returns what can be known of this Linux host without its drivers: all of dc.HostStatus but Connection, Version and
// Hypervisor.
func Facts() (dc.HostStatus, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return dc.HostStatus{}, fmt.Errorf("find out which boot of the host this is: %w", err)
	}
	memory, err := find("/proc/meminfo", "MemTotal", ":")
	if err != nil {
		return dc.HostStatus{}, err
	}
	kb, err := strconv.ParseInt(strings.TrimSuffix(memory, " kB"), 10, 64)
	if err != nil {
		return dc.HostStatus{}, fmt.Errorf("find out how much memory the host has: %w", err)
	}
	model, err := find("/proc/cpuinfo", "model name", ":")
	if err != nil {
		return dc.HostStatus{}, err
	}
	system, err := find("/etc/os-release", "PRETTY_NAME", "=")
	if err != nil && !os.IsNotExist(err) {
		return dc.HostStatus{}, err
	}
	return dc.HostStatus{
		BootID: strings.TrimSpace(string(boot)), OS: strings.Trim(system, `"'`), CPUs: runtime.NumCPU(), CPUModel: model,
		MemoryMB: kb >> 10,
	}, nil
}

// find returns the value after the first key in a file of lines with keys and values, or "".
func find(path, key, separator string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), separator); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v), nil
		}
	}
	return "", lines.Err()
}

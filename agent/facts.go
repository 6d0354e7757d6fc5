package agent

import (
	"bufio"
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
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
	mhz, err := clockRate(model)
	if err != nil {
		return dc.HostStatus{}, err
	}
	return dc.HostStatus{
		BootID: strings.TrimSpace(string(boot)), OS: strings.Trim(system, `"'`), CPUs: runtime.NumCPU(), CPUModel: model,
		CPUCores: cores(), CPUMHz: mhz, MemoryMB: kb >> 10, ReservedMemoryMB: dc.HostReserveMB(kb >> 10),
	}, nil
}

// clockRate returns the clock rate in MHz that each core keeps up: what the processor's maker calls its base frequency, where the
// kernel or the model's name says so, else the highest that the kernel would choose, else the present one. 0 is not known.
func clockRate(model string) (int64, error) {
	const cpufreq = "/sys/devices/system/cpu/cpu0/cpufreq/"
	kilohertz := func(file string) int64 {
		data, err := os.ReadFile(cpufreq + file)
		if err != nil {
			return 0
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err != nil {
			return 0
		}
		return n / 1000
	}
	if mhz := kilohertz("base_frequency"); mhz > 0 {
		return mhz, nil
	}
	if _, rate, ok := strings.Cut(model, " @ "); ok {
		if ghz, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rate), "GHz"), 64); err == nil && ghz > 0 {
			return int64(math.Round(ghz * 1000)), nil
		}
	}
	if mhz := kilohertz("cpuinfo_max_freq"); mhz > 0 {
		return mhz, nil
	}
	now, err := find("/proc/cpuinfo", "cpu MHz", ":")
	if err != nil {
		return 0, err
	}
	mhz, err := strconv.ParseFloat(now, 64)
	if err != nil {
		return 0, nil
	}
	return int64(math.Round(mhz)), nil
}

// cores returns the number of physical cores, of which each may be several CPUs to the kernel, and that of CPUs where the kernel
// does not say.
func cores() int {
	siblings := map[string]bool{}
	files, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list") // the pattern is a good one
	for _, file := range files {
		if list, err := os.ReadFile(file); err == nil {
			siblings[string(list)] = true
		}
	}
	return cmp.Or(min(len(siblings), runtime.NumCPU()), runtime.NumCPU())
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

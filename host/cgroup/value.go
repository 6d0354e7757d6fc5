package cgroup

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// period is how often a CPU limit gives its time out, in microseconds: the kernel's own default. Nothing gets less than minQuota of
// it, which is the least that the kernel takes.
const (
	period   = 100_000
	minQuota = 1_000
)

// apply gives a group what its share says. limit is its own CPU limit or that of a group around it, whichever is lower.
func (h *hierarchy) apply(dir string, s Share, limit float64) error {
	var failed []error
	set := func(file, value string) { failed = append(failed, write(dir, file, value)) }
	quota := int64(-1)
	if limit > 0 {
		quota = max(minQuota, int64(math.Round(limit*period)))
	}
	switch {
	case h.cpu && h.version == V2:
		set("cpu.weight", strconv.FormatInt(weight(s.CPUShares), 10))
		max := "max"
		if quota > 0 {
			max = strconv.FormatInt(quota, 10)
		}
		set("cpu.max", fmt.Sprintf("%s %d", max, period))
	case h.cpu:
		set("cpu.shares", strconv.FormatInt(min(max(s.CPUShares, 2), 1<<18), 10))
		failed = append(failed, h.setQuota(dir, quota))
	}
	switch {
	case h.memory && h.version == V2:
		if s.MemoryMin > 0 || s.MemoryMax > 0 { // a machine's; a pool's is that of what is in it
			set("memory.min", strconv.FormatInt(s.MemoryMin, 10))
		}
		set("memory.max", bytesOr(s.MemoryMax, "max"))
	case h.memory:
		if s.MemoryMin > 0 || s.MemoryMax > 0 {
			set("memory.soft_limit_in_bytes", strconv.FormatInt(s.MemoryMin, 10))
		}
		set("memory.limit_in_bytes", bytesOr(s.MemoryMax, "-1"))
	}
	return errors.Join(failed...)
}

func bytesOr(n int64, none string) string {
	if n == 0 {
		return none
	}
	return strconv.FormatInt(n, 10)
}

// weight returns shares as version 2 counts them, 1 to 10000: 40 for a virtual CPU at the normal level. Its own default is 100.
func weight(shares int64) int64 { return min(max((shares+12)/25, 1), 10_000) }

// setQuota limits a group's CPU under version 1, which refuses a group more than the one around it has: what is in this one, and
// would have more, is lowered first. It gets what it may have when it is placed anew.
func (h *hierarchy) setQuota(dir string, quota int64) error {
	err := write(dir, "cpu.cfs_quota_us", strconv.FormatInt(quota, 10))
	if !errors.Is(err, unix.EINVAL) || quota < 0 {
		return err
	}
	h.walk(dir, func(below string) {
		if old, err := number(below, "cpu.cfs_quota_us"); err == nil && below != dir && (old < 0 || old > quota) {
			_ = write(below, "cpu.cfs_quota_us", strconv.FormatInt(quota, 10)) // the next write tells
		}
	})
	return write(dir, "cpu.cfs_quota_us", strconv.FormatInt(quota, 10))
}

// keep gives a group, and those around it, the memory.min of what is in it together: version 2 keeps a group's memory only as far
// as the group around it keeps as much.
func (h *hierarchy) keep(dir string) error {
	if h.version != V2 || !h.memory {
		return nil
	}
	for ; dir != h.base; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		var sum int64
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			if n, err := number(filepath.Join(dir, e.Name()), "memory.min"); err == nil {
				sum += n
			}
		}
		if err := write(dir, "memory.min", strconv.FormatInt(sum, 10)); err != nil {
			return err
		}
	}
	return nil
}

// delegate lets the groups in dir have values of their own, which version 2 wants to be told.
func (h *hierarchy) delegate(dir string) error {
	if h.version != V2 {
		return nil
	}
	for _, c := range []struct {
		name string
		on   bool
	}{{"cpu", h.cpu}, {"memory", h.memory}} {
		if !c.on {
			continue
		}
		enabled, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if err != nil {
			return fmt.Errorf("read a control group: %w", err)
		}
		if contains(string(enabled), c.name) {
			continue
		}
		err = write(dir, "cgroup.subtree_control", "+"+c.name)
		if errors.Is(err, unix.EBUSY) && dir == h.base {
			if err = h.evacuate(); err == nil {
				err = write(dir, "cgroup.subtree_control", "+"+c.name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// evacuate moves the processes of the delegated group, this one among them, into one of their own: the kernel has processes in
// groups without others only.
func (h *hierarchy) evacuate() error {
	leaf := filepath.Join(h.base, "agent")
	if err := h.mkdir(leaf); err != nil {
		return err
	}
	pids, err := os.ReadFile(filepath.Join(h.base, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("read a control group: %w", err)
	}
	for _, pid := range strings.Fields(string(pids)) {
		if err := write(leaf, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// number reads a group's value; "max" is the largest.
func number(dir, file string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(data))
	if text == "max" {
		return math.MaxInt64, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

// Package cgroup divides a host's CPU and memory among machines with the kernel's control groups: shares, limits and what is
// kept for whom. The driver that executes machines puts their processes here.
//
// Groups are nested as resource pools are. All of them stand below one group of this data center's host at the root of each
// hierarchy, where they outlive whatever service or session this process is part of; where that can't be had, below the group that
// a service manager has delegated to this process (systemd: Delegate=yes). What is there is the only memory: a later process of
// the agent finds the groups as they are, and a group without processes means nothing.
//
// Both versions work, also mixed, controller by controller. Version 2 keeps memory from being reclaimed (memory.min); version 1
// only chooses first whom to take from (soft limits). Neither keeps CPU time for anybody: that is by shares. A host may have none
// of it, and then says so (Warnings).
//
// The package knows processes and numbers, no machines. It is a few writes to files by rules of our own, among them which of two
// hierarchies counts and what to do about each kernel's refusals, so no library carries it.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Share is what a group gets among its siblings.
type Share struct {
	// Name is the group's: lower-case letters, digits and hyphens.
	Name string
	// CPUShares are as vSphere counts them: 1000 for a virtual CPU at the normal level.
	CPUShares int64
	// CPULimit is how many CPUs it may use at most, 0.25 for a quarter of one; 0 is no limit.
	CPULimit float64
	// MemoryMin is how many bytes are not to be taken from it, MemoryMax how many it never exceeds; 0 is none. MemoryMin of a group
	// with others in it is what those have.
	MemoryMin, MemoryMax int64
}

// Version tells how a controller can be used.
type Version int

// The versions. Absent is a controller that this host does not offer to this process.
const (
	Absent Version = iota
	V1
	V2
)

// Tree is the groups of one data center's host. It is safe for concurrent use; one process has it at a time. A nil Tree is that
// of a host without controllers.
type Tree struct {
	mu          sync.Mutex
	hierarchies []*hierarchy
	warnings    []string
}

// hierarchy is one mounted tree of groups.
type hierarchy struct {
	version Version
	// base is the group in which top is; top is ours.
	base, top string
	// cpu and memory are whether it has these controllers.
	cpu, memory bool
}

// Open finds this host's controllers. name is the group below which everything is to be, and no other's. Groups that nothing is in
// any more are removed. What is missing is in Warnings, and no error.
func Open(name string) *Tree {
	mounts, err := readMounts("/proc/self/mountinfo")
	t := newTree(name, mounts, ownGroup("/proc/self/cgroup"))
	if err != nil {
		t.warnings = append(t.warnings, "Which control groups the host has is not known: "+err.Error()+"; mount /proc.")
	}
	t.sweep()
	return t
}

// newTree returns the tree of the name in the mounted hierarchies; own is this process's group in that of version 2.
func newTree(name string, mounts []mount, own string) *Tree {
	t := &Tree{}
	for _, controller := range []string{"cpu", "memory"} {
		var reasons []string
		if t.find(mounts, controller, name, own, &reasons) {
			continue
		}
		reason := "the kernel offers none"
		if len(reasons) > 0 {
			reason = reasons[len(reasons)-1]
		}
		what := map[string]string{"cpu": "CPU limits and shares", "memory": "Memory reservations"}[controller]
		t.warnings = append(t.warnings, fmt.Sprintf("%s are not enforced: there is no %s controller (%s); mount cgroup2 with it, "+
			"and run the service as root or with Delegate=yes.", what, controller, reason))
	}
	return t
}

// find adds the hierarchy that has a controller: a version 2 one before others.
func (t *Tree) find(mounts []mount, controller, name, own string, reasons *[]string) bool {
	slices.SortStableFunc(mounts, func(a, b mount) int { return int(b.version - a.version) })
	for _, m := range mounts {
		if !slices.Contains(m.controllers(), controller) {
			continue
		}
		bases := []string{m.point}
		if inner := filepath.Join(m.point, own); m.version == V2 && delegated(inner) {
			bases = append(bases, inner)
		}
		for _, base := range bases {
			if err := t.take(hierarchy{version: m.version, base: base, top: filepath.Join(base, name)}, controller); err != nil {
				*reasons = append(*reasons, err.Error())
				continue
			}
			return true
		}
	}
	return false
}

// take adds a controller to the tree where groups with it can be made in the hierarchy.
func (t *Tree) take(found hierarchy, controller string) error {
	h := &found
	i := slices.IndexFunc(t.hierarchies, func(o *hierarchy) bool { return o.top == h.top })
	if i >= 0 {
		h = t.hierarchies[i]
	}
	has := &h.cpu
	if controller == "memory" {
		has = &h.memory
	}
	*has = true
	if err := h.try(); err != nil {
		*has = false
		return err
	}
	if i < 0 {
		t.hierarchies = append(t.hierarchies, h)
	}
	return nil
}

// try finds out whether groups can be made.
func (h *hierarchy) try() error {
	probe := filepath.Join(h.top, "probe")
	err := h.make(h.top)
	if err == nil {
		err = h.mkdir(probe)
	}
	if err == nil {
		err = h.apply(probe, Share{CPUShares: 1000, MemoryMin: 1 << 20}, 0)
	}
	_ = os.Remove(probe)
	_ = os.Remove(h.top)
	return err
}

// CPU returns how the cpu controller can be used, and Memory the memory controller.
func (t *Tree) CPU() Version {
	return t.version(func(h *hierarchy) bool { return h.cpu })
}

// Memory: see CPU.
func (t *Tree) Memory() Version {
	return t.version(func(h *hierarchy) bool { return h.memory })
}

func (t *Tree) version(has func(*hierarchy) bool) Version {
	if t == nil {
		return Absent
	}
	for _, h := range t.hierarchies {
		if has(h) {
			return h.version
		}
	}
	return Absent
}

// Warnings returns what an administrator should know, each a sentence with what to do.
func (t *Tree) Warnings() []string {
	if t == nil {
		return nil
	}
	return slices.Clone(t.warnings)
}

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// Place puts a process with all its threads into the group of the last share, which is in those before it, the outermost first, and
// gives every one of these groups what its share says. It may be called again, with others: then the process moves. Groups that
// this leaves empty are removed. What could be done was done where it fails.
func (t *Tree) Place(pid int, path ...Share) error {
	if t == nil || len(path) == 0 {
		return nil
	}
	for _, s := range path {
		if !validName.MatchString(s.Name) {
			return fmt.Errorf("%q is no name of a group", s.Name)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var failed []error
	for _, h := range t.hierarchies {
		failed = append(failed, h.place(pid, path))
	}
	return errors.Join(failed...)
}

func (h *hierarchy) place(pid int, path []Share) error {
	if err := h.make(h.top); err != nil {
		return err
	}
	var failed []error
	dir, limit, leaf := h.top, 0.0, path[len(path)-1].Name
	for i, s := range path {
		dir = filepath.Join(dir, s.Name)
		if err := h.mkdir(dir); err != nil {
			return err
		}
		if i < len(path)-1 {
			if err := h.delegate(dir); err != nil {
				return err
			}
		}
		if limit == 0 || s.CPULimit != 0 && s.CPULimit < limit {
			limit = s.CPULimit
		}
		if i < len(path)-1 {
			s.MemoryMin = 0 // see keep
		}
		failed = append(failed, h.apply(dir, s, limit))
	}
	failed = append(failed, h.keep(filepath.Dir(dir)))
	if err := write(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
		failed = append(failed, err)
	}
	for _, old := range h.named(leaf) {
		if old != dir {
			h.remove(old)
		}
	}
	return errors.Join(failed...)
}

// make makes our own group, with which guests come before other programs and leave them a tenth of what is short.
func (h *hierarchy) make(top string) error {
	if err := h.delegate(h.base); err != nil {
		return err
	}
	if err := h.mkdir(top); err != nil {
		return err
	}
	if h.cpu {
		file, value := "cpu.shares", "10240"
		if h.version == V2 {
			file, value = "cpu.weight", "1000"
		}
		if err := write(top, file, value); err != nil {
			return err
		}
	}
	return h.delegate(top)
}

func (h *hierarchy) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a control group: %w", err)
	}
	return nil
}

// Remove removes the group of the name, in which no process is any more, and those that this leaves empty.
func (t *Tree) Remove(name string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.hierarchies {
		for _, dir := range h.named(name) {
			h.remove(dir)
		}
	}
}

// remove removes a group and those above it as far as they are empty. The kernel refuses it for every other group.
func (h *hierarchy) remove(dir string) {
	for dir != h.base && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
	if strings.HasPrefix(dir, h.top+"/") {
		_ = h.keep(dir) // too much is kept until the next change
	}
}

// named returns the groups of the name.
func (h *hierarchy) named(name string) []string {
	var found []string
	h.walk(h.top, func(dir string) {
		if filepath.Base(dir) == name {
			found = append(found, dir)
		}
	})
	return found
}

// sweep removes all groups in which nothing is.
func (t *Tree) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.hierarchies {
		h.walk(h.top, func(dir string) { _ = os.Remove(dir) })
	}
}

// walk calls fn for every group from dir down, those below another one first.
func (h *hierarchy) walk(dir string, fn func(dir string)) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			h.walk(filepath.Join(dir, e.Name()), fn)
		}
	}
	fn(dir)
}

// write sets one of a group's values.
func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(value)
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("set %s of a control group to %s: %w", file, value, err)
	}
	return nil
}

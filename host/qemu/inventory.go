package qemu

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hanok/dc"
)

// inventory is what a QEMU has, by its own word: an agent that finds a machine again knows no more.
type inventory struct {
	// devices are QEMU's models by the names of the devices.
	devices  map[string]string
	cpus     int
	memoryMB int64 // with the modules
	// modules are the memory that was added while the machine had power, in MB, in its order.
	modules []int64
	// sizes are those of the disks in bytes, and sets the descriptors' sets of disks and media, both by the devices' names. An empty
	// drive has no set.
	sizes map[string]int64
	sets  map[string]int
	// labels say which files the sets have.
	labels map[int]string
	wiring wiring
}

// inventory asks QEMU for it.
func (m *machine) inventory(ctx context.Context) (inventory, error) {
	has := inventory{devices: map[string]string{}, sizes: map[string]int64{}, sets: map[string]int{}, labels: map[int]string{}}
	var peripherals []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if err := m.execute(ctx, "qom-list", map[string]any{"path": "/machine/peripheral"}, &peripherals); err != nil {
		return has, err
	}
	for _, p := range peripherals {
		if model, ok := strings.CutPrefix(p.Type, "child<"); ok {
			has.devices[p.Name] = strings.TrimSuffix(model, ">")
		}
	}
	var cpus []struct{}
	if err := m.execute(ctx, "query-cpus-fast", nil, &cpus); err != nil {
		return has, err
	}
	has.cpus = len(cpus)
	var memory struct {
		Base    int64 `json:"base-memory"`
		Plugged int64 `json:"plugged-memory"`
	}
	if err := m.execute(ctx, "query-memory-size-summary", nil, &memory); err != nil {
		return has, err
	}
	has.memoryMB = (memory.Base + memory.Plugged) >> 20
	var modules []struct {
		Data struct {
			Slot int   `json:"slot"`
			Size int64 `json:"size"`
		} `json:"data"`
	}
	if err := m.execute(ctx, "query-memory-devices", nil, &modules); err != nil {
		return has, err
	}
	has.modules = make([]int64, len(modules))
	for _, module := range modules {
		if slot := module.Data.Slot; slot >= 0 && slot < len(modules) { // they are never removed: the slots in use are the first
			has.modules[slot] = module.Data.Size >> 20
		}
	}
	if err := m.listMedia(ctx, &has); err != nil {
		return has, err
	}
	var err error
	if has.wiring, err = m.wiring(ctx); err != nil {
		return has, err
	}
	return has, m.listSets(ctx, &has)
}

// fdset is in the names of files that QEMU has by a descriptor.
var fdset = regexp.MustCompile(`/dev/fdset/([0-9]+)`)

// listMedia finds out what is in drives and behind disks.
func (m *machine) listMedia(ctx context.Context, has *inventory) error {
	var nodes []struct {
		Name  string `json:"node-name"`
		File  string `json:"file"`
		Image struct {
			Size int64 `json:"virtual-size"`
		} `json:"image"`
	}
	if err := m.execute(ctx, "query-named-block-nodes", map[string]any{"flat": true}, &nodes); err != nil {
		return err
	}
	for _, n := range nodes {
		if !strings.HasPrefix(n.Name, "disk") || strings.HasSuffix(n.Name, "-file") {
			continue
		}
		has.sizes[n.Name] = n.Image.Size
		if set, ok := setOf(n.File); ok {
			has.sets[n.Name] = set
		}
	}
	var blocks []struct {
		Device   string `json:"qdev"`
		Inserted *struct {
			File string `json:"file"`
		} `json:"inserted"`
	}
	if err := m.execute(ctx, "query-block", nil, &blocks); err != nil {
		return err
	}
	for _, b := range blocks {
		if name := path.Base(b.Device); b.Inserted != nil && strings.HasPrefix(name, "drive") {
			has.sets[name], _ = setOf(b.Inserted.File)
		}
	}
	return nil
}

func setOf(file string) (int, bool) {
	found := fdset.FindStringSubmatch(file)
	if found == nil {
		return 0, false
	}
	set, err := strconv.Atoi(found[1])
	return set, err == nil
}

func (m *machine) listSets(ctx context.Context, has *inventory) error {
	var sets []struct {
		ID  int `json:"fdset-id"`
		FDs []struct {
			Label string `json:"opaque"`
		} `json:"fds"`
	}
	if err := m.execute(ctx, "query-fdsets", nil, &sets); err != nil {
		return err
	}
	for _, s := range sets {
		for _, fd := range s.FDs {
			has.labels[s.ID] = fd.Label
		}
	}
	return nil
}

// wanted returns the devices of a machine as inventory has them.
func wanted(spec dc.Machine) map[string]string {
	devices := map[string]string{}
	args := Command{Machine: spec, Type: machineType}.Args()
	for i, arg := range args {
		if i == 0 || args[i-1] != "-device" {
			continue
		}
		parts := strings.Split(arg, ",")
		for _, part := range parts[1:] {
			if id, ok := strings.CutPrefix(part, "id="); ok {
				devices[id] = parts[0]
			}
		}
	}
	return devices
}

// compareDevices says where the devices are not those in want, except for the devices in except.
func (has inventory) compareDevices(want map[string]string, except func(id string) bool) []string {
	var said []string
	for id, model := range want {
		switch is, ok := has.devices[id]; {
		case except(id):
		case !ok:
			said = append(said, fmt.Sprintf("the device %s (%s) is not there", id, model))
		case is != model:
			said = append(said, fmt.Sprintf("the device %s is a %s, not a %s", id, is, model))
		}
	}
	for id, model := range has.devices {
		if want[id] == "" && !except(id) {
			said = append(said, fmt.Sprintf("the device %s (%s) is still there", id, model))
		}
	}
	slices.Sort(said)
	return said
}

// compareSize says where the CPUs and the memory are not those that were asked for.
func (has inventory) compareSize(h dc.Hardware) []string {
	var said []string
	if has.cpus != h.CPUs {
		said = append(said, fmt.Sprintf("it has %d CPUs, not %d", has.cpus, h.CPUs))
	}
	if has.memoryMB != h.MemoryMB {
		said = append(said, fmt.Sprintf("it has %d MB of memory, not %d", has.memoryMB, h.MemoryMB))
	}
	return said
}

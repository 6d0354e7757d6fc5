package qemu

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"hanok/dc"
)

// checkGrowth says which changes of the CPUs and the memory can't be made while the machine has power.
func (c change) checkGrowth() []string {
	var said []string
	add := c.spec.MemoryMB - c.has.memoryMB
	base := c.has.memoryMB
	for _, mb := range c.has.modules {
		base -= mb
	}
	switch {
	case c.spec.CPUs > c.has.cpus && !c.spec.CPUHotAdd:
		said = append(said, fmt.Sprintf("it has %d CPUs, not %d, and hot-add of CPUs is not enabled", c.has.cpus, c.spec.CPUs))
	case c.spec.CPUs < c.has.cpus && !c.spec.CPUHotRemove:
		said = append(said, fmt.Sprintf("it has %d CPUs, not %d, and hot-remove of CPUs is not enabled", c.has.cpus, c.spec.CPUs))
	}
	if c.spec.CPUs != c.has.cpus && !c.spec.RootPorts &&
		slices.ContainsFunc(c.spec.Controllers, func(d dc.Controller) bool { return d.Type == dc.ControllerVirtio }) {
		said = append(said, "its virtio-scsi controllers follow the number of its CPUs, since it was made by an older version")
	}
	switch {
	case add == 0:
	case add < 0:
		said = append(said, fmt.Sprintf("it has %d MB of memory, not %d, and can't give any back", c.has.memoryMB, c.spec.MemoryMB))
	case !c.spec.MemoryHotAdd:
		said = append(said, fmt.Sprintf("it has %d MB of memory, not %d, and hot-add of memory is not enabled", c.has.memoryMB, c.spec.MemoryMB))
	case add%dc.HotMemoryStepMB != 0:
		said = append(said, fmt.Sprintf("it has %d MB of memory, which grows by multiples of %d MB, and not to %d MB", c.has.memoryMB, dc.HotMemoryStepMB,
			c.spec.MemoryMB))
	case c.spec.MemoryMB > mostMemory(base):
		said = append(said, fmt.Sprintf("it was powered on with %d MB of memory, which grows to %d MB at most", base, mostMemory(base)))
	case len(c.has.modules) == memorySlots:
		said = append(said, fmt.Sprintf("its memory has grown %d times, and can't grow again", memorySlots))
	}
	return said
}

// grow adds CPUs and memory, and takes CPUs away. Its group of the host has room for the memory first.
func (c change) grow(ctx context.Context) error {
	if c.spec.MemoryMB > c.has.memoryMB {
		if err := c.m.d.Allocate(ctx, c.spec); err != nil {
			return err
		}
		if err := c.addMemory(ctx, c.spec.MemoryMB-c.has.memoryMB); err != nil {
			return err
		}
	}
	if c.spec.CPUs == c.has.cpus {
		return nil
	}
	places, err := c.cpus(ctx)
	if err != nil {
		return err
	}
	if c.spec.CPUs > len(places) {
		return failure(dc.Unsupported, c.spec, "it has room for %d CPUs, not for %d", len(places), c.spec.CPUs).Fix("power it off first")
	}
	// The CPUs in use are always the first, as they are after a power-on: a machine that wakes up has the same.
	for n := c.has.cpus; n < c.spec.CPUs; n++ {
		device := map[string]any{"driver": places[n].Type}
		for key, value := range places[n].Place {
			device[key] = value
		}
		if err := c.m.execute(ctx, "device_add", device, nil); err != nil {
			return err
		}
	}
	for n := c.has.cpus - 1; n >= c.spec.CPUs; n-- {
		if err := c.unplug(ctx, places[n].Path); err != nil {
			return err
		}
	}
	return nil
}

// cpu is a place for a CPU. Path is that of the CPU, or empty where there is none.
type cpu struct {
	Type  string           `json:"type"`
	Place map[string]int64 `json:"props"`
	Path  string           `json:"qom-path"`
}

// cpus returns all places for CPUs, in the order of the sockets and of the cores in them.
func (c change) cpus(ctx context.Context) ([]cpu, error) {
	var places []cpu
	if err := c.m.execute(ctx, "query-hotpluggable-cpus", nil, &places); err != nil {
		return nil, err
	}
	slices.SortFunc(places, func(a, b cpu) int {
		return cmp.Or(cmp.Compare(a.Place["socket-id"], b.Place["socket-id"]), cmp.Compare(a.Place["core-id"], b.Place["core-id"]))
	})
	return places, nil
}

// addMemory adds a module. What a change before has left of one is replaced.
func (c change) addMemory(ctx context.Context, mb int64) error {
	id := moduleID(len(c.has.modules))
	_ = c.m.execute(ctx, "object-del", map[string]any{"id": id}, nil) // most often there is none
	content := map[string]any{"qom-type": "memory-backend-ram", "id": id, "size": mb << 20}
	if err := c.m.execute(ctx, "object-add", content, nil); err != nil {
		return err
	}
	return c.m.execute(ctx, "device_add", map[string]any{"driver": "pc-dimm", "memdev": id}, nil)
}

// A machine's memory on its datastore ends with a note about its modules, if it has any: QEMU reads no further than its own. The note
// is their sizes in MB as JSON, and modulesNote.

// modulesNote ends a memory with modules.
const modulesNote = "hanok modules\n"

// maxNote bounds the note.
const maxNote = 1 << 10

// noteModules writes the note at the end of a memory.
func noteModules(file *os.File, modules []int64) error {
	if len(modules) == 0 {
		return nil
	}
	text, err := json.Marshal(modules)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	note := fmt.Appendf(nil, "\n%s\n%s", text, modulesNote)
	_, err = file.WriteAt(note, info.Size())
	return err
}

// readModules returns the modules of a memory.
func readModules(file *os.File) ([]int64, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	tail := make([]byte, min(info.Size(), maxNote))
	if _, err := file.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return nil, err
	}
	return parseModules(tail)
}

// parseModules returns the modules in the note at the end of tail, and none where there is no note.
func parseModules(tail []byte) ([]int64, error) {
	text, ok := bytes.CutSuffix(tail, []byte(modulesNote))
	if !ok {
		return nil, nil
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	var modules []int64
	if err := json.Unmarshal(text[bytes.LastIndexByte(text, '\n')+1:], &modules); err != nil {
		return nil, fmt.Errorf("the note about its modules: %w", err)
	}
	if len(modules) > memorySlots || slices.ContainsFunc(modules, func(mb int64) bool { return mb <= 0 || mb > reserveMB }) {
		return nil, errors.New("the note about its modules names some that can't be")
	}
	return modules, nil
}

package sim

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"hanok/dc"
	"hanok/internal/sparse"
)

// Mount implements the agent's Storage. The path is only a name: nothing is made there.
func (h *Host) Mount(ctx context.Context, id dc.DatastoreID, path string) error {
	if !filepath.IsAbs(path) {
		return dc.Errorf(dc.Invalid, "%q is not an absolute path", path).On(dc.Describe(dc.KindDatastore, string(id)))
	}
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	if old, ok := h.paths[id]; ok && old != path {
		return dc.Errorf(dc.Exists, "it is mounted from %s already", old).On(dc.Describe(dc.KindDatastore, string(id)))
	}
	h.paths[id] = path
	h.w.datastore(path)
	return nil
}

// Usage implements the agent's Storage.
func (h *Host) Usage(ctx context.Context, id dc.DatastoreID) (dc.DatastoreUsage, error) {
	if err := h.lock(ctx, 0); err != nil {
		return dc.DatastoreUsage{}, err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(id)
	if err != nil {
		return dc.DatastoreUsage{}, err
	}
	usage := dc.DatastoreUsage{CapacityBytes: h.w.options.CapacityBytes, FreeBytes: h.w.options.CapacityBytes}
	if ds.full {
		usage.FreeBytes = 0
	}
	return usage, nil
}

// CreateMachine implements the agent's Storage. It reads the images and keeps nothing of them.
func (h *Host) CreateMachine(ctx context.Context, m dc.Machine, fetch func(context.Context, string) (io.ReadCloser, error),
	progress func(done, total int64)) error {
	existing, err := h.createFolder(ctx, m)
	if err != nil {
		return err
	}
	var total, done int64
	for _, d := range m.Disks {
		total += d.CapacityBytes
	}
	progress(0, total)
	for _, d := range m.Disks {
		if d.Image != "" && !has(existing, d) {
			if err := read(ctx, fetch, d.Image); err != nil {
				return err
			}
		}
		if err := h.createDisk(ctx, m, d); err != nil {
			return err
		}
		done += d.CapacityBytes
		progress(done, total)
	}
	return nil
}

// ConfigureMachine implements the agent's Storage. It reads the images and keeps nothing of them.
func (h *Host) ConfigureMachine(ctx context.Context, m dc.Machine, added []int32, discarded []string,
	fetch func(context.Context, string) (io.ReadCloser, error), progress func(done, total int64)) error {
	existing, err := h.existing(ctx, m, added)
	if err != nil {
		return err
	}
	var total, done int64
	for _, d := range m.Disks {
		if !has(existing, d) {
			total += d.CapacityBytes
		}
	}
	progress(0, total)
	for _, d := range m.Disks {
		if has(existing, d) {
			continue
		}
		if d.Image != "" {
			if err := read(ctx, fetch, d.Image); err != nil {
				return err
			}
		}
		if err := h.createDisk(ctx, m, d); err != nil {
			return err
		}
		done += d.CapacityBytes
		progress(done, total)
	}
	return h.discard(ctx, m, discarded)
}

// existing returns which disks of the machine are there, by their descriptors. All that are not in added must be.
func (h *Host) existing(ctx context.Context, m dc.Machine, added []int32) (map[string]dc.Disk, error) {
	if err := h.lock(ctx, h.w.options.Copy); err != nil {
		return nil, err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return nil, err
	}
	f, err := h.find(ds, m)
	if err != nil {
		return nil, err
	}
	for _, d := range m.Disks {
		switch {
		case f.has(d.File):
		case d.Attached && slices.Contains(added, d.Key) && attach(ds, f, d.File):
		case !slices.Contains(added, d.Key):
			return nil, diskMissing(m, d)
		case ds.full:
			return nil, dc.Errorf(dc.Exhausted, "the datastore is full").Fix("make room on it")
		}
	}
	return maps.Clone(f.disks), nil
}

func has(disks map[string]dc.Disk, d dc.Disk) bool {
	_, has := disks[d.File]
	return has
}

// attach puts a disk that is in another machine's folder into f's, and reports whether there was one. The world is locked.
func attach(ds *datastore, f *folder, file string) bool {
	for _, other := range ds.folders {
		if d, has := other.disks[file]; has {
			delete(other.disks, file)
			f.disks[file] = d
			return true
		}
	}
	return false
}

// discard removes disks that the machine has no more.
func (h *Host) discard(ctx context.Context, m dc.Machine, discarded []string) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	f, err := h.files(m)
	if err != nil {
		return err
	}
	f.spec = m
	for _, file := range discarded {
		has := func(d dc.Disk) bool { return d.File == file }
		if slices.ContainsFunc(m.Disks, has) {
			continue
		}
		if running := h.w.machines[m.ID]; running != nil && slices.ContainsFunc(running.spec.Disks, has) {
			return dc.Errorf(dc.Unavailable, "the disk %s is in use", file).On(dc.Describe(dc.KindVirtualMachine, m.Name))
		}
		delete(f.disks, file)
	}
	return nil
}

// createFolder makes the machine's folder and returns which disks are in it.
func (h *Host) createFolder(ctx context.Context, m dc.Machine) (map[string]dc.Disk, error) {
	if err := h.lock(ctx, h.w.options.Copy); err != nil {
		return nil, err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return nil, err
	}
	f := ds.folders[m.Folder]
	switch {
	case f != nil && f.owner != m.ID:
		return nil, dc.Errorf(dc.Exists, "the folder %q belongs to %s", m.Folder, f.owner)
	case ds.full:
		return nil, dc.Errorf(dc.Exhausted, "the datastore is full").Fix("make room on it")
	case f == nil:
		ds.folders[m.Folder] = &folder{owner: m.ID, disks: map[string]dc.Disk{}, spec: m}
		h.w.count(m.ID, "create")
		return nil, nil
	}
	return maps.Clone(f.disks), nil
}

func (h *Host) createDisk(ctx context.Context, m dc.Machine, d dc.Disk) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	f, err := h.files(m)
	if err != nil {
		return err
	}
	if ds := h.w.datastore(h.paths[m.Datastore]); d.Attached && !f.has(d.File) && !attach(ds, f, d.File) {
		return diskMissing(m, d)
	}
	f.disks[d.File] = d
	return nil
}

func read(ctx context.Context, fetch func(context.Context, string) (io.ReadCloser, error), digest string) error {
	r, err := fetch(ctx, digest)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("read image %s: %w", digest, err)
	}
	return nil
}

// OpenDisk implements the agent's Storage. There is nothing in it.
func (h *Host) OpenDisk(ctx context.Context, m dc.Machine, key int32) (io.ReadCloser, error) {
	if err := h.FindMachine(ctx, m); err != nil {
		return nil, err
	}
	if key != dc.VariablesKey && !slices.ContainsFunc(m.Disks, func(d dc.Disk) bool { return d.Key == key }) {
		return nil, dc.Errorf(dc.NotFound, "it has no disk %d", key).On(dc.Describe(dc.KindVirtualMachine, m.Name))
	}
	return sparse.Bytes(nil), nil
}

// FindMachine implements the agent's Storage.
func (h *Host) FindMachine(ctx context.Context, m dc.Machine) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return err
	}
	f, err := h.find(ds, m)
	if err != nil {
		return err
	}
	for _, d := range m.Disks {
		if !f.has(d.File) {
			return diskMissing(m, d)
		}
	}
	return nil
}

// find returns the machine's folder, which must be there. The world is locked.
func (h *Host) find(ds *datastore, m dc.Machine) (*folder, error) {
	h.keep(ds, m)
	f := ds.folders[m.Folder]
	object := dc.Describe(dc.KindVirtualMachine, m.Name)
	switch {
	case f == nil:
		return nil, dc.Errorf(dc.NotFound, "its folder %s is missing", filepath.Join(h.paths[m.Datastore], m.Folder)).On(object).
			Fix("bring it back, or delete the machine")
	case f.owner != m.ID:
		return nil, dc.Errorf(dc.Exists, "the folder %q belongs to %s", m.Folder, f.owner).On(object)
	}
	return f, nil
}

func diskMissing(m dc.Machine, d dc.Disk) error {
	return dc.Errorf(dc.NotFound, "its disk %d is missing", d.Key).On(dc.Describe(dc.KindVirtualMachine, m.Name)).
		Fix("bring it back, or delete the machine")
}

// DeleteMachine implements the agent's Storage.
func (h *Host) DeleteMachine(ctx context.Context, m dc.Machine) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return err
	}
	if h.w.machines[m.ID] != nil {
		return dc.Errorf(dc.WrongState, "it has power")
	}
	if f := ds.folders[m.Folder]; f != nil && f.owner == m.ID {
		for _, d := range m.Disks {
			delete(f.disks, d.File)
		}
		if f.owner = ""; len(f.disks) == 0 {
			delete(ds.folders, m.Folder)
		}
	}
	return nil
}

// mounted returns a mounted datastore. The world is locked.
func (h *Host) mounted(id dc.DatastoreID) (*datastore, error) {
	path, ok := h.paths[id]
	if !ok {
		return nil, dc.Errorf(dc.NotFound, "it is not mounted").On(dc.Describe(dc.KindDatastore, string(id)))
	}
	return h.w.datastore(path), nil
}

// files returns the machine's folder. The world is locked.
func (h *Host) files(m dc.Machine) (*folder, error) {
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return nil, err
	}
	h.keep(ds, m)
	if f := ds.folders[m.Folder]; f != nil && f.owner == m.ID {
		return f, nil
	}
	return nil, dc.Errorf(dc.NotFound, "it has no files").On(dc.Describe(dc.KindVirtualMachine, m.Name))
}

// keep puts the files of a machine there that an earlier process has made. The world is locked.
func (h *Host) keep(ds *datastore, m dc.Machine) {
	if !h.w.options.Kept || ds.folders[m.Folder] != nil {
		return
	}
	f := &folder{owner: m.ID, disks: map[string]dc.Disk{}, spec: m}
	for _, d := range m.Disks {
		f.disks[d.File] = d
	}
	ds.folders[m.Folder] = f
}

// Plug implements the agent's Network.
func (h *Host) Plug(ctx context.Context, m dc.Machine) ([]dc.Attachment, error) {
	if err := h.lock(ctx, 0); err != nil {
		return nil, err
	}
	defer h.w.mu.Unlock()
	h.w.plugged[m.ID] = true
	nics := make([]dc.Attachment, 0, len(m.NICs))
	for _, n := range m.NICs {
		nics = append(nics, dc.Attachment{Key: n.Key, UserMode: true})
	}
	return nics, nil
}

// Unplug implements the agent's Network.
func (h *Host) Unplug(ctx context.Context, m dc.Machine) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	delete(h.w.plugged, m.ID)
	return nil
}

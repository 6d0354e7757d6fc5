package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/vmx"
)

const (
	configEnding     = ".vmx"
	descriptorEnding = ".vmdk"
	extentEnding     = "-flat.vmdk"
	memoryEnding     = ".vmss"
	// ownerKey is the key in a configuration that names the machine whose folder it is in.
	ownerKey = "hanok.id"
)

// readDatastores looks into the datastores that the agent has a file about.
func readDatastores(dir string) ([]dc.InspectedDatastore, error) {
	var all []dc.InspectedDatastore
	err := readJSON(filepath.Join(dir, "datastores"), func(name string, data []byte, err error) {
		ds := dc.InspectedDatastore{ID: dc.DatastoreID(name)}
		if err == nil {
			err = json.Unmarshal(data, &ds)
		}
		if err == nil && string(ds.ID) != name {
			err = fmt.Errorf("the host's file about it is about %q", ds.ID)
		}
		if err == nil {
			ds.Folders, err = readFolders(ds.Path)
		}
		if err != nil {
			ds = dc.InspectedDatastore{ID: dc.DatastoreID(name), Path: ds.Path, Revision: ds.Revision, Failure: err.Error()}
		}
		all = append(all, ds)
	})
	return all, err
}

// readFolders looks into each folder that lies directly below path.
func readFolders(path string) ([]dc.InspectedFolder, error) {
	root, err := beneath.Open(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := root.List()
	var all []dc.InspectedFolder
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		f := dc.InspectedFolder{Name: e.Name()}
		err := readFolder(root, &f)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was deleted meanwhile
		}
		if err != nil {
			f.Failure = err.Error()
		}
		all = append(all, f)
	}
	return all, err
}

// readFolder looks into one folder. Symbolic links in it are not followed.
func readFolder(parent *beneath.Dir, f *dc.InspectedFolder) error {
	dir, err := parent.Dir(f.Name)
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.List()
	if err != nil {
		return err
	}
	var failures []error
	for _, e := range entries {
		name := e.Name()
		switch {
		case !e.Mode().IsRegular():
		case strings.HasSuffix(name, configEnding):
			owner, err := readOwner(dir, name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				failures = append(failures, fmt.Errorf("its configuration %s: %w", name, err))
			}
			if owner != "" {
				f.Owner = owner
			}
		case strings.HasSuffix(name, descriptorEnding) && !strings.HasSuffix(name, extentEnding):
			f.Disks = append(f.Disks, readDisk(dir, name))
		case strings.HasSuffix(name, memoryEnding):
			f.Memory = name
		}
	}
	return errors.Join(failures...)
}

func readOwner(dir *beneath.Dir, name string) (dc.VirtualMachineID, error) {
	data, err := readText(dir, name)
	if err != nil {
		return "", err
	}
	c, err := vmx.Parse(data)
	if err != nil {
		return "", err
	}
	owner, _ := c.Get(ownerKey)
	return dc.VirtualMachineID(owner), nil
}

// readText reads a small file.
func readText(dir *beneath.Dir, name string) ([]byte, error) {
	file, err := dir.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, vmx.MaxSize+1))
}

// readDisk reads a disk's descriptor and measures the file that it leads to.
func readDisk(dir *beneath.Dir, name string) dc.InspectedDisk {
	disk := dc.InspectedDisk{Name: name, ExtentBytes: -1}
	data, err := readText(dir, name)
	var d *vmx.Descriptor
	if err == nil {
		d, err = vmx.ParseDescriptor(data)
	}
	if err == nil && (len(d.Extents) != 1 || filepath.Base(d.Extents[0].File) != d.Extents[0].File) {
		err = errors.New("it has not one extent with a file beside it")
	}
	if err != nil {
		disk.Failure = err.Error()
		return disk
	}
	disk.Extent, disk.CapacityBytes = d.Extents[0].File, d.Extents[0].Sectors*vmx.SectorSize
	info, err := dir.Lstat(disk.Extent)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		disk.Failure = err.Error()
	case !info.Mode().IsRegular():
		disk.Failure = disk.Extent + " is not a file"
	default:
		disk.ExtentBytes, disk.File = info.Size(), fileOf(info)
	}
	return disk
}

// fileOf returns what tells a file from all others of the host.
func fileOf(info fs.FileInfo) string {
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

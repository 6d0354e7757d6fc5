package vapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/diskimage"
	"hanok/internal/ovf"
	"hanok/manager/image"
	"hanok/manager/task"
)

// pkg is a package that was checked, as the task keeps it in the store.
type pkg struct {
	// File is its name in the folder of images.
	File string `json:"file"`
	// Disks are those of the machine, in its order.
	Disks []disk `json:"disks"`
}

// order puts the disks into the order of the machine's, which are these of the package.
func (p *pkg) order(of []int) {
	disks := make([]disk, len(of))
	for i, n := range of {
		disks[i] = p.Disks[n]
	}
	p.Disks = disks
}

// disk is where the content of a disk is in the package; one without a Name is empty.
type disk struct {
	Name   string `json:"name,omitempty"`
	Offset int64  `json:"offset,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// inspection is what was found in a package.
type inspection struct {
	machine *ovf.Machine
	pkg     pkg
	// bytes is how large the disks with contents are together.
	bytes int64
}

// position is a reader that knows how far it is, and ends with its context. Nothing reads ahead of it.
type position struct {
	ctx context.Context
	r   io.Reader
	n   int64
}

func (p *position) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}

// inspect reads the whole package, checks it by its manifest, and looks at the headers of its disks.
func inspect(ctx context.Context, dir *beneath.Dir, name string) (*inspection, error) {
	f, err := open(dir, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at := &position{ctx: ctx, r: f.File}
	places := map[string]disk{}
	p, err := ovf.ReadArchive(at, func(_ *ovf.Machine, file ovf.File, _ io.Reader) error {
		places[file.Name] = disk{Name: file.Name, Offset: at.n}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := &inspection{machine: p.Machine, pkg: pkg{File: name}}
	for i, d := range p.Machine.Disks {
		place := places[d.File]
		if d.File != "" {
			place.Size = p.Sizes[d.File]
			content, err := image.Inspect(place.in(f))
			if err == nil {
				err = fits(d, content)
			}
			if err != nil {
				return nil, ofDisk(d.File, err)
			}
			found.bytes += content.Size
		}
		p.Machine.Disks[i], found.pkg.Disks = d, append(found.pkg.Disks, place)
	}
	return found, nil
}

// fits compares what the descriptor says about a disk with the disk.
func fits(d ovf.Disk, content *diskimage.Image) error {
	if strings.Contains(strings.ToLower(d.Format), "vmdk") && content.Format != diskimage.VMDK {
		return &ovf.Error{Message: "it is no VMDK, which the descriptor says that it is"}
	}
	if content.Size > d.CapacityBytes {
		return &ovf.Error{Message: fmt.Sprintf("its disk has %d bytes, and the descriptor says %d", content.Size, d.CapacityBytes)}
	}
	return nil
}

// ofDisk names the file that an error is about.
func ofDisk(name string, err error) error {
	var known *dc.Error
	if errors.As(err, &known) {
		return err
	}
	if atFault(err) {
		return &ovf.Error{Message: fmt.Sprintf("the file %s: %v", name, err)}
	}
	return err
}

// section is a part of a file as the file of an image.
type section struct{ *io.SectionReader }

func (d disk) in(f diskimage.OSFile) diskimage.File {
	return section{io.NewSectionReader(f, d.Offset, d.Size)}
}

// unpacked is the name of the content of a task's disk.
func unpacked(t *dc.Task, i int) string { return fmt.Sprintf(".%s.%d.disk", t.ID, i) }

// Unpack implements compute.Packages.
func (s *Service) Unpack(ctx context.Context, r *task.Run, encoded json.RawMessage) (digests []string, err error) {
	var p pkg
	if err := json.Unmarshal(encoded, &p); err != nil {
		return nil, fmt.Errorf("decode the package: %w", err)
	}
	dir, err := s.images.Open()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	err = r.Away(ctx, func(ctx context.Context) error {
		var err error
		digests, err = s.unpack(ctx, r, dir, p)
		return err
	})
	return digests, failure(r.Task().TargetName, err)
}

func (s *Service) unpack(ctx context.Context, r *task.Run, dir *beneath.Dir, p pkg) ([]string, error) {
	f, err := open(dir, p.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, dc.Errorf(dc.NotFound, "the package that was uploaded is no longer there").Fix("import it again")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	digests, images := make([]string, len(p.Disks)), make([]*diskimage.Image, len(p.Disks))
	var total int64
	for i, d := range p.Disks {
		if d.Name == "" {
			continue
		}
		if images[i], err = image.Inspect(d.in(f)); err != nil {
			return nil, ofDisk(d.Name, err)
		}
		total += images[i].Size
	}
	var before, now atomic.Int64
	r.ProgressFrom(func() (int, string) {
		done := before.Load() + now.Load()/2
		return int(100 * done / max(total, 1)), fmt.Sprintf("unpacking the disks: %d of %d MB", done>>20, total>>20)
	})
	for i, d := range p.Disks {
		if images[i] == nil {
			continue
		}
		if digests[i], err = image.Make(ctx, images[i], dir, unpacked(r.Task(), i), now.Store); err != nil {
			return nil, ofDisk(d.Name, err)
		}
		before.Add(images[i].Size)
		now.Store(0)
	}
	return digests, dir.Sync()
}

// Keep implements compute.Packages.
func (s *Service) Keep(r *task.Run, _ json.RawMessage, vm *dc.VirtualMachine) error {
	dir, err := s.images.Open()
	if err != nil {
		return err
	}
	defer dir.Close()
	for i, d := range vm.Spec.Hardware.Disks {
		if d.Image == "" {
			continue
		}
		if err := s.images.Keep(dir, unpacked(r.Task(), i), d.Image); err != nil {
			return failure(vm.Name, err)
		}
	}
	return nil
}

// Drop implements compute.Packages.
func (s *Service) Drop(r *task.Run, encoded json.RawMessage, vm *dc.VirtualMachine) error {
	var p pkg
	if err := json.Unmarshal(encoded, &p); err != nil {
		return fmt.Errorf("decode the package: %w", err)
	}
	dir, err := s.images.Open()
	if err != nil {
		return err
	}
	defer dir.Close()
	for i, d := range vm.Spec.Hardware.Disks {
		if err := dir.Remove(unpacked(r.Task(), i)); err != nil {
			return err
		}
		if d.Image == "" {
			continue
		}
		if err := s.images.Release(dir, d.Image, dc.ID(vm.ID)); err != nil {
			return err
		}
	}
	return dir.Remove(p.File)
}

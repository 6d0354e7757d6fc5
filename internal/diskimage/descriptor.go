package diskimage

import (
	"bytes"
	"errors"
	"path"
	"strings"

	"hanok/internal/vmx"
)

// maxExtents is how many parts a disk may have: 62 TB in parts of 2 GB.
const maxExtents = 32 << 10

// openDescriptor opens a disk whose descriptor is a file of its own.
func openDescriptor(f File, files func(name string) (File, error)) (*Image, error) {
	if f.Size() > vmx.MaxSize {
		return nil, errorf("its descriptor is longer than %d bytes", vmx.MaxSize)
	}
	text := make([]byte, f.Size())
	if err := readFull(f, text, 0); err != nil {
		return nil, err
	}
	d, err := parseDescriptor(text)
	if err != nil {
		return nil, err
	}
	image := &Image{Format: VMDK}
	image.Kind, _ = d.Get("createType")
	if len(d.Extents) == 0 || len(d.Extents) > maxExtents {
		return nil, errorf("its descriptor has %d extents", len(d.Extents))
	}
	used := map[string]bool{}
	for i, e := range d.Extents {
		if used[e.File] && e.Type != "FLAT" && e.Type != "ZERO" {
			return nil, errorf("extent %d is in the file %q, as another one", i, e.File)
		}
		used[e.File] = true
		size := e.Sectors * vmx.SectorSize
		if e.Sectors <= 0 || size > MaxSize-image.Size {
			return nil, errorf("extent %d has %d sectors, which can't be", i, e.Sectors)
		}
		r, err := openExtent(e, size, files)
		if err != nil {
			var own *Error
			if errors.As(err, &own) {
				return nil, errorf("extent %d (%s): %s", i, e.File, own.Message)
			}
			return nil, err
		}
		image.parts = append(image.parts, part{image.Size, size, r})
		image.Size += size
	}
	return image, nil
}

func openExtent(e vmx.Extent, size int64, files func(name string) (File, error)) (reader, error) {
	switch e.Type {
	case "ZERO":
		return flat{size: 0}, nil
	case "VMFSRDM", "VMFSRAW":
		return nil, errorf("it is a raw device mapping, whose data is on a device and not in a file: copy the device's data instead")
	}
	if e.Access == "NOACCESS" {
		return nil, errorf("it may not be read")
	}
	if e.File == "." || e.File == ".." || path.Base(e.File) != e.File || strings.ContainsAny(e.File, `/\`) {
		return nil, errorf("its file must lie beside the descriptor")
	}
	f, err := files(e.File)
	if err != nil {
		return nil, err
	}
	if e.Type == "FLAT" || e.Type == "VMFS" {
		offset := e.Offset * vmx.SectorSize
		if !inside(f, offset, size) {
			return nil, errorf("the file has %d bytes, and the extent wants %d from byte %d on", f.Size(), size, offset)
		}
		return flat{f, offset, size}, nil
	}
	x, _, err := openSparse(f)
	if err != nil {
		return nil, err
	}
	if x.size < size {
		return nil, errorf("it has %d bytes of the disk instead of %d", x.size, size)
	}
	x.size = size
	return x, nil
}

// parseDescriptor reads a descriptor of a disk that depends on no other.
func parseDescriptor(text []byte) (*vmx.Descriptor, error) {
	text, _, _ = bytes.Cut(text, []byte{0}) // QEMU leaves room behind it
	d, err := vmx.ParseDescriptor(text)
	if err != nil {
		return nil, errorf("its descriptor: %v", err)
	}
	if parent, ok := d.Get("parentCID"); ok && !strings.EqualFold(parent, "ffffffff") {
		return nil, errorf("it is a snapshot of another disk, which is not opened: consolidate it first")
	}
	if hint, ok := d.Get("parentFileNameHint"); ok && hint != "" {
		return nil, errorf("it is a snapshot of %q, which is not opened: consolidate it first", hint)
	}
	return d, nil
}

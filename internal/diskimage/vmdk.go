package diskimage

import (
	"context"
	"errors"
	"fmt"

	"hanok/internal/vmx"
)

// seMagic begins a seSparse extent.
const seMagic = "\xbe\xba\xfe\xca\x00\x00\x00\x00"

// atEnd is the offset of a grain directory that the footer tells.
const atEnd = 1<<64 - 1

// sparseExtent is an extent in which grains are found by two levels of tables: hosted sparse and streamOptimized (KDMV), ESX's
// copy on write (COWD), and seSparse. The first two are VMware's "Virtual Disk Format 5.0".
type sparseExtent struct {
	f        File
	size     int64 // bytes
	grain    int64 // bytes
	perTable int64
	dir      []byte
	wide     bool // tables have 64-bit entries: seSparse
	zero     bool // entry 1 is a grain of zeros
	packed   bool // grains are compressed, each behind a header
	// of seSparse, in bytes
	tables, grains int64
}

// openVMDK opens an extent that is a disk of its own, with its descriptor in it, or without.
func openVMDK(f File) (*Image, error) {
	x, descriptor, err := openSparse(f)
	if err != nil {
		return nil, err
	}
	kind := "monolithicSparse"
	if x.packed {
		kind = "streamOptimized"
	}
	if len(descriptor) > 0 {
		d, err := parseDescriptor(descriptor)
		if err != nil {
			return nil, err
		}
		if len(d.Extents) != 1 {
			return nil, errorf("its descriptor has %d extents, and it is a single file", len(d.Extents))
		}
		if t, ok := d.Get("createType"); ok {
			kind = t
		}
	}
	return &Image{Format: VMDK, Kind: kind, Size: x.size, parts: []part{{0, x.size, x}}}, nil
}

// openSparse reads the header and the grain directory of an extent, and the text of the descriptor that is in it, if there is one.
func openSparse(f File) (*sparseExtent, []byte, error) {
	h := make([]byte, sector)
	if err := readFull(f, h, 0); err != nil {
		return nil, nil, err
	}
	switch {
	case string(h[:4]) == "COWD":
		x, err := openCOWD(f, h)
		return x, nil, err
	case string(h[:8]) == seMagic:
		x, err := openSESparse(f, h)
		return x, nil, err
	case string(h[:4]) != "KDMV":
		return nil, nil, errorf("it is no sparse extent")
	}
	if le.Uint64(h[56:]) == atEnd {
		footer := make([]byte, 3*sector)
		if err := readFull(f, footer, f.Size()/sector*sector-3*sector); f.Size() < 4*sector || err != nil {
			return nil, nil, errorf("it has no footer: the file is cut off")
		}
		foot := footer[sector : 2*sector]
		if le.Uint32(footer[12:]) != 3 || string(foot[:4]) != "KDMV" || le.Uint64(foot[56:]) == atEnd {
			return nil, nil, errorf("its footer is none: the file is cut off or damaged")
		}
		descriptorAt, descriptorSize := le.Uint64(h[28:]), le.Uint64(h[36:])
		h = foot
		le.PutUint64(h[28:], descriptorAt)
		le.PutUint64(h[36:], descriptorSize)
	}
	version, flags := le.Uint32(h[4:]), le.Uint32(h[8:])
	capacity, grain := le.Uint64(h[12:]), le.Uint64(h[20:])
	perTable, gd, algorithm := le.Uint32(h[44:]), le.Uint64(h[56:]), le.Uint16(h[77:])
	switch {
	case version < 1 || version > 3:
		return nil, nil, errorf("version %d of the sparse format is not known", version)
	case capacity == 0 || capacity > MaxSize/sector:
		return nil, nil, errorf("a capacity of %d sectors can't be", capacity)
	case grain < 1 || grain > 4096 || grain&(grain-1) != 0:
		return nil, nil, errorf("grains of %d sectors can't be", grain)
	case perTable < 1 || perTable > 512:
		return nil, nil, errorf("grain tables with %d entries can't be", perTable)
	case algorithm > 1:
		return nil, nil, errorf("compression %d is not known", algorithm)
	case algorithm == 1 && flags&(1<<16) == 0:
		return nil, nil, errorf("it is compressed and says that it is not")
	case gd > uint64(f.Size()/sector):
		return nil, nil, errorf("its grain directory at sector %d is not in the file", gd)
	}
	x := &sparseExtent{f: f, size: int64(capacity) * sector, grain: int64(grain) * sector, perTable: int64(perTable), zero: flags&4 != 0, packed: algorithm == 1}
	var err error
	if x.dir, err = x.directory(int64(gd)*sector, 4); err != nil {
		return nil, nil, err
	}
	var text []byte
	if at, size := le.Uint64(h[28:]), le.Uint64(h[36:]); at != 0 && size != 0 {
		if size > vmx.MaxSize/sector || at > uint64(f.Size()/sector) {
			return nil, nil, errorf("its descriptor of %d sectors at sector %d can't be", size, at)
		}
		if text, err = table(f, "descriptor", int64(at)*sector, int64(size)*sector, 1); err != nil {
			return nil, nil, err
		}
	}
	return x, text, nil
}

// directory reads the grain directory.
func (x *sparseExtent) directory(offset int64, width int) ([]byte, error) {
	span := x.perTable * x.grain
	return table(x.f, "grain directory", offset, (x.size+span-1)/span, width)
}

func openCOWD(f File, h []byte) (*sparseExtent, error) {
	version, sectors, grain, gd := le.Uint32(h[4:]), le.Uint32(h[12:]), le.Uint32(h[16:]), le.Uint32(h[20:])
	switch {
	case version != 1:
		return nil, errorf("version %d of the ESX sparse format is not known", version)
	case sectors == 0:
		return nil, errorf("a capacity of 0 sectors can't be")
	case grain < 1 || grain > 4096 || grain&(grain-1) != 0:
		return nil, errorf("grains of %d sectors can't be", grain)
	}
	x := &sparseExtent{f: f, size: int64(sectors) * sector, grain: int64(grain) * sector, perTable: 4096}
	var err error
	x.dir, err = x.directory(int64(gd)*sector, 4)
	return x, err
}

func openSESparse(f File, h []byte) (*sparseExtent, error) {
	field := func(n int) uint64 { return le.Uint64(h[n*8:]) }
	const limit = uint64(1) << 53
	switch {
	case field(1) != 0x200000001:
		return nil, errorf("version %#x of seSparse is not known", field(1))
	case field(2) == 0 || field(2) > MaxSize/sector:
		return nil, errorf("a capacity of %d sectors can't be", field(2))
	case field(3) != 8 || field(4) != 64:
		return nil, errorf("seSparse with grains of %d sectors and tables of %d is not known", field(3), field(4))
	case field(5) != 0:
		return nil, errorf("it has flags that are not known (%#x)", field(5))
	case field(10) > limit || field(16) > limit || field(18) > limit || field(24) > limit:
		return nil, errorf("its header names places behind the end of every file")
	}
	volatile, err := table(f, "volatile header", int64(field(10))*sector, sector, 1)
	if err != nil {
		return nil, err
	}
	if le.Uint64(volatile) != 0xcafecafe {
		return nil, errorf("its volatile header is none")
	}
	if le.Uint64(volatile[24:]) != 0 {
		return nil, errorf("its journal was not played back: power the machine on and off where it comes from")
	}
	x := &sparseExtent{f: f, size: int64(field(2)) * sector, grain: 8 * sector, perTable: 4096, wide: true,
		tables: int64(field(18)) * sector, grains: int64(field(24)) * sector}
	x.dir, err = x.directory(int64(field(16))*sector, 8)
	return x, err
}

func (x *sparseExtent) walk(ctx context.Context, yield func(chunk) error) error {
	m, compressed := &merger{f: x.f, yield: yield}, &packer{f: x.f, yield: yield, open: x.unpack}
	width := int64(4)
	if x.wide {
		width = 8
	}
	tables, data := budget{x.f.Size()}, budget{x.f.Size()}
	for i := range int64(len(x.dir)) / width {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, ok, err := x.tableOffset(i)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := tables.take(x.perTable * width); err != nil {
			return err
		}
		gt, err := table(x.f, "grain table", at, x.perTable, int(width))
		if err != nil {
			return err
		}
		for j := range x.perTable {
			offset := (i*x.perTable + j) * x.grain
			if offset >= x.size {
				break
			}
			from, err := x.grainOffset(gt, j)
			if err != nil {
				return err
			}
			if from == 0 {
				continue
			}
			size := min(x.grain, x.size-offset)
			if x.packed {
				if err := data.take(sector); err != nil { // which each takes at least
					return err
				}
				err = x.compressed(compressed, offset, from, size)
			} else if err = data.take(size); err == nil {
				if !inside(x.f, from, size) {
					return errorf("the grain at byte %d of the disk is not in the file", offset)
				}
				err = m.add(offset, from, size)
			}
			if err != nil {
				return err
			}
		}
	}
	return errors.Join(m.flush(), compressed.flush())
}

// tableOffset returns where the grain table i is, in bytes.
func (x *sparseExtent) tableOffset(i int64) (int64, bool, error) {
	if !x.wide {
		at := le.Uint32(x.dir[i*4:])
		return int64(at) * sector, at != 0, nil
	}
	entry := le.Uint64(x.dir[i*8:])
	switch {
	case entry == 0:
		return 0, false, nil
	case entry>>32 != 0x10000000:
		return 0, false, errorf("entry %d of its grain directory is %#x, which can't be", i, entry)
	}
	return x.tables + int64(entry&0xffffffff)*x.perTable*8, true, nil
}

// grainOffset returns where a grain is in the file, or 0 for one of zeros.
func (x *sparseExtent) grainOffset(gt []byte, j int64) (int64, error) {
	if !x.wide {
		at := le.Uint32(gt[j*4:])
		if at == 1 && x.zero {
			return 0, nil
		}
		return int64(at) * sector, nil
	}
	entry := le.Uint64(gt[j*8:])
	switch entry >> 60 {
	case 0:
		if entry != 0 {
			return 0, errorf("an entry of its grain tables is %#x, which can't be", entry)
		}
		return 0, nil
	case 1, 2:
		return 0, nil
	case 3:
		n := entry>>48&0xfff | entry&0xffffffffffff<<12
		if n > uint64(x.f.Size()/x.grain) {
			return 0, errorf("grain %d is not in the file", n)
		}
		return x.grains + int64(n)*x.grain, nil
	}
	return 0, errorf("an entry of its grain tables is %#x, which can't be", entry)
}

// grainHeader is before each compressed grain: its first sector in the disk, and how long it is in the file.
const grainHeader = 12

// compressed adds one compressed grain. How long it is says its header, which is not read yet.
func (x *sparseExtent) compressed(p *packer, offset, from, size int64) error {
	if !inside(x.f, from, grainHeader+1) {
		return errorf("the compressed grain at byte %d of the disk is not in the file", offset)
	}
	return p.add(unit{offset, size, from, grainHeader + x.longest()})
}

// longest is the most bytes that a compressed grain may have: more than zlib makes of what can't be compressed.
func (x *sparseExtent) longest() int64 { return 2*x.grain + sector }

// unpack decompresses a grain. The last one of the disk may be shorter.
func (x *sparseExtent) unpack(out, packed []byte, u unit) error {
	damaged := func(why string) error {
		return errorf("the compressed grain at byte %d of the disk is damaged: %s", u.offset, why)
	}
	if len(packed) < grainHeader {
		return damaged("the file ends in it")
	}
	if lba := le.Uint64(packed); lba != uint64(u.offset/sector) {
		return damaged(fmt.Sprintf("it is that of sector %d", lba))
	}
	length := int64(le.Uint32(packed[8:]))
	if length == 0 || length > min(x.longest(), int64(len(packed)-grainHeader)) {
		return damaged(fmt.Sprintf("a length of %d bytes can't be", length))
	}
	whole := out
	if int64(len(out)) < x.grain {
		whole = make([]byte, x.grain)
	}
	n, err := inflateZlib(whole, packed[grainHeader:grainHeader+length])
	if err != nil || n < len(out) {
		return damaged(fmt.Sprintf("%d bytes came of it, %v", n, err))
	}
	if len(whole) > len(out) {
		copy(out, whole)
	}
	return nil
}

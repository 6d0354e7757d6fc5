package diskimage

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// qcow2 is the active state of a qcow2 image; internal snapshots in it are left out. The format is QEMU's docs/interop/qcow2.
type qcow2 struct {
	f       File
	size    int64
	bits    uint
	l1      []byte
	useZstd bool
}

// Incompatible features.
const (
	qcowDirty       = 1 << 0 // its reference counts may be wrong, which a reader doesn't use
	qcowCorrupt     = 1 << 1
	qcowDataFile    = 1 << 2
	qcowCompression = 1 << 3
	qcowExtendedL2  = 1 << 4
)

const (
	qcowOffset     = 0x00fffffffffffe00
	qcowCompressed = 1 << 62
	qcowZero       = 1
)

func openQCOW2(f File) (*Image, error) {
	h := make([]byte, 112)
	n, err := f.ReadAt(h, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if n < 72 {
		return nil, errorf("its header ends after %d bytes", n)
	}
	version := be.Uint32(h[4:])
	backing, bits, size, crypt := be.Uint64(h[8:]), be.Uint32(h[20:]), be.Uint64(h[24:]), be.Uint32(h[32:])
	l1Size, l1Offset := be.Uint32(h[36:]), be.Uint64(h[40:])
	var features uint64
	q := &qcow2{f: f, bits: uint(bits)}
	if version == 3 {
		if n < 104 || be.Uint32(h[100:]) < 104 {
			return nil, errorf("its header is too short for version 3")
		}
		features = be.Uint64(h[72:])
		if features&qcowCompression != 0 {
			if be.Uint32(h[100:]) < 112 || n < 105 || h[104] != 1 {
				return nil, errorf("its compression type is not known")
			}
			q.useZstd = true
		}
	}
	switch {
	case version != 2 && version != 3:
		return nil, errorf("version %d of qcow2 is not known", version)
	case backing != 0:
		return nil, errorf("it has a backing file, which is not opened: flatten it first (qemu-img convert)")
	case crypt != 0:
		return nil, errorf("it is encrypted: decrypt it first")
	case features&qcowDataFile != 0:
		return nil, errorf("it has an external data file, which is not opened: flatten it first (qemu-img convert)")
	case features&qcowCorrupt != 0:
		return nil, errorf("it is marked as corrupt: repair it first (qemu-img check -r all)")
	case features&qcowExtendedL2 != 0:
		return nil, errorf("it has extended L2 entries, which are not supported: convert it first")
	case features&^(qcowDirty|qcowCompression) != 0:
		return nil, errorf("it has features that are not known (%#x)", features)
	case bits < 9 || bits > 21:
		return nil, errorf("clusters of 2^%d bytes can't be", bits)
	case size == 0 || size > MaxSize:
		return nil, errorf("a disk of %d bytes can't be", size)
	}
	q.size = int64(size)
	span := int64(1) << (2*bits - 3) // of one L1 entry
	need := (q.size + span - 1) / span
	if int64(l1Size) < need {
		return nil, errorf("its L1 table has %d entries instead of %d", l1Size, need)
	}
	if l1Offset > uint64(f.Size()) {
		return nil, errorf("its L1 table at byte %d is not in the file", l1Offset)
	}
	if q.l1, err = table(f, "L1 table", int64(l1Offset), need, 8); err != nil {
		return nil, err
	}
	return &Image{Format: QCOW2, Size: q.size, parts: []part{{0, q.size, q}}}, nil
}

func (q *qcow2) walk(ctx context.Context, yield func(chunk) error) error {
	cluster := int64(1) << q.bits
	m, compressed := &merger{f: q.f, yield: yield}, &packer{f: q.f, yield: yield, open: q.unpack}
	tables, data, packed := budget{q.f.Size()}, budget{q.f.Size()}, budget{q.f.Size()}
	for i := range int64(len(q.l1) / 8) {
		if err := ctx.Err(); err != nil {
			return err
		}
		l2Offset := int64(be.Uint64(q.l1[i*8:]) & qcowOffset)
		if l2Offset == 0 {
			continue
		}
		if err := tables.take(cluster); err != nil {
			return err
		}
		l2, err := table(q.f, "L2 table", l2Offset, cluster/8, 8)
		if err != nil {
			return err
		}
		for j := range cluster / 8 {
			at := (i*(cluster/8) + j) * cluster
			if at >= q.size {
				break
			}
			entry, size := be.Uint64(l2[j*8:]), min(cluster, q.size-at)
			switch {
			case entry&qcowCompressed != 0:
				if err := m.flush(); err != nil {
					return err
				}
				// The number of sectors is of whole sectors that others may share; 16 bytes are less than any cluster takes.
				if err := packed.take(16); err != nil {
					return err
				}
				if err := q.compressed(compressed, at, size, entry); err != nil {
					return err
				}
			case entry&qcowZero != 0 || entry&qcowOffset == 0:
			default:
				if err := compressed.flush(); err != nil {
					return err
				}
				from := int64(entry & qcowOffset)
				if !inside(q.f, from, 1) {
					return errorf("the cluster at byte %d of the disk is not in the file", at)
				}
				if err := data.take(size); err != nil {
					return err
				}
				// The last cluster of a file may be cut off behind the end of the disk or of its data.
				if !inside(q.f, from, size) {
					if err := m.flush(); err != nil {
						return err
					}
					have := q.f.Size() - from
					if err := yield(chunk{at, have, func(buf []byte) error { return readFull(q.f, buf, from) }}); err != nil {
						return err
					}
					continue
				}
				if err := m.add(at, from, size); err != nil {
					return err
				}
			}
		}
	}
	return errors.Join(m.flush(), compressed.flush())
}

// compressed adds one compressed cluster.
func (q *qcow2) compressed(p *packer, at, size int64, entry uint64) error {
	x := 62 - (q.bits - 8)
	from := int64(entry & (1<<x - 1))
	sectors := int64(entry>>x&(1<<(q.bits-8)-1)) + 1
	length := sectors*sector - from%sector
	if !inside(q.f, from, 1) {
		return errorf("the compressed cluster at byte %d of the disk is not in the file", at)
	}
	return p.add(unit{at, size, from, min(length, q.f.Size()-from)})
}

// unpack decompresses a cluster. The last one of the disk may be shorter.
func (q *qcow2) unpack(out, packed []byte, u unit) error {
	whole := out
	if size := 1 << q.bits; len(out) < size {
		whole = make([]byte, size)
	}
	if err := q.decompress(whole, packed); err != nil {
		return errorf("the compressed cluster at byte %d of the disk is damaged: %v", u.offset, err)
	}
	if len(whole) > len(out) {
		copy(out, whole)
	}
	return nil
}

func (q *qcow2) decompress(out, packed []byte) error {
	if !q.useZstd {
		n, err := inflate(out, packed)
		if err == nil && n < len(out) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	d := zstds.Get().(*zstd.Decoder)
	defer zstds.Put(d)
	// Behind the frame lies padding, or part of the next one: all that is wanted is in out before these are looked at.
	got, err := d.DecodeAll(packed, out[:0:len(out)])
	if len(got) == len(out) && (errors.Is(err, zstd.ErrMagicMismatch) || errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return nil
	}
	if err == nil && len(got) < len(out) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// zstds are decompressors, which are large. Without concurrency they have no goroutines that somebody would have to end.
var zstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(16<<20), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // of the options only
	}
	return d
}}

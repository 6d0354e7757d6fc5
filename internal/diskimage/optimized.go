package diskimage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"

	"github.com/klauspost/compress/zlib"

	"hanok/internal/sparse"
)

// A streamOptimized VMDK is written from its beginning to its end: a header and a descriptor, then compressed grains, each table of grains
// behind those that it leads to, the directory of the tables, and the header again, which knows where the directory is. It is VMware's
// "Virtual Disk Format 5.0".
const (
	grainSectors  = 128
	grainBytes    = grainSectors * sector
	grainsATable  = 512
	headSectors   = 128 // before the first grain
	textSectors   = 20
	noDirectory   = atEnd
	markerTable   = 1
	markerDir     = 2
	markerFooter  = 3
	compressLevel = 4
)

// WriteOptimized writes a disk of the capacity, in bytes, as a streamOptimized VMDK, which is said to be a file of the name: src's stretches,
// with zeros between and behind them. What it writes depends on its arguments only. hardware is the version of the virtual
// hardware that the disk is of.
func WriteOptimized(ctx context.Context, w io.Writer, src sparse.Source, capacity int64, name string, hardware int) error {
	if capacity <= 0 || capacity > MaxSize || src.Size() > capacity {
		return errorf("a disk of %d bytes can't be written", capacity)
	}
	o := &optimized{w: w, sectors: (capacity + sector - 1) / sector}
	o.dir = make([]uint32, (o.sectors+grainSectors*grainsATable-1)/(grainSectors*grainsATable))
	if err := o.begin(name, hardware); err != nil {
		return err
	}
	if err := o.grains(ctx, src); err != nil {
		return err
	}
	return o.end()
}

type optimized struct {
	w       io.Writer
	sectors int64
	// at is the sector that is written next.
	at  int64
	dir []uint32
	// table is that of the grains of index, and any whether it has one.
	table [grainsATable]uint32
	index int64
	any   bool
}

func (o *optimized) write(b []byte) error {
	if len(b)%sector != 0 {
		b = append(b, make([]byte, sector-len(b)%sector)...)
	}
	if o.at+int64(len(b)/sector) > 1<<32-1 {
		return errorf("it has more than 2 TB of data, for which the format has no room")
	}
	o.at += int64(len(b) / sector)
	_, err := o.w.Write(b)
	return err
}

// header returns the header, or the footer, with the place of the directory.
func (o *optimized) header(directory uint64) []byte {
	h := make([]byte, sector)
	copy(h, "KDMV")
	le.PutUint32(h[4:], 3)
	le.PutUint32(h[8:], 1|1<<16|1<<17) // line ends can be checked; compressed; markers
	le.PutUint64(h[12:], uint64(o.sectors))
	le.PutUint64(h[20:], grainSectors)
	le.PutUint64(h[28:], 1)
	le.PutUint64(h[36:], textSectors)
	le.PutUint32(h[44:], grainsATable)
	le.PutUint64(h[56:], directory)
	le.PutUint64(h[64:], headSectors)
	copy(h[73:], "\n \r\n")
	le.PutUint16(h[77:], 1) // deflate
	return h
}

func (o *optimized) begin(name string, hardware int) error {
	heads, perTrack := int64(255), int64(63)
	text := fmt.Sprintf(`# Disk DescriptorFile
version=1
CID=%08x
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RW %d SPARSE "%s"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "%d"
ddb.geometry.sectors = "%d"
ddb.virtualHWVersion = "%d"
`, crc32.ChecksumIEEE(fmt.Appendf(nil, "%s %d", name, o.sectors))&^1, o.sectors, name, min(o.sectors/(heads*perTrack), 65535), heads, perTrack, hardware)
	if len(text) > textSectors*sector {
		return errorf("the name of the disk is too long")
	}
	head := append(o.header(noDirectory), text...)
	return o.write(append(head, make([]byte, headSectors*sector-len(head))...))
}

// grain is one on its way: packed is ready when done is closed.
type grain struct {
	number int64
	data   []byte
	packed bytes.Buffer
	err    error
	done   chan struct{}
}

// grains reads, compresses and writes: several goroutines compress, and what they make is written in order.
func (o *optimized) grains(ctx context.Context, src sparse.Source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	workers := max(2, runtime.GOMAXPROCS(0))
	work, order := make(chan *grain), make(chan *grain, 2*workers)
	for range workers {
		go func() {
			z, _ := zlib.NewWriterLevel(io.Discard, compressLevel) // the level is one
			for g := range work {
				g.pack(z)
			}
		}()
	}
	read := make(chan error, 1)
	go func() {
		defer close(work)
		defer close(order)
		read <- readGrains(ctx, src, func(number int64, data []byte) error {
			g := &grain{number: number, data: data, done: make(chan struct{})}
			for _, to := range []chan *grain{order, work} {
				select {
				case to <- g:
				case <-ctx.Done():
					g.err = context.Cause(ctx)
					return g.err
				}
			}
			return nil
		})
	}()
	var err error
	for g := range order {
		if err != nil {
			continue
		}
		select {
		case <-g.done:
			if err = g.err; err == nil {
				err = o.put(g)
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			cancel(err)
		}
	}
	if failed := <-read; err == nil {
		err = failed
	}
	cancel(nil)
	return err
}

func (g *grain) pack(z *zlib.Writer) {
	defer close(g.done)
	g.packed.Write(make([]byte, grainHeader))
	z.Reset(&g.packed)
	if _, g.err = z.Write(g.data); g.err == nil {
		g.err = z.Close()
	}
	b := g.packed.Bytes()
	le.PutUint64(b, uint64(g.number*grainSectors))
	le.PutUint32(b[8:], uint32(len(b)-grainHeader))
}

// readGrains yields the grains of the source that are not all zero, in order, each as a whole.
func readGrains(ctx context.Context, src sparse.Source, yield func(number int64, data []byte) error) error {
	var data []byte
	number := int64(-1)
	flush := func() error {
		if number < 0 || bytes.Count(data, []byte{0}) == len(data) {
			return nil
		}
		return yield(number, data)
	}
	for {
		offset, length, err := src.Next()
		if errors.Is(err, io.EOF) {
			return flush()
		}
		if err != nil {
			return err
		}
		for end := offset + length; offset < end; {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if n := offset / grainBytes; n != number {
				if err := flush(); err != nil {
					return err
				}
				number, data = n, make([]byte, grainBytes)
			}
			within := offset % grainBytes
			n := min(end-offset, grainBytes-within)
			if _, err := io.ReadFull(src, data[within:within+n]); err != nil {
				return errors.Join(io.ErrUnexpectedEOF, err)
			}
			offset += n
		}
	}
}

// put writes a compressed grain.
func (o *optimized) put(g *grain) error {
	if index := g.number / grainsATable; index != o.index {
		if err := o.putTable(); err != nil {
			return err
		}
		o.index = index
	}
	o.table[g.number%grainsATable], o.any = uint32(o.at), true
	return o.write(g.packed.Bytes())
}

// putTable writes the table of grains, if it leads to any.
func (o *optimized) putTable() error {
	if !o.any {
		return nil
	}
	b := make([]byte, 0, sector+4*grainsATable)
	b = append(b, marker(markerTable, 4*grainsATable/sector)...)
	for _, at := range o.table {
		b = binary.LittleEndian.AppendUint32(b, at)
	}
	o.dir[o.index] = uint32(o.at + 1)
	o.table, o.any = [grainsATable]uint32{}, false
	return o.write(b)
}

func marker(kind uint32, sectors int) []byte {
	b := make([]byte, sector)
	le.PutUint64(b, uint64(sectors))
	le.PutUint32(b[12:], kind)
	return b
}

func (o *optimized) end() error {
	if err := o.putTable(); err != nil {
		return err
	}
	var b []byte
	for _, at := range o.dir {
		b = binary.LittleEndian.AppendUint32(b, at)
	}
	if err := o.write(marker(markerDir, (len(b)+sector-1)/sector)); err != nil {
		return err
	}
	directory := o.at
	if err := o.write(b); err != nil {
		return err
	}
	tail := append(marker(markerFooter, 1), o.header(uint64(directory))...)
	return o.write(append(tail, make([]byte, sector)...))
}

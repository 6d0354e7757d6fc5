// Package disk is a disk that fails as disks do: it has a volatile cache for what is written, which it loses with its power, and it
// can be slow or full. It is a real block device of the kernel with a real ext4 file system on it, so that what is lost is lost
// through all layers between a program and its disk.
//
//	program → ext4 → loop device → a FUSE file, served here → the medium, a file
//
// A flush of the block device (the kernel's REQ_OP_FLUSH, before and after each commit of ext4's journal, and with each fsync)
// arrives here as an fsync of the FUSE file, and only that moves what was written to the medium for sure.
//
// It is used by test/netns, which gives one to a machine. It needs root and a mount namespace of its own: when the last process of
// that ends, the disk and its devices go by themselves.
package disk

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	sector    = 512        // what is written has a multiple of this
	blockSize = 8 * sector // what a disk writes as a whole, and the cache keeps together
)

// block is a block in the cache.
type block struct {
	data [blockSize]byte
	// dirty has a bit for each sector that the medium doesn't have yet.
	dirty uint8
}

// Disk is a disk. Its methods are for any number of goroutines, but for those that say otherwise.
type Disk struct {
	dir    string
	size   int64
	medium *os.File
	served chan struct{} // closed when the file is served no more

	mu sync.Mutex
	// cache has what was written since the last flush.
	cache map[int64]*block
	// lost is what cache had when the power was cut, or nil while there is power.
	lost map[int64]*block
	// held makes writes and flushes wait: the power is cut, and those who have asked for them still live.
	held   chan struct{}
	access time.Duration
	flush  time.Duration
}

// pause lets the time pass that the disk takes for an access, or for a flush.
func (d *Disk) pause(flush bool) {
	d.mu.Lock()
	delay := d.access
	if flush {
		delay = d.flush
	}
	d.mu.Unlock()
	time.Sleep(delay)
}

// Slow lets each read and each write take access longer from now on, and each flush flush longer. A read or write has up to 128 KiB.
func (d *Disk) Slow(access, flush time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.access, d.flush = access, flush
}

// Cut cuts the disk's power. From now on nothing gets to the medium, and who writes or flushes waits until Drain, so that nobody
// takes for written what is not.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost != nil {
		return
	}
	d.held = make(chan struct{})
	d.lost = make(map[int64]*block, len(d.cache))
	for at, b := range d.cache {
		c := *b
		d.lost[at] = &c
	}
}

// Drain ends the waiting since Cut. By then everybody who has waited is to be killed: to them it looks like success.
func (d *Disk) Drain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held != nil {
		close(d.held)
		d.held = nil
	}
}

// Lose decides what of the cache had got to the medium when the power was cut, and forgets the rest: each block is there or isn't,
// as random says. A disk writes them in any order, but none by half: the physical sectors of today's disks have 4096 bytes, and ext4
// relies on it for its superblock, which has more than one sector of 512. It gives the disk power again. The disk is not mounted.
func (d *Disk) Lose(random *rand.Rand) (kept, lost int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	chance := []float64{0, 0.5, random.Float64()}[random.IntN(3)]
	for _, at := range slices.Sorted(maps.Keys(d.lost)) { // in order, so that a seed repeats a choice
		b := d.lost[at]
		dirty := bits.OnesCount8(b.dirty)
		if random.Float64() >= chance {
			lost += dirty
			continue
		}
		kept += dirty
		err = errors.Join(err, d.settle(at, b))
	}
	d.cache, d.lost = map[int64]*block{}, nil
	return kept, lost, err
}

// settle writes the dirty sectors of a block to the medium.
func (d *Disk) settle(at int64, b *block) error {
	for s := range blockSize / sector {
		if b.dirty&(1<<s) != 0 {
			if _, err := d.medium.WriteAt(b.data[s*sector:(s+1)*sector], at*blockSize+int64(s*sector)); err != nil {
				return fmt.Errorf("medium of the disk: %w", err)
			}
		}
	}
	return nil
}

// read fills p with what the disk has at the offset.
func (d *Disk) read(p []byte, off int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.medium.ReadAt(p, off); err != nil {
		return err
	}
	for part, at := range parts(p, off) {
		b := d.cache[at/blockSize]
		if b == nil {
			continue
		}
		from := int(at % blockSize)
		for s := range blockSize / sector {
			lo, hi := max(s*sector, from), min((s+1)*sector, from+len(part)) // what of the sector is asked for
			if b.dirty&(1<<s) != 0 && lo < hi {
				copy(part[lo-from:hi-from], b.data[lo:hi])
			}
		}
	}
	return nil
}

// write takes p into the cache.
func (d *Disk) write(p []byte, off int64) error {
	if off%sector != 0 || len(p)%sector != 0 {
		return fmt.Errorf("a write of %d bytes at %d is not one of sectors", len(p), off)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.held != nil {
		d.wait()
	}
	for part, at := range parts(p, off) {
		b := d.cache[at/blockSize]
		if b == nil {
			b = &block{}
			d.cache[at/blockSize] = b
		}
		from := int(at % blockSize)
		copy(b.data[from:], part)
		for s := from / sector; s < (from+len(part))/sector; s++ {
			b.dirty |= 1 << s
		}
	}
	return nil
}

// sync moves the cache to the medium.
func (d *Disk) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.held != nil {
		d.wait()
	}
	if d.lost != nil {
		return nil // the power is off
	}
	for at, b := range d.cache {
		if err := d.settle(at, b); err != nil {
			return err
		}
		delete(d.cache, at)
	}
	return nil
}

// wait waits for Drain. It gives up d.mu meanwhile.
func (d *Disk) wait() {
	held := d.held
	d.mu.Unlock()
	<-held
	d.mu.Lock()
}

// parts yields the parts of p that are of one block each, with their offsets; p is at the offset off.
func parts(p []byte, off int64) iter.Seq2[[]byte, int64] {
	return func(yield func([]byte, int64) bool) {
		for len(p) > 0 {
			n := min(len(p), blockSize-int(off%blockSize))
			if !yield(p[:n], off) {
				return
			}
			p, off = p[n:], off+int64(n)
		}
	}
}

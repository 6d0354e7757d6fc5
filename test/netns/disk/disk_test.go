package disk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/internal/testhost"
)

// bare returns a disk that is not mounted, all zero.
func bare(t *testing.T, size int64) *Disk {
	f, err := os.Create(filepath.Join(t.TempDir(), "medium"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return &Disk{size: size, medium: f, cache: map[int64]*block{}}
}

func pattern(b byte, sectors int) []byte { return bytes.Repeat([]byte{b}, sectors*sector) }

func (d *Disk) has(t *testing.T, off int64, want []byte) bool {
	t.Helper()
	got := make([]byte, len(want))
	if err := d.read(got, off); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(got, want)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is written is read, whether it was flushed or not; a write that is not of whole sectors is refused.
func TestReadsWhatIsWritten(t *testing.T) {
	d, want := bare(t, 64<<10), make([]byte, 64<<10)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 500 {
		off := random.IntN(128)
		p := pattern(byte(i), 1+random.IntN(min(30, 128-off)))
		must(t, d.write(p, int64(off*sector)))
		copy(want[off*sector:], p)
		if random.IntN(20) == 0 {
			must(t, d.sync())
		}
		at := random.IntN(60 << 10)
		if !d.has(t, int64(at), want[at:at+4000]) {
			t.Fatalf("after write %d, 4000 bytes at %d are others", i, at)
		}
	}
	if err := d.write(make([]byte, 100), 0); err == nil {
		t.Error("a piece of a sector was written")
	}
}

// A cut takes nothing that was flushed, and of the rest some blocks and not others, the same ones for the same seed.
func TestCut(t *testing.T) {
	const sectors = 1000
	lose := func(seed uint64) (d *Disk, state string) {
		d = bare(t, 2*sectors*sector)
		must(t, d.write(pattern('a', sectors), 0))
		must(t, d.sync())
		must(t, d.write(pattern('b', sectors/2), 0))
		d.Cut()
		flushed := make(chan error)
		go func() { flushed <- d.sync() }()
		go func() { flushed <- d.write(pattern('c', 1), 0) }()
		d.Drain()
		must(t, errors.Join(<-flushed, <-flushed))
		if !d.has(t, 0, pattern('c', 1)) || !d.has(t, sector, pattern('b', sectors/2-1)) {
			t.Fatal("before the end, those who live read something else than they have written")
		}
		kept, lost, err := d.Lose(rand.New(rand.NewPCG(seed, 0)))
		must(t, err)
		if kept+lost != sectors/2 {
			t.Errorf("%d sectors were kept and %d lost, of %d", kept, lost, sectors/2)
		}
		for i := range int64(sectors) {
			switch {
			case d.has(t, i*sector, pattern('a', 1)):
				state += "a"
			case i < sectors/2 && d.has(t, i*sector, pattern('b', 1)):
				state += "b"
			default:
				t.Fatalf("sector %d has something else", i)
			}
		}
		for torn := 8; torn < sectors/2-8; torn += 8 { // the first block is written last, and the last one is not all that is flushed
			if block := state[torn : torn+8]; block != "aaaaaaaa" && block != "bbbbbbbb" {
				t.Fatalf("the block of sector %d is torn: %s", torn, block)
			}
		}
		return d, state
	}
	fates := map[string]int{}
	for seed := range uint64(20) {
		d, state := lose(seed)
		if _, again := lose(seed); again != state {
			t.Errorf("seed %d has another result the second time", seed)
		}
		fates[state]++
		// It goes on.
		must(t, d.write(pattern('d', 3), 0))
		must(t, d.sync())
		if !d.has(t, 0, pattern('d', 3)) {
			t.Error("after a loss nothing can be written")
		}
	}
	if len(fates) < 5 {
		t.Errorf("20 seeds have %d different results", len(fates))
	}
}

// mounted is a disk with a file system, and where that is mounted.
func mounted(t *testing.T, size int64) (d *Disk, folder string) {
	t.Helper()
	testhost.Require(t)
	dir := t.TempDir()
	d, err := New(filepath.Join(dir, "d"), size)
	must(t, err)
	folder = filepath.Join(dir, "mnt")
	must(t, os.Mkdir(folder, 0o700))
	must(t, d.Mount(folder))
	t.Cleanup(func() {
		must(t, d.Unmount(folder))
		must(t, d.Check())
		must(t, d.Close())
	})
	return d, folder
}

// lose cuts the power, and gives it back.
func (d *Disk) lose(t *testing.T, folder string, seed uint64) {
	t.Helper()
	d.Cut()
	d.Drain()
	must(t, d.Unmount(folder))
	kept, lost, err := d.Lose(rand.New(rand.NewPCG(seed, 0)))
	must(t, err)
	t.Logf("seed %d: %d sectors kept, %d lost", seed, kept, lost)
	must(t, d.Mount(folder))
}

// A file that was synced is there after a loss of power, one that was not may be gone; the file system is whole each time.
func TestPowerLoss(t *testing.T) {
	d, folder := mounted(t, 64<<20)
	path := func(name string, i uint64) string { return filepath.Join(folder, fmt.Sprint(name, i)) }
	gone := map[string]int{}
	for seed := range uint64(10) {
		// A file that is there, and one that is renamed, whose folder is synced.
		data := bytes.Repeat([]byte{byte('a' + seed)}, 300_000)
		f, err := os.Create(path("synced", seed))
		must(t, err)
		_, err = f.Write(data)
		must(t, errors.Join(err, f.Sync(), f.Close()))
		must(t, os.Rename(path("synced", seed), path("renamed", seed)))
		root, err := os.Open(folder)
		must(t, err)
		must(t, errors.Join(root.Sync(), root.Close()))
		// One that the kernel has written to the disk, and nobody has told the disk to keep (sync_file_range(2) says so).
		f, err = os.Create(path("written", seed))
		must(t, err)
		_, err = f.Write(data)
		must(t, errors.Join(err, unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER), f.Close()))
		// And one that the kernel has not even begun to write.
		must(t, os.WriteFile(path("unsynced", seed), data, 0o600))

		d.lose(t, folder, seed)
		for i := range seed + 1 {
			got, err := os.ReadFile(path("renamed", i))
			if want := bytes.Repeat([]byte{byte('a' + i)}, len(data)); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("after loss %d the synced file %d is another one: %v", seed, i, err)
			}
		}
		for _, name := range []string{"written", "unsynced"} {
			if got, err := os.ReadFile(path(name, seed)); err != nil || !bytes.Equal(got, data) {
				gone[name]++
			}
		}
		must(t, d.Unmount(folder))
		must(t, d.Check())
		must(t, d.Mount(folder))
	}
	if t.Log(gone); gone["written"] == 0 || gone["unsynced"] == 0 {
		t.Error("ten losses of power took nothing")
	}
}

// What databases and virtual machines do with files works: direct I/O, memory maps, holes.
func TestFiles(t *testing.T) {
	d, folder := mounted(t, 64<<20)
	path := filepath.Join(folder, "file")
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_DIRECT, 0o600)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.Fallocate(fd, 0, 0, 8<<20))
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON) // for its alignment
	must(t, err)
	defer unix.Munmap(page)
	copy(page, pattern('x', 8))
	for _, at := range []int64{0, 1 << 20, 8<<20 - 4096} {
		_, err = unix.Pwrite(fd, page, at)
		must(t, err)
	}
	must(t, unix.Fdatasync(fd))
	must(t, unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 1<<20, 4096))
	view, err := unix.Mmap(fd, 0, 8<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	if view[0] != 'x' || view[1<<20] != 0 || view[8<<20-1] != 'x' {
		t.Errorf("the file has %d, %d, %d", view[0], view[1<<20], view[8<<20-1])
	}
	view[4096] = 'y'
	must(t, unix.Msync(view[:8192], unix.MS_SYNC))
	must(t, unix.Munmap(view))
	must(t, unix.Fsync(fd))
	must(t, unix.Close(fd))
	fd = -1
	d.lose(t, folder, 0)
	got, err := os.ReadFile(path)
	must(t, err)
	if len(got) != 8<<20 || got[0] != 'x' || got[4096] != 'y' || got[1<<20] != 0 || got[8<<20-1] != 'x' {
		t.Error("after a loss of power the file is another one")
	}
}

// A file system that is full has no room for anything, until it is freed.
func TestFill(t *testing.T) {
	_, folder := mounted(t, 64<<20)
	write := func() error { return os.WriteFile(filepath.Join(folder, "more"), make([]byte, 8192), 0o600) }
	for range 2 {
		must(t, Fill(folder, 0))
		if err := write(); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("a full file system takes more: %v", err)
		}
		must(t, Free(folder))
		must(t, write())
		must(t, os.Remove(filepath.Join(folder, "more")))
	}
	must(t, Fill(folder, 1<<20))
	must(t, write())
}

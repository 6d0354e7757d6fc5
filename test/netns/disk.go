package netns

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hanok/test/netns/disk"
)

// Disk is a disk that a machine has of its own, with an ext4 file system; see the package disk for what is simulated and what is
// the kernel's. A machine keeps on it what its Data names, or a datastore.
type Disk struct {
	// Path is where the machine has it mounted, at any time.
	Path string

	m *Machine
	d *disk.Disk
}

// AddDisk gives the machine a disk of the size in bytes. On the machine's next power off nothing of it is lost, other than by PowerLoss.
func (m *Machine) AddDisk(name string, size int64) *Disk {
	m.s.t.Helper()
	d, err := disk.New(filepath.Join(m.dir(), name+".disk"), size)
	if err != nil {
		m.s.t.Fatal(err)
	}
	k := &Disk{Path: filepath.Join(m.dir(), name), m: m, d: d}
	if err := errors.Join(os.MkdirAll(k.Path, 0o700), d.Mount(k.Path)); err != nil {
		m.s.t.Fatal(err)
	}
	m.disks = append(m.disks, k)
	m.s.t.Cleanup(func() {
		m.PowerOff()
		if err := errors.Join(k.unmount(), d.Check(), d.Close()); err != nil {
			m.s.t.Errorf("disk %s: %v", k.Path, err)
		}
	})
	return k
}

// Slow lets each read and write of the disk take access longer from now on, and each flush flush longer.
func (k *Disk) Slow(access, flush time.Duration) { k.d.Slow(access, flush) }

// Fill takes all room but for keep bytes, that which came free since an earlier Fill included. Free gives it back.
func (k *Disk) Fill(keep int64) {
	k.m.s.t.Helper()
	if err := disk.Fill(k.Path, keep); err != nil {
		k.m.s.t.Fatal(err)
	}
}

// Free gives back what Fill has taken.
func (k *Disk) Free() {
	k.m.s.t.Helper()
	if err := disk.Free(k.Path); err != nil {
		k.m.s.t.Fatal(err)
	}
}

// PowerLoss takes the machine's power, and from its disks what was written and not flushed: some of it, as the seed says. Everything on
// the machine ends at this instant, whatever it has just written, and nobody hears of a write that is lost. Then the file systems are
// brought back from their journals. It returns how many sectors were lost. PowerOn boots the machine again.
func (m *Machine) PowerLoss(seed uint64) (lost int) {
	m.s.t.Helper()
	first, err := strconv.Atoi(m.pid())
	if err != nil {
		m.s.t.Fatal(err)
	}
	alive, err := unix.PidfdOpen(first, 0)
	if err != nil {
		m.s.t.Fatal(err)
	}
	defer unix.Close(alive)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, k := range m.disks {
		if random.IntN(2) == 0 {
			k.writeBack(time.Duration(random.Int64N(int64(20 * time.Millisecond))))
		}
		k.d.Cut()
	}
	m.Cut()
	m.kill()
	for _, k := range m.disks {
		k.d.Drain()
	}
	m.PowerOff()
	// The first process ends when there is no other on the machine any more.
	for n := 0; n == 0; {
		if n, err = unix.Poll([]unix.PollFd{{Fd: int32(alive), Events: unix.POLLIN}}, int(patience.Milliseconds())); n == 0 {
			m.s.t.Fatalf("some process of %s does not end", m.Name)
		} else if err != nil && err != unix.EINTR {
			m.s.t.Fatal(err)
		}
	}
	for _, k := range m.disks {
		if err := k.unmount(); err != nil {
			m.s.t.Fatal(err)
		}
		_, n, err := k.d.Lose(random)
		if err := errors.Join(err, k.d.Mount(k.Path)); err != nil {
			m.s.t.Fatal(err)
		}
		lost += n
	}
	return lost
}

// writeBack lets the kernel write what it has in memory, as it does every now and then, and returns when it has come that far.
func (k *Disk) writeBack(far time.Duration) {
	k.m.s.t.Helper()
	folder, err := os.Open(k.Path)
	if err != nil {
		k.m.s.t.Fatal(err)
	}
	go func() {
		_ = unix.Syncfs(int(folder.Fd())) // which the loss of power interrupts
		_ = folder.Close()
	}()
	time.Sleep(far)
}

// kill sends SIGKILL to every process of the machine. Each has it when kill returns, and may take its time to end.
func (m *Machine) kill() {
	m.s.t.Helper()
	space := m.space()
	for killed := map[int]bool{}; ; {
		more := false
		for _, pid := range processes() {
			if of, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); of == space && !killed[pid] {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
					m.s.t.Fatal(err)
				}
				killed[pid], more = true, true
			}
		}
		if !more {
			return // one that has the signal makes no new one
		}
	}
}

// unmount unmounts the disk. The mount tree of a machine that has just lost its power may take a moment to go.
func (k *Disk) unmount() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := k.d.Unmount(k.Path)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hanok/internal/diskimage"
)

// importSpeed is the least that importing a disk may have of the speed of qemu-img convert.
const importSpeed = 0.9

// importSize is the size of the disk that is imported.
const importSize = 1 << 30

// imported are the formats, with what qemu-img is to write.
var imported = []struct {
	name string
	args []string
}{
	{"raw", nil},
	{"qcow2", []string{"-O", "qcow2"}},
	{"qcow2, compressed", []string{"-c", "-O", "qcow2"}},
	{"qcow2, compressed with zstd", []string{"-c", "-O", "qcow2", "-o", "compression_type=zstd"}},
	{"VMDK, streamOptimized", []string{"-O", "vmdk", "-o", "subformat=streamOptimized"}},
	{"VMDK, monolithicSparse", []string{"-O", "vmdk"}},
}

// measureImport compares the inspection and conversion of disks with qemu-img convert, each from a cold cache, in turns of which every
// other begins with the other one. Neither waits for the disk: qemu-img writes without flushing by itself, and what is measured here is
// not synced. What was written is, before the next turn.
func measureImport(ctx context.Context, work string, turns int) error {
	raw := filepath.Join(work, "import.raw")
	if err := fillDisk(raw); err != nil {
		return err
	}
	var broken []error
	fmt.Printf("\nimport of a disk of 1 GB, %d turns from a cold cache; milliseconds, and the CPU's in the median turn\n\n"+
		"| format | Hanok | CPU | qemu-img convert | CPU | speed to qemu-img's |\n| --- | --- | --- | --- | --- | --- |\n", turns)
	for i, format := range imported {
		source := raw
		if format.args != nil {
			source = filepath.Join(work, fmt.Sprintf("import.%d", i))
			if err := execute("qemu-img", append(append([]string{"convert", "-f", "raw"}, format.args...), raw, source)...); err != nil {
				return err
			}
		}
		ours, theirs := &conversions{who: unix.RUSAGE_SELF}, &conversions{who: unix.RUSAGE_CHILDREN}
		ours.convert = func(target string) error { return importDisk(ctx, source, target) }
		theirs.convert = func(target string) error { return execute("qemu-img", "convert", "-O", "raw", source, target) }
		for turn := range turns {
			order := []*conversions{ours, theirs}
			if turn%2 == 1 {
				slices.Reverse(order)
			}
			for _, c := range order {
				if err := errors.Join(ctx.Err(), c.cold(work)); err != nil {
					return err
				}
			}
		}
		speed := float64(median(theirs.took)) / float64(median(ours.took))
		fmt.Printf("| %s | %s | %.0f | %s | %.0f | %.2f |\n", format.name, spreadText(ours.took), milliseconds(median(ours.cpu)),
			spreadText(theirs.took), milliseconds(median(theirs.cpu)), speed)
		if speed < importSpeed {
			broken = append(broken, fmt.Errorf("import of %s has %.2f of the speed of qemu-img, and should have %g", format.name, speed, importSpeed))
		}
	}
	return errors.Join(broken...)
}

// conversions are those of one disk in one way.
type conversions struct {
	convert func(target string) error
	// reset removes what the turn before has made, besides the target; nil for nothing.
	reset func() error
	// who is whose CPU time they take.
	who       int
	took, cpu []time.Duration
}

// cold times one conversion to a new file. What others have written is on the disk before, and nothing of the source in memory.
func (c *conversions) cold(work string) error {
	target := filepath.Join(work, "import.out")
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if c.reset != nil {
		if err := c.reset(); err != nil {
			return err
		}
	}
	if err := execute("sync"); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		return err
	}
	var before, after unix.Rusage
	if err := unix.Getrusage(c.who, &before); err != nil {
		return err
	}
	start := time.Now()
	err := c.convert(target)
	took := time.Since(start)
	if err = errors.Join(err, unix.Getrusage(c.who, &after)); err != nil {
		return err
	}
	c.took = append(c.took, took)
	c.cpu = append(c.cpu, time.Duration(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()))
	return nil
}

func importDisk(ctx context.Context, source, target string) error {
	src, err := os.Open(source)
	if err != nil {
		return err
	}
	defer src.Close()
	file, err := diskimage.NewFile(src)
	if err != nil {
		return err
	}
	image, err := diskimage.Open(file, nil)
	if err != nil {
		return err
	}
	dst, err := os.Create(target)
	if err != nil {
		return err
	}
	return errors.Join(image.Convert(ctx, dst, nil), dst.Close())
}

// fillDisk makes a disk as they are after some years: of stretches between 64 KB and 4 MB two in five are empty, and of the others
// half can be compressed.
func fillDisk(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	bits := rand.NewChaCha8([32]byte{1})
	random := rand.New(bits)
	words := make([][]byte, 2000)
	for i := range words {
		words[i] = []byte(fmt.Sprintf("%x ", random.Uint64()>>(8*random.IntN(7))))
	}
	for at := int64(0); at < importSize-4<<20; {
		size := 64<<10 + random.IntN(4<<20-64<<10)
		var data []byte
		switch kind := random.IntN(10); {
		case kind < 4:
		case kind < 7:
			data = make([]byte, size)
			bits.Read(data)
		default:
			var b bytes.Buffer
			for b.Len() < size {
				b.Write(words[random.IntN(len(words))])
			}
			data = b.Bytes()[:size]
		}
		if _, err := f.WriteAt(data, at); err != nil {
			return err
		}
		at += int64(size)
	}
	return f.Truncate(importSize)
}

func spreadText(all []time.Duration) string {
	return strings.TrimSpace(fmt.Sprintf("%.0f (%.0f to %.0f)", milliseconds(median(all)), milliseconds(slices.Min(all)), milliseconds(slices.Max(all))))
}

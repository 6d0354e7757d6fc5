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
	{"qcow2, compressed", []string{"-O", "qcow2", "-c"}},
	{"VMDK, streamOptimized", []string{"-O", "vmdk", "-o", "subformat=streamOptimized"}},
}

// measureImport compares the inspection and conversion of disks with qemu-img convert, each from a cold cache, in turns.
func measureImport(ctx context.Context, work string, turns int) error {
	raw := filepath.Join(work, "import.raw")
	if err := fillDisk(raw); err != nil {
		return err
	}
	var broken []error
	fmt.Printf("\nimport of a disk of 1 GB, %d turns from a cold cache; milliseconds\n\n| format | Hanok | qemu-img convert | speed to qemu-img's |\n| --- | --- | --- | --- |\n", turns)
	for i, format := range imported {
		source := raw
		if format.args != nil {
			source = filepath.Join(work, fmt.Sprintf("import.%d", i))
			if err := execute("qemu-img", append(append([]string{"convert", "-f", "raw"}, format.args...), raw, source)...); err != nil {
				return err
			}
		}
		var ours, theirs []time.Duration
		for range turns {
			took, err := cold(work, func(target string) error { return importDisk(ctx, source, target) })
			if err != nil {
				return err
			}
			ours = append(ours, took)
			took, err = cold(work, func(target string) error { return execute("qemu-img", "convert", "-O", "raw", source, target) })
			if err != nil {
				return err
			}
			theirs = append(theirs, took)
		}
		speed := float64(median(theirs)) / float64(median(ours))
		fmt.Printf("| %s | %s | %s | %.2f |\n", format.name, spreadText(ours), spreadText(theirs), speed)
		if speed < importSpeed {
			broken = append(broken, fmt.Errorf("import of %s has %.2f of the speed of qemu-img, and should have %g", format.name, speed, importSpeed))
		}
	}
	return errors.Join(broken...)
}

// cold times one conversion to a new file. What others have written is on the disk before, and nothing of the source in memory.
func cold(work string, convert func(target string) error) (time.Duration, error) {
	target := filepath.Join(work, "import.out")
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	if err := execute("sync"); err != nil {
		return 0, err
	}
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		return 0, err
	}
	start := time.Now()
	err := convert(target)
	return time.Since(start), err
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

// Package image builds the starter image: the disk of a small real Linux that boots in a few seconds, so that a new data
// center has a machine to run. It is made from the distribution's own packages (kernel, busybox, guest agent), which
// scripts/setup has downloaded; nothing is fetched or installed here, and no privilege is needed.
//
// The disk has a boot partition (FAT: syslinux, kernel, initramfs) for BIOS machines and a small ext4 partition that the
// guest mounts at /data; its root is the initramfs, in memory. It needs 128 MB of memory, boots from virtio-blk and
// virtio-scsi (and from SATA and IDE where the packages' kernel has those drivers), takes its address and name from
// DHCP, answers on the guest agent's port, and lets root log in on ttyS0 and tty1. A line "hanok-starter: ready" on
// the first serial port says that all of that is up. What runs in the guest is in rootfs.
//
// The same packages make the same bytes. The package knows nothing of data centers; cmd calls it, and tests that need a
// real guest.
package image

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadyLine is what the guest prints on its first serial port when it takes logins.
const ReadyLine = "hanok-starter: ready"

// Config says what to build, and where.
type Config struct {
	// Packages is the folder with the .debs and their manifest, as scripts/setup leaves it.
	Packages string
	// Devices adds the drivers of all the hardware that a machine may have, as far as the packages' kernel has them: for tests of
	// that hardware, with the distribution's generic kernel among the packages.
	Devices bool
	// Out is the path of the image. Its folder must exist. A file beside it, Out plus ".json", records what it was made of.
	Out string
	// Progress, if not nil, is told each stage as it begins, in a few words, on the caller's goroutine.
	Progress func(stage string)
}

// Info describes an image.
type Info struct {
	// Digest is the SHA-256 of the whole file, in hexadecimal.
	Digest string `json:"digest"`
	// SizeBytes is the virtual size of the disk; the file is sparse.
	SizeBytes int64 `json:"sizeBytes"`
	// Kernel is the release of the kernel in it, as uname -r prints it.
	Kernel string `json:"kernel"`
	// Reused tells that the file was there already and Build made nothing.
	Reused bool `json:"-"`
}

// record is the content of the file beside an image.
type record struct {
	Key string `json:"key"` // over all that the image is made of
	Info
}

// Build makes the image at c.Out, or finds that it is there, undamaged and made of the same packages by the same
// builder. The file appears whole or not at all, and replaces an older one. It is safe to call at the same time as
// another Build with the same Out: the last one wins, with the same bytes. A damaged or missing package is an error that
// says what to run.
func Build(ctx context.Context, c Config) (Info, error) {
	progress := c.Progress
	if progress == nil {
		progress = func(string) {}
	}
	names, manifest, err := readManifest(c.Packages)
	if err != nil {
		return Info{}, err
	}
	key, err := buildKey(manifest, c.Devices)
	if err != nil {
		return Info{}, err
	}
	if info, ok := reusable(c.Out, key); ok {
		progress("starter image is there")
		return info, nil
	}

	progress("unpacking " + fmt.Sprint(len(names)) + " packages")
	if err := verifyPackages(c.Packages, manifest); err != nil {
		return Info{}, err
	}
	packages := files{}
	for _, name := range names {
		if err := unpack(ctx, filepath.Join(c.Packages, name), wanted, packages); err != nil {
			return Info{}, err
		}
	}
	kernel, release, err := findKernel(packages)
	if err != nil {
		return Info{}, err
	}
	progress("packing the initramfs for Linux " + release)
	drivers := optionalModules
	if c.Devices {
		drivers = append(drivers[:len(drivers):len(drivers)], deviceModules...)
	}
	initrd, err := initramfs(ctx, packages, release, drivers)
	if err != nil {
		return Info{}, err
	}
	progress("writing the disk")
	info, err := writeImage(ctx, c.Out, kernel, initrd)
	if err != nil {
		return Info{}, err
	}
	info.Kernel = release
	return info, writeRecord(c.Out, record{Key: key, Info: info})
}

// unwanted are the parts of a kernel that no virtual machine needs, which are most of a generic one.
var unwanted = []string{"/kernel/sound/", "/kernel/drivers/gpu/", "/kernel/drivers/media/", "/kernel/drivers/infiniband/",
	"/kernel/drivers/net/wireless/", "/kernel/drivers/iio/", "/kernel/drivers/staging/"}

// wanted tells which files of the packages to read at all.
func wanted(name string) bool {
	for _, part := range unwanted {
		if strings.Contains(name, part) {
			return false
		}
	}
	for _, prefix := range []string{"boot/vmlinuz-", "lib/", "lib64/", "usr/lib/", "usr/lib64/", "usr/sbin/qemu-ga", "bin/busybox", "usr/bin/busybox"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// findKernel returns the newest kernel among the packages, and its release.
func findKernel(packages files) (kernel []byte, release string, err error) {
	const prefix = "boot/vmlinuz-"
	for name, entry := range packages {
		if strings.HasPrefix(name, prefix) && strings.TrimPrefix(name, prefix) > release {
			kernel, release = entry.data, strings.TrimPrefix(name, prefix)
		}
	}
	if release == "" {
		return nil, "", errors.New("no package has a kernel: remove the packages' folder and run make setup")
	}
	return kernel, release, nil
}

// writeImage builds the disk beside out and moves it there when it is whole and on stable storage.
func writeImage(ctx context.Context, out string, kernel, initrd []byte) (info Info, err error) {
	scratch, err := os.MkdirTemp(filepath.Dir(out), ".image-")
	if err != nil {
		return Info{}, fmt.Errorf("build the starter image: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	disk := filepath.Join(scratch, "disk")
	if err := writeDisk(ctx, disk, scratch, kernel, initrd); err != nil {
		return Info{}, err
	}
	digest, size, err := digestFile(disk)
	if err != nil {
		return Info{}, fmt.Errorf("build the starter image: %w", err)
	}
	return Info{Digest: digest, SizeBytes: size}, install(disk, out)
}

// writeRecord says beside the image what it was made of.
func writeRecord(out string, r record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record the starter image: %w", err)
	}
	scratch, err := os.CreateTemp(filepath.Dir(out), ".image-*.json")
	if err != nil {
		return fmt.Errorf("record the starter image: %w", err)
	}
	_, err = scratch.Write(append(data, '\n'))
	if err = errors.Join(err, scratch.Chmod(0o644), scratch.Close()); err == nil {
		err = install(scratch.Name(), recordPath(out))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("record the starter image: %w", err), os.Remove(scratch.Name()))
	}
	return nil
}

func recordPath(out string) string { return out + ".json" }

// install flushes the file at from and moves it to its place; a crash leaves the old file or the new one.
func install(from, to string) error {
	if err := flush(from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return flush(filepath.Dir(to))
}

func flush(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// reusable returns what is known of the image at out if it was built with key and still has its bytes.
func reusable(out, key string) (Info, bool) {
	data, err := os.ReadFile(recordPath(out))
	if err != nil {
		return Info{}, false
	}
	var r record
	if json.Unmarshal(data, &r) != nil || r.Key != key {
		return Info{}, false
	}
	if digest, _, err := digestFile(out); err != nil || digest != r.Digest {
		return Info{}, false
	}
	r.Reused = true
	return r.Info, true
}

// sources is this package itself: a change of the builder makes another image.
//
//go:embed *.go
var sources embed.FS

// buildKey is a digest over all that an image is made of: the packages, which drivers, the builder and the guest's own files.
func buildKey(manifest []byte, devices bool) (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%v\n", manifest, devices)
	for _, tree := range []embed.FS{sources, rootfs} {
		err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.go") {
				return err
			}
			data, err := tree.ReadFile(name)
			fmt.Fprintf(hash, "%s %d\n%s", name, len(data), data)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("read the builder's own files: %w", err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// digestFile returns the SHA-256 of a file, in hexadecimal, and its size in bytes.
func digestFile(name string) (digest string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	hash := sha256.New()
	size, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

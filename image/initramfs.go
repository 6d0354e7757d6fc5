package image

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// rootfs is what of the guest's file system is written by hand. Files that begin with "#!" are executable.
//
//go:embed all:rootfs
var rootfs embed.FS

// guestDirectories are the empty folders that the guest needs besides those that hold a file.
var guestDirectories = []string{
	"data", "dev", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin", "var",
}

// guestLinks are the guest's symbolic links. busybox makes one for each of its own commands at boot.
var guestLinks = map[string]string{
	"bin/sh":         "busybox",
	"sbin/poweroff":  "shutdown",
	"usr/lib64":      "../lib64",
	"var/run":        "../run",
	"etc/mtab":       "../proc/self/mounts",
	"etc/os-release": "../usr/lib/os-release",
}

// initramfs returns the guest's root file system: the files in rootfs, busybox, the guest agent with its libraries and
// the modules in their load order, of which the packages need not have the drivers.
func initramfs(ctx context.Context, packages files, release string, drivers []string) ([]byte, error) {
	guest := map[string]cpioEntry{}
	put := func(name string, mode uint32, data []byte) {
		guest[name] = cpioEntry{name: name, mode: mode, data: data}
	}

	err := fs.WalkDir(rootfs, "rootfs", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := rootfs.ReadFile(name)
		if err != nil {
			return err
		}
		mode := uint32(modeRegular | 0o644)
		if bytes.HasPrefix(data, []byte("#!")) {
			mode = modeRegular | 0o755
		}
		put(strings.TrimPrefix(name, "rootfs/"), mode, data)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the guest's own files: %w", err)
	}
	for name, target := range guestLinks {
		put(name, modeSymlink|0o777, []byte(target))
	}
	for _, name := range guestDirectories {
		put(name, modeDirectory|0o755, nil)
	}
	put("usr/lib/os-release", modeRegular|0o644, osRelease(release))
	// The kernel opens it for the first process before anything is mounted.
	guest["dev/console"] = cpioEntry{name: "dev/console", mode: modeCharacter | 0o600, major: 5, minor: 1}

	busybox, err := packages.open("bin/busybox")
	if err != nil {
		busybox, err = packages.open("usr/bin/busybox")
	}
	if err != nil {
		return nil, err
	}
	put("bin/busybox", modeRegular|0o755, busybox)

	agent, err := readProgram(packages, "usr/sbin/qemu-ga")
	if err != nil {
		return nil, err
	}
	put("usr/sbin/qemu-ga", modeRegular|0o755, agent.data)
	put(cleanName(agent.interpreter), modeRegular|0o755, agent.loader)
	for name, data := range agent.libraries {
		put("lib/"+name, modeRegular|0o644, data)
	}

	available, err := newModules(packages, release)
	if err != nil {
		return nil, err
	}
	ordered, err := available.order(ctx, requiredModules, drivers)
	if err != nil {
		return nil, err
	}
	var list strings.Builder
	for _, m := range ordered {
		put("lib/modules/"+m.name+".ko", modeRegular|0o644, m.data)
		fmt.Fprintln(&list, m.name+".ko")
	}
	put("etc/modules", modeRegular|0o644, []byte(list.String()))

	var archive bytes.Buffer
	if err := writeCPIO(&archive, inOrder(guest)); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

// inOrder sorts the entries by name and adds the folders that hold them, so that each folder precedes its content.
func inOrder(guest map[string]cpioEntry) []cpioEntry {
	all := map[string]cpioEntry{}
	for name, entry := range guest {
		all[name] = entry
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := guest[dir]; !ok {
				all[dir] = cpioEntry{name: dir, mode: modeDirectory | 0o755}
			}
		}
	}
	var entries []cpioEntry
	for _, entry := range all {
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b cpioEntry) int { return strings.Compare(a.name, b.name) })
	return entries
}

// osRelease is what the guest agent reports as the operating system.
func osRelease(release string) []byte {
	version, _, _ := strings.Cut(release, "-")
	return fmt.Appendf(nil, "NAME=\"Hanok Starter\"\nID=hanok\nVERSION_ID=%q\nPRETTY_NAME=\"Hanok Starter (Linux %s)\"\n", version, release)
}

package image

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestInOrder(t *testing.T) {
	entries := inOrder(map[string]cpioEntry{
		"lib/modules/a.ko": {name: "lib/modules/a.ko", mode: modeRegular},
		"root":             {name: "root", mode: modeDirectory | 0o700},
		"root/file":        {name: "root/file", mode: modeRegular},
		"init":             {name: "init", mode: modeRegular},
	})
	var names []string
	for _, entry := range entries {
		names = append(names, entry.name)
	}
	if want := []string{"init", "lib", "lib/modules", "lib/modules/a.ko", "root", "root/file"}; !slices.Equal(names, want) {
		t.Errorf("order %v, want %v", names, want)
	}
	if entries[1].mode != modeDirectory|0o755 || entries[4].mode != modeDirectory|0o700 {
		t.Errorf("modes %o of an added folder and %o of a given one", entries[1].mode, entries[4].mode)
	}
}

// guestPackages are packages with just what an initramfs needs.
func guestPackages(t *testing.T) files {
	all := hostFiles(t, hostLibrary, hostLoader)
	all["usr/sbin/qemu-ga"] = hostFiles(t, hostProgram)[hostProgram]
	all["bin/busybox"] = file{data: []byte("busybox")}
	maps.Copy(all, kernelFiles(t))
	for _, name := range []string{"virtio_pci", "virtio_blk", "virtio_console"} { // the made-up kernel has the rest
		all["lib/modules/6.1/kernel/x/"+name+".ko"] = file{data: object(t, "depends=")}
	}
	return all
}

func TestInitramfs(t *testing.T) {
	archive, err := initramfs(t.Context(), guestPackages(t), "6.1", optionalModules)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"init", "etc/inittab", "sbin/boot", "bin/sh", "bin/busybox", "usr/sbin/qemu-ga", "lib64/ld-linux-x86-64.so.2",
		"lib/libc.so.6", "lib/modules/virtio_net.ko", "etc/modules", "dev/console", "data", "usr/lib/os-release",
	} {
		if !bytes.Contains(archive, []byte("00000000"+name+"\x00")) {
			t.Errorf("the initramfs lacks %s", name)
		}
	}
	if again, err := initramfs(t.Context(), guestPackages(t), "6.1", optionalModules); err != nil || !bytes.Equal(archive, again) {
		t.Errorf("the same packages made another initramfs (%v)", err)
	}
}

func TestInitramfsNamesWhatIsMissing(t *testing.T) {
	for missing, want := range map[string]string{
		"bin/busybox":                            "usr/bin/busybox",
		"usr/sbin/qemu-ga":                       "usr/sbin/qemu-ga",
		"lib/modules/6.1/modules.builtin":        "modules of kernel 6.1",
		"lib/modules/6.1/kernel/b/virtio.ko":     "no module virtio",
		"lib/modules/6.1/kernel/x/virtio_blk.ko": "no module virtio_blk",
	} {
		all := guestPackages(t)
		delete(all, missing)
		if _, err := initramfs(t.Context(), all, "6.1", optionalModules); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: error %v, want %q in it", missing, err, want)
		}
	}
}

package image

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// requiredModules are the drivers that the image can't do without. A kernel may have any of them built in.
var requiredModules = []string{"virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "ext4"}

// optionalModules are taken where the kernel has them: the cloud kernel lacks those of most real hardware.
var optionalModules = []string{
	"virtio_scsi", "vmw_pvscsi", "mptspi", "mptsas", "sd_mod", "ahci", "ata_piix", "nvme",
	"vmxnet3", "e1000", "e1000e",
	"virtio_rng", "virtio_balloon", "qemu_fw_cfg", "button", "evdev",
}

// deviceModules are the drivers of the other hardware that a machine may have.
var deviceModules = []string{
	"crc32c_generic", "sr_mod", "isofs", "floppy", "xhci_pci", "ehci_pci", "uhci_hcd", "usbhid", "hid_generic", "i6300esb", "tpm_tis", "tpm_crb",
}

// module is a kernel module: its decompressed object and the names of those that it needs loaded first.
type module struct {
	name  string
	path  string // in the packages
	needs []string
	data  []byte
}

// modules finds kernel modules by name in the packages.
type modules struct {
	files   files
	paths   map[string]string // by module name
	builtin map[string]bool
}

// newModules indexes the modules of the kernel with the given release.
func newModules(packages files, release string) (*modules, error) {
	m := &modules{files: packages, paths: map[string]string{}, builtin: map[string]bool{}}
	root := ""
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if !strings.Contains(name, "lib/modules/"+release+"/") {
			continue
		}
		if path.Base(name) == "modules.builtin" {
			root = path.Dir(name)
		}
		if base := moduleName(name); base != "" {
			m.paths[base] = name
		}
	}
	if root == "" {
		return nil, fmt.Errorf("no package has the modules of kernel %s", release)
	}
	for line := range strings.Lines(string(packages[root+"/modules.builtin"].data)) {
		m.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return m, nil
}

// moduleName is the name of the module in a file, or nothing if it is not a module's. The kernel takes dash and
// underscore as one.
func moduleName(file string) string {
	base, _, ok := strings.Cut(path.Base(file), ".ko")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(base, "-", "_")
}

// order returns the modules to load, each after all that it needs. Packages hold no modules.dep, which depmod makes at
// installation; every module names its needs itself.
func (m *modules) order(ctx context.Context, required, optional []string) ([]module, error) {
	var ordered []module
	done := map[string]bool{}
	var add func(name string, from []string) error
	add = func(name string, from []string) error {
		name = strings.ReplaceAll(name, "-", "_")
		if done[name] || m.builtin[name] {
			return nil
		}
		for _, earlier := range from {
			if earlier == name {
				return fmt.Errorf("kernel modules need each other in a circle: %s, %s", strings.Join(from, ", "), name)
			}
		}
		found, err := m.read(ctx, name)
		if err != nil {
			return err
		}
		for _, need := range found.needs {
			if err := add(need, append(from, name)); err != nil {
				return err
			}
		}
		done[name] = true
		ordered = append(ordered, found)
		return nil
	}
	for _, name := range required {
		if err := add(name, nil); err != nil {
			return nil, err
		}
	}
	for _, name := range optional {
		if _, ok := m.paths[name]; !ok {
			continue
		}
		if err := add(name, nil); err != nil {
			return nil, err
		}
	}
	return ordered, nil
}

// read reads one module and decompresses it, since busybox's insmod needs it plain.
func (m *modules) read(ctx context.Context, name string) (module, error) {
	at, ok := m.paths[name]
	if !ok {
		return module{}, fmt.Errorf("the kernel packages have no module %s", name)
	}
	data := m.files[at].data
	if tool := map[string]string{".xz": "xz", ".zst": "zstd", ".gz": "gzip"}[path.Ext(at)]; tool != "" {
		cmd := exec.CommandContext(ctx, tool, "-dc")
		cmd.Stdin = bytes.NewReader(data)
		var err error
		if data, err = cmd.Output(); err != nil {
			return module{}, fmt.Errorf("decompress kernel module %s: %s: %w", name, tool, err)
		}
	}
	object, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return module{}, fmt.Errorf("kernel module %s: %w", name, err)
	}
	section := object.Section(".modinfo")
	if section == nil {
		return module{}, fmt.Errorf("kernel module %s has no .modinfo", name)
	}
	info, err := section.Data()
	if err != nil {
		return module{}, fmt.Errorf("kernel module %s: %w", name, err)
	}
	return module{name: name, path: at, needs: m.needs(info), data: data}, nil
}

// needs reads a .modinfo section: "depends" names what has symbols that this module uses, "softdep" what it asks for at
// run time, of which only what the kernel has counts.
func (m *modules) needs(modinfo []byte) []string {
	var needs []string
	for _, field := range strings.Split(string(modinfo), "\x00") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "depends":
			if value != "" {
				needs = append(needs, strings.Split(value, ",")...)
			}
		case "softdep":
			before, _, _ := strings.Cut(value, "post:")
			for _, name := range strings.Fields(strings.TrimPrefix(before, "pre:")) {
				if _, ok := m.paths[strings.ReplaceAll(name, "-", "_")]; ok {
					needs = append(needs, name)
				}
			}
		}
	}
	return needs
}

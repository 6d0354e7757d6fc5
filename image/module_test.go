package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// object returns a minimal ELF file with one section, .modinfo.
func object(t *testing.T, modinfo ...string) []byte {
	t.Helper()
	info := []byte(strings.Join(modinfo, "\x00") + "\x00")
	names := []byte("\x00.modinfo\x00.shstrtab\x00")
	const header, entry = 64, 64
	infoAt := uint64(header)
	namesAt := infoAt + uint64(len(info))
	sectionsAt := namesAt + uint64(len(names))

	var b bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	write(elf.Header64{Ident: ident, Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1,
		Shoff: sectionsAt, Ehsize: header, Shentsize: entry, Shnum: 3, Shstrndx: 2})
	b.Write(info)
	b.Write(names)
	write(elf.Section64{})
	write(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: infoAt, Size: uint64(len(info))})
	write(elf.Section64{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names))})
	return b.Bytes()
}

// kernelFiles is a made-up kernel: drivers that need a bus, which needs a core, one of them dashed and one built in.
func kernelFiles(t *testing.T) files {
	const root = "lib/modules/6.1/kernel/"
	return files{
		"lib/modules/6.1/modules.builtin": {data: []byte("kernel/fs/ext4/ext4.ko\nkernel/crypto/crc32c-generic.ko\n")},
		root + "b/virtio.ko":              {data: object(t, "name=virtio", "depends=")},
		root + "b/virtio_ring.ko":         {data: object(t, "name=virtio_ring", "depends=virtio")},
		root + "b/virtio-rng.ko":          {data: object(t, "depends=virtio_ring,virtio", "alias=virtio:4")},
		root + "b/virtio_net.ko":          {data: object(t, "depends=virtio,virtio_ring,crc32c_generic", "softdep=pre: aes absent post: virtio-rng")},
		root + "c/aes.ko":                 {data: object(t, "depends=")},
		root + "c/loop-a.ko":              {data: object(t, "depends=loop_b")},
		root + "c/loop-b.ko":              {data: object(t, "depends=loop-a")},
		root + "c/orphan.ko":              {data: object(t, "depends=nowhere")},
		root + "c/broken.ko":              {data: []byte("not an object")},
	}
}

func TestModuleOrder(t *testing.T) {
	for _, c := range []struct {
		name               string
		required, optional []string
		want               []string
		wantError          string
	}{
		{name: "needs come first", required: []string{"virtio_rng"}, want: []string{"virtio", "virtio_ring", "virtio_rng"}},
		{name: "each once", required: []string{"virtio_ring", "virtio-rng"}, want: []string{"virtio", "virtio_ring", "virtio_rng"}},
		{name: "soft needs that exist", required: []string{"virtio_net"}, want: []string{"virtio", "virtio_ring", "aes", "virtio_net"}},
		{name: "built in", required: []string{"ext4"}},
		{name: "optional and absent", required: []string{"virtio"}, optional: []string{"e1000e", "aes"}, want: []string{"virtio", "aes"}},
		{name: "required and absent", required: []string{"e1000e"}, wantError: "no module e1000e"},
		{name: "a need is absent", required: []string{"orphan"}, wantError: "no module nowhere"},
		{name: "circle", required: []string{"loop_a"}, wantError: "loop_a, loop_b, loop_a"},
		{name: "not an object", required: []string{"broken"}, wantError: "kernel module broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			available, err := newModules(kernelFiles(t), "6.1")
			if err != nil {
				t.Fatal(err)
			}
			ordered, err := available.order(t.Context(), c.required, c.optional)
			if c.wantError != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantError) {
					t.Fatalf("error %v, want %q in it", err, c.wantError)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range ordered {
				got = append(got, m.name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("order %v, want %v", got, c.want)
			}
		})
	}
}

func TestModulesOfAnotherKernel(t *testing.T) {
	if _, err := newModules(kernelFiles(t), "6.12"); err == nil || !strings.Contains(err.Error(), "6.12") {
		t.Errorf("got %v, want an error that names the kernel", err)
	}
}

package diskimage

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hanok/internal/testhost"
)

// TestImagesOfQEMU reads what qemu-img writes, in every format and kind that it can write.
func TestImagesOfQEMU(t *testing.T) {
	testhost.Require(t)
	disk := make([]byte, 40<<20)
	random := rand.NewChaCha8([32]byte{1})
	for range 60 {
		at := int(random.Uint64() % uint64(len(disk)-200_000))
		random.Read(disk[at : at+100_000])
		copy(disk[at+100_000:at+200_000], bytes.Repeat([]byte("text "), 20_000))
	}
	dir := t.TempDir()
	raw := filepath.Join(dir, "raw")
	if err := os.WriteFile(raw, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range [][]string{
		{"qcow2"}, {"qcow2", "-c"}, {"qcow2", "-o", "compat=0.10"}, {"qcow2", "-c", "-o", "compression_type=zstd"}, {"qcow2", "-o", "cluster_size=2M"},
		{"vmdk", "-o", "subformat=monolithicSparse"}, {"vmdk", "-o", "subformat=monolithicFlat"}, {"vmdk", "-o", "subformat=twoGbMaxExtentSparse"},
		{"vmdk", "-o", "subformat=twoGbMaxExtentFlat"}, {"vmdk", "-o", "subformat=streamOptimized"},
	} {
		t.Run(filepath.Join(format...), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "image.x")
			args := append([]string{"convert", "-f", "raw", "-O"}, append(format, raw, name)...)
			if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			i, err := Open(open(t, name), func(part string) (File, error) { return open(t, filepath.Join(filepath.Dir(name), part)), nil })
			if err != nil {
				t.Fatal(err)
			}
			got, err := convert(t, i)
			if err != nil {
				t.Fatal(err)
			}
			if string(i.Format) != format[0] || !bytes.Equal(got, disk) {
				t.Errorf("got %s, another disk", i.Format)
			}
		})
	}
}

func open(t *testing.T, name string) File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	file, err := NewFile(f)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

package diskimage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// convert returns the raw disk that an image becomes.
func convert(t testing.TB, i *Image) ([]byte, error) {
	t.Helper()
	dst, err := os.Create(filepath.Join(t.TempDir(), "raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if err := i.Convert(t.Context(), dst, nil); err != nil {
		return nil, err
	}
	return os.ReadFile(dst.Name())
}

func TestFormats(t *testing.T) {
	disk := content()
	half := len(disk) / 2 / sector * sector
	for name, tt := range map[string]struct {
		first  []byte
		others map[string][]byte
		format Format
		kind   string
	}{
		"raw":              {first: disk, format: Raw},
		"qcow2":            {first: makeQCOW2(disk, false), format: QCOW2},
		"qcow2 compressed": {first: makeQCOW2(disk, true), format: QCOW2},
		"monolithicSparse": {first: makeSparse(disk, false, text("monolithicSparse", rw(disk, `SPARSE "x.vmdk"`))), format: VMDK, kind: "monolithicSparse"},
		"streamOptimized":  {first: makeSparse(disk, true, text("streamOptimized", rw(disk, `SPARSE "x.vmdk"`))), format: VMDK, kind: "streamOptimized"},
		"monolithicFlat": {first: []byte(text("monolithicFlat", rw(disk, `FLAT "a-flat.vmdk" 2`))), format: VMDK, kind: "monolithicFlat",
			others: map[string][]byte{"a-flat.vmdk": append(make([]byte, 2*sector), disk...)}},
		"vmfs": {first: []byte(text("vmfs", rw(disk, `VMFS "a-flat.vmdk"`))), format: VMDK, kind: "vmfs",
			others: map[string][]byte{"a-flat.vmdk": disk}},
		"twoGbMaxExtentFlat": {first: []byte(text("twoGbMaxExtentFlat", rw(disk[:half], `FLAT "a-f001.vmdk" 0`), rw(disk[half:], `FLAT "a-f002.vmdk" 0`))),
			format: VMDK, kind: "twoGbMaxExtentFlat", others: map[string][]byte{"a-f001.vmdk": disk[:half], "a-f002.vmdk": disk[half:]}},
		"twoGbMaxExtentSparse": {first: []byte(text("twoGbMaxExtentSparse", rw(disk[:half], `SPARSE "a-s001.vmdk"`), rw(disk[half:], `SPARSE "a-s002.vmdk"`))),
			format: VMDK, kind: "twoGbMaxExtentSparse", others: map[string][]byte{
				"a-s001.vmdk": makeSparse(disk[:half], false, ""), "a-s002.vmdk": makeSparse(disk[half:], false, "")}},
		"vmfsSparse": {first: []byte(text("vmfsSparse", rw(disk, `VMFSSPARSE "a-delta.vmdk"`))), format: VMDK, kind: "vmfsSparse",
			others: map[string][]byte{"a-delta.vmdk": makeCOWD(disk)}},
		"seSparse": {first: []byte(text("seSparse", rw(disk, `SESPARSE "a-sesparse.vmdk"`))), format: VMDK, kind: "seSparse",
			others: map[string][]byte{"a-sesparse.vmdk": makeSE(disk)}},
		"with a hole": {first: []byte(text("custom", rw(disk[:half], `FLAT "a" 0`), rw(disk[half:], "ZERO"))), format: VMDK, kind: "custom",
			others: map[string][]byte{"a": disk[:half]}},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := Open(Bytes(tt.first), func(name string) (File, error) {
				if b, ok := tt.others[name]; ok {
					return Bytes(b), nil
				}
				return nil, errorf("not given")
			})
			if err != nil {
				t.Fatal(err)
			}
			if i.Format != tt.format || i.Kind != tt.kind || i.Size != int64(len(disk)) {
				t.Errorf("got %s %q of %d bytes", i.Format, i.Kind, i.Size)
			}
			want := bytes.Clone(disk)
			if name == "with a hole" {
				clear(want[half:])
			}
			got, err := convert(t, i)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("the disk is another one")
			}
			var streamed bytes.Buffer
			if err := i.Stream(t.Context(), &streamed); err != nil || !bytes.Equal(streamed.Bytes(), want) {
				t.Errorf("as a stream it is another one: %d bytes, %v", streamed.Len(), err)
			}
		})
	}
}

// TestRefused alters one thing of a good image, and wants the error that says so.
func TestRefused(t *testing.T) {
	disk := content()
	qcow := func(at int, b ...byte) func() []byte {
		return func() []byte { return put(makeQCOW2(disk, true), at, b) }
	}
	sparse := func(at int, b ...byte) func() []byte {
		return func() []byte {
			return put(makeSparse(disk, false, text("monolithicSparse", rw(disk, `SPARSE "x"`))), at, b)
		}
	}
	descriptor := func(kind string, extents ...string) func() []byte {
		return func() []byte { return []byte(text(kind, extents...)) }
	}
	const l1, l2 = 4096, 8192
	for want, image := range map[string]func() []byte{
		"it has a backing file":                qcow(15, 1),
		"it is encrypted":                      qcow(35, 1),
		"it has an external data file":         qcow(79, qcowDataFile),
		"it is marked as corrupt":              qcow(79, qcowCorrupt),
		"it has extended L2 entries":           qcow(79, qcowExtendedL2),
		"it has features that are not known":   qcow(72, 1),
		"version 9 of qcow2":                   qcow(7, 9),
		"clusters of 2^40 bytes":               qcow(23, 40),
		"a disk of 0 bytes":                    qcow(24, 0, 0, 0, 0, 0, 0, 0, 0),
		"a disk of 18446744073709551615 bytes": qcow(24, 255, 255, 255, 255, 255, 255, 255, 255),
		"its L1 table has 1 entries instead":   qcow(28, 1),
		"its L1 table at byte":                 qcow(40, 0x70),
		"its L2 table at byte":                 qcow(l1, 0x80, 0x70),
		"is not in the file":                   qcow(l2+8, 0x80, 0x70),
		"is damaged":                           func() []byte { b := makeQCOW2(disk, true); return put(b, 3*4096+3, bytes.Repeat([]byte{255}, 40)) },
		"several places lead to the same one": func() []byte {
			b := makeQCOW2(make([]byte, 1<<20), false)
			for i := range 256 {
				be.PutUint64(b[l2+i*8:], 1<<63|3*4096)
			}
			return put(b, 3*4096, bytes.Repeat([]byte{1}, 4096))
		},
		"version 7 of the sparse format":         sparse(4, 7),
		"a capacity of 0 sectors":                sparse(12, 0, 0),
		"grains of 7 sectors":                    sparse(20, 7),
		"grain tables with 100000":               sparse(44, 0xa0, 0x86, 1, 0),
		"its grain directory at sector 16777215": sparse(56, 0xff, 0xff, 0xff),
		"it has no footer":                       func() []byte { return makeSparse(disk, true, "")[:3*sector] },
		"its footer is none":                     func() []byte { b := makeSparse(disk, true, ""); return b[:len(b)-sector] },
		"its grain directory at byte":            func() []byte { b := makeSparse(disk, false, ""); return b[:len(b)-1] },
		"its descriptor: line 1":                 sparse(sector, 'x'),
		"it is a snapshot of another disk": func() []byte {
			return []byte(strings.Replace(text("vmfs", `RW 1 VMFS "a"`), "ffffffff", "12345678", 1))
		},
		"it is a snapshot of \"base.vmdk\"":       func() []byte { return []byte(text("vmfs", `RW 1 VMFS "a"`) + "parentFileNameHint=\"base.vmdk\"\n") },
		"its descriptor has 0 extents":            descriptor("vmfs"),
		"(/etc/shadow): its file must lie beside": descriptor("monolithicFlat", `RW 1 FLAT "/etc/shadow" 0`),
		"(../x): its file must lie beside":        descriptor("monolithicFlat", `RW 1 FLAT "../x" 0`),
		`(..\x): its file must lie beside`:        descriptor("monolithicFlat", `RW 1 FLAT "..\x" 0`),
		"(..): its file must lie beside":          descriptor("monolithicFlat", `RW 1 FLAT ".." 0`),
		"it is a raw device mapping":              descriptor("vmfsRawDeviceMap", `RW 1 VMFSRDM "a-rdm.vmdk"`),
		"(b): its part \"b\" was not given":       descriptor("monolithicFlat", `RW 1 FLAT "b" 0`),
		"extent 0 has 0 sectors":                  descriptor("monolithicFlat", `RW 0 FLAT "b" 0`),
		"can't be":                                descriptor("monolithicFlat", `RW 9007199254740991 ZERO`),
		"the file has 512 bytes, and":             descriptor("monolithicFlat", `RW 2 FLAT "short" 0`),
		"extent 1 is in the file \"short\"":       descriptor("vmfs", `RW 1 VMFS "short"`, `RW 1 VMFS "short"`),
		"it may not be read":                      descriptor("monolithicFlat", `NOACCESS 1 FLAT "short" 0`),
		"it is no sparse extent":                  descriptor("twoGbMaxExtentSparse", `RW 1 SPARSE "short"`),
		"it is in the format VHDX":                func() []byte { return []byte("vhdxfile....") },
		"it is in the format gzip":                func() []byte { return []byte("\x1f\x8b......") },
	} {
		t.Run(want, func(t *testing.T) {
			i, err := Open(Bytes(image()), func(name string) (File, error) {
				if name == "short" {
					return Bytes(make([]byte, sector)), nil
				}
				return nil, errorf("its part %q was not given", name)
			})
			if err == nil {
				_, err = convert(t, i)
			}
			var own *Error
			if !errors.As(err, &own) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestHolesStayHoles(t *testing.T) {
	src, err := os.Create(filepath.Join(t.TempDir(), "src"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := src.WriteAt([]byte("x"), 1<<30); err != nil {
		t.Fatal(err)
	}
	f, err := NewFile(src)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	dst, err := os.Create(filepath.Join(t.TempDir(), "dst"))
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if err := i.Convert(t.Context(), dst, nil); err != nil {
		t.Fatal(err)
	}
	info, _ := dst.Stat()
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() != 1<<30+1 || used > 64<<10 {
		t.Errorf("%d bytes take %d", info.Size(), used)
	}
}

// FuzzOpen gives anything for an image, alone and as the part of a descriptor: the answer comes soon, and is a disk or an *Error.
func FuzzOpen(f *testing.F) {
	disk := content()[:64<<10]
	for _, b := range [][]byte{disk[:4096], makeQCOW2(disk, false), makeQCOW2(disk, true), makeSparse(disk, false, text("monolithicSparse", rw(disk, `SPARSE "x"`))),
		makeSparse(disk, true, text("streamOptimized", rw(disk, `SPARSE "x"`))), makeCOWD(disk), makeSE(disk), []byte(text("vmfs", rw(disk, `VMFS "x"`)))} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<20 {
			return
		}
		for _, first := range [][]byte{b, []byte(text("twoGbMaxExtentSparse", `RW 128 SPARSE "x"`))} {
			i, err := Open(Bytes(first), func(string) (File, error) { return Bytes(b), nil })
			if err == nil {
				if i.Size <= 0 || i.Size > MaxSize {
					t.Fatalf("a disk of %d bytes", i.Size)
				}
				var data int64
				err = i.walk(t.Context(), func(c chunk) error {
					if c.offset < 0 || c.size <= 0 || c.size > 4<<20 || c.offset+c.size > i.Size {
						return fmt.Errorf("%d bytes at %d of %d", c.size, c.offset, i.Size)
					}
					if data += c.size; data > 16<<20 {
						return errorf("enough")
					}
					return c.read(make([]byte, c.size))
				})
			}
			var own *Error
			if err != nil && !errors.As(err, &own) {
				t.Fatal(err)
			}
		}
	})
}

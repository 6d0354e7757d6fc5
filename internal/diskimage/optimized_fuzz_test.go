package diskimage

import (
	"bytes"
	"io"
	"testing"
)

// stretches is a source in memory: some of a disk's content, by offset and length.
type stretches struct {
	disk []byte
	list [][2]int64
	left []byte
}

func (s *stretches) Close() error { return nil }
func (s *stretches) Size() int64  { return int64(len(s.disk)) }

func (s *stretches) Next() (offset, length int64, err error) {
	if len(s.list) == 0 {
		return 0, 0, io.EOF
	}
	offset, length = s.list[0][0], s.list[0][1]
	s.list, s.left = s.list[1:], s.disk[offset:offset+length]
	return offset, length, nil
}

func (s *stretches) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

// FuzzWriteOptimized writes a disk of any stretches, of any capacity: what is read again is the same to the byte. layout has, for each stretch, how far it is from
// the one before and how long it is, in units of 777 bytes, so that most begin and end within grains.
func FuzzWriteOptimized(f *testing.F) {
	f.Add([]byte("content"), []byte{0, 1}, uint32(0))
	f.Add([]byte{0}, []byte{3, 200, 0, 1, 255, 255}, uint32(1))
	f.Add([]byte("zeros\x00\x00\x00 between"), []byte{84, 1, 84, 1}, uint32(33<<20))
	f.Add([]byte{}, []byte{}, uint32(64<<10))
	f.Fuzz(func(t *testing.T, content, layout []byte, more uint32) {
		const unit = 777
		if len(layout) > 64 || more > 70<<20 {
			return
		}
		s := &stretches{}
		for at := int64(0); len(layout) >= 2; layout = layout[2:] {
			at += int64(layout[0]) * unit
			if length := int64(layout[1]) * unit; length > 0 {
				s.list = append(s.list, [2]int64{at, length})
				s.disk = append(s.disk, make([]byte, at+length-int64(len(s.disk)))...)
				for i := range length {
					if len(content) > 0 {
						s.disk[at+i] = content[int(i)%len(content)]
					}
				}
				at += length
			}
		}
		capacity := (int64(len(s.disk)) + int64(more) + sector) / sector * sector
		want := append(bytes.Clone(s.disk), make([]byte, capacity-int64(len(s.disk)))...)
		var packed, got bytes.Buffer
		if err := WriteOptimized(t.Context(), &packed, s, capacity, "disk.vmdk", 19); err != nil {
			t.Fatal(err)
		}
		image, err := Open(Bytes(packed.Bytes()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := image.Stream(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%d of %d bytes came back, or others: %v", got.Len(), len(want), err)
		}
	})
}

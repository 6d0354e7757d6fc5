package inflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// text returns n bytes that can be compressed.
func text(n int, seed byte) []byte {
	random := rand.New(rand.NewChaCha8([32]byte{seed}))
	words := make([][]byte, 2000)
	for i := range words {
		words[i] = fmt.Appendf(nil, "%x ", random.Uint64()>>(8*random.IntN(7)))
	}
	var b bytes.Buffer
	for b.Len() < n {
		b.Write(words[random.IntN(len(words))])
	}
	return b.Bytes()[:n]
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func deflate(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var samples = map[string][]byte{
	"nothing":    {},
	"one byte":   []byte("x"),
	"short":      []byte("hello, hello, hello"),
	"zeros":      make([]byte, 70_000),
	"period 3":   bytes.Repeat([]byte("abc"), 30_000),
	"text":       text(200_000, 1),
	"noise":      noise(100_000),
	"half noise": append(text(50_000, 2), noise(50_000)...),
	"far":        append(append(noise(32_768), text(10, 3)...), noise(32_768)...),
}

func TestDecode(t *testing.T) {
	for name, want := range samples {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, 6, flate.BestCompression} {
			packed := deflate(t, want, level)
			got := make([]byte, len(want))
			n, err := Decode(got, packed)
			if err != nil || n != len(want) || !bytes.Equal(got, want) {
				t.Errorf("%s, level %d: %d of %d bytes, %v", name, level, n, len(want), err)
			}
			// What is behind the data, and room behind what comes of it, change nothing.
			roomy := make([]byte, len(want)+1000)
			if n, err := Decode(roomy, append(bytes.Clone(packed), "something else"...)); err != nil || n != len(want) || !bytes.Equal(roomy[:n], want) {
				t.Errorf("%s, level %d, with room: %d of %d bytes, %v", name, level, n, len(want), err)
			}
			part := make([]byte, len(want)/3)
			if n, err := Decode(part, packed); err != nil || n != len(part) || !bytes.Equal(part, want[:n]) {
				t.Errorf("%s, level %d, a third: %d of %d bytes, %v", name, level, n, len(part), err)
			}
		}
	}
}

// TestCutOff finds every place at which data ends too early.
func TestCutOff(t *testing.T) {
	want := text(3000, 4)
	for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
		packed := deflate(t, want, level)
		for size := range packed {
			if n, err := Decode(make([]byte, len(want)+1), packed[:size]); err == nil {
				t.Fatalf("level %d, cut off after %d of %d bytes: %d bytes came of it", level, size, len(packed), n)
			}
		}
	}
}

// FuzzDecode compares with the standard library's decompressor.
func FuzzDecode(f *testing.F) {
	for _, data := range samples {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, 6} {
			if packed := deflate(f, data[:min(len(data), 5000)], level); len(packed) < 4000 {
				f.Add(packed)
			}
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		want, failed := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), 1<<20))
		got := make([]byte, 1<<20)
		n, err := Decode(got, packed)
		if len(want) == len(got) {
			return // which of them looks further is not the question
		}
		if failed == nil && (err != nil || !bytes.Equal(got[:n], want)) {
			t.Fatalf("%d bytes, %v, and should be %d", n, err, len(want))
		}
		if failed != nil && err == nil {
			t.Fatalf("%d bytes came of what is damaged: %v", n, failed)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data := text(4<<20, 1)
	const cluster = 64 << 10
	var packed [][]byte
	for i := 0; i < len(data); i += cluster {
		packed = append(packed, deflate(b, data[i:i+cluster], 6))
	}
	out := make([]byte, cluster)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for _, p := range packed {
			if _, err := Decode(out, p); err != nil {
				b.Fatal(err)
			}
		}
	}
}

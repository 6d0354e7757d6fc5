package ovf

import (
	"archive/tar"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"regexp"
	"slices"
	"strings"
)

// maxManifest is the longest manifest, in bytes.
const maxManifest = 1 << 20

// Manifest is what the checksums of the files are to be, by their names.
type Manifest map[string]Digest

// Digest is a checksum: "SHA1", "SHA256" or "SHA512", and the lower-case hexadecimal digits.
type Digest struct{ Algorithm, Sum string }

var manifestLine = regexp.MustCompile(`^(SHA1|SHA256|SHA512) ?\(([^()]+)\) ?= ?([0-9A-Fa-f]+)$`)

// ParseManifest reads a manifest. The error is an *Error with the line.
func ParseManifest(data []byte) (Manifest, error) {
	if len(data) > maxManifest {
		return nil, errorf("the manifest is longer than %d bytes", maxManifest)
	}
	m, number := Manifest{}, 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		parts := manifestLine.FindStringSubmatch(line)
		if parts == nil {
			return nil, errorf("line %d of the manifest is not SHA256(FILE)= DIGITS", number)
		}
		d := Digest{parts[1], strings.ToLower(parts[3])}
		if err := fileName(parts[2]); err != nil {
			return nil, errorf("line %d of the manifest: %v", number, err)
		}
		if len(d.Sum) != 2*newHash(d.Algorithm).Size() {
			return nil, errorf("line %d of the manifest has %d digits, which is no %s", number, len(d.Sum), d.Algorithm)
		}
		if _, ok := m[parts[2]]; ok || len(m) >= MaxFiles {
			return nil, errorf("line %d of the manifest has the file %s again, or too many files", number, parts[2])
		}
		m[parts[2]] = d
	}
	return m, nil
}

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "SHA1":
		return sha1.New()
	case "SHA512":
		return sha512.New()
	}
	return sha256.New()
}

// sums are all checksums of one file: the manifest may come after the file.
type sums map[string]hash.Hash

func newSums() sums {
	return sums{"SHA1": newHash("SHA1"), "SHA256": newHash("SHA256"), "SHA512": newHash("SHA512")}
}

func (s sums) writer() io.Writer { return io.MultiWriter(s["SHA1"], s["SHA256"], s["SHA512"]) }

func (s sums) only(d Digest) sums { return sums{d.Algorithm: s[d.Algorithm]} }

// Package is what a package was found to be.
type Package struct {
	Machine *Machine
	// Manifest is nil where there is none; Machine.Notes says so.
	Manifest Manifest
	// Sizes are the lengths of the files, in bytes, by name.
	Sizes map[string]int64
}

// Take gets the content of a file that the descriptor refers to, whole and in the order of the package. What it makes of it is worth
// nothing before the package was read to its end without an error.
type Take func(m *Machine, f File, content io.Reader) error

// reading is the state while a package is read.
type reading struct {
	p    Package
	sums map[string]sums
	take Take
}

// ReadArchive reads an OVA, a tar archive whose first file is the descriptor, as a stream. Nothing is extracted. Refused are: links and
// all else that is no file, names that are not those of files beside each other, a name that is there twice, files that are missing or of
// another length than the descriptor says, and a manifest that does not fit. The error is an *Error where the package is at fault.
func ReadArchive(r io.Reader, take Take) (*Package, error) {
	d := &reading{p: Package{Sizes: map[string]int64{}}, sums: map[string]sums{}, take: take}
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return d.end()
		}
		if err != nil {
			return nil, archiveError(err)
		}
		if n > MaxFiles+2 {
			return nil, errorf("the archive has more than %d files", MaxFiles)
		}
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") { // which would be longer than the archive, at no cost
				return nil, errorf("%q in the archive is a sparse file, which is refused", h.Name)
			}
		}
		if h.Typeflag != tar.TypeReg {
			return nil, errorf("%q in the archive is no file: links and all else are refused", h.Name)
		}
		if err := d.file(strings.TrimPrefix(h.Name, "./"), h.Size, t); err != nil {
			return nil, archiveError(err)
		}
	}
}

// archiveError tells a broken archive from a broken reader.
func archiveError(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errorf("the archive is damaged or cut off: %v", err)
	}
	return err
}

// ReadFiles reads a package whose files lie side by side. open returns a file and its length by its name, and fs.ErrNotExist for one that
// is not there; descriptor is the name of the descriptor. Refused is what ReadArchive refuses.
func ReadFiles(descriptor string, open func(name string) (io.ReadCloser, int64, error), take Take) (*Package, error) {
	d := &reading{p: Package{Sizes: map[string]int64{}}, sums: map[string]sums{}, take: take}
	one := func(name string) error {
		f, size, err := open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return d.file(name, size, io.LimitReader(f, size))
	}
	if err := one(descriptor); err != nil {
		return nil, err
	}
	manifest := strings.TrimSuffix(descriptor, ".ovf") + ".mf"
	if f, _, err := open(manifest); err == nil {
		f.Close()
		if err := one(manifest); err != nil {
			return nil, err
		}
	}
	for _, f := range d.p.Machine.Files {
		if err := one(f.Name); err != nil {
			return nil, err
		}
	}
	return d.end()
}

// file reads one file of the package.
func (d *reading) file(name string, size int64, content io.Reader) error {
	if err := fileName(name); err != nil {
		return err
	}
	if _, ok := d.sums[name]; ok {
		return errorf("the file %s is there twice", name)
	}
	s := newSums()
	d.sums[name] = s
	if d.p.Machine == nil {
		if !strings.HasSuffix(strings.ToLower(name), ".ovf") {
			return errorf("the first file is %s, and it should be the descriptor", name)
		}
		data, err := small(content, size, MaxDescriptor, "descriptor")
		if err != nil {
			return err
		}
		_, _ = s.writer().Write(data)
		d.p.Machine, err = Parse(data)
		return err
	}
	lower := strings.ToLower(name)
	if strings.HasSuffix(lower, ".mf") {
		if d.p.Manifest != nil {
			return errorf("there are two manifests")
		}
		delete(d.sums, name)
		data, err := small(content, size, maxManifest, "manifest")
		if err == nil {
			d.p.Manifest, err = ParseManifest(data)
		}
		return err
	}
	if strings.HasSuffix(lower, ".cert") {
		delete(d.sums, name)
		d.p.Machine.Notes = append(d.p.Machine.Notes, "the certificate "+name+" is not verified")
		return nil
	}
	if want, ok := d.p.Manifest[name]; ok {
		s = s.only(want)
		d.sums[name] = s
	}
	var w []io.Writer
	for _, h := range s {
		w = append(w, h)
	}
	counted := &counter{r: io.TeeReader(content, io.MultiWriter(w...))}
	i := slices.IndexFunc(d.p.Machine.Files, func(f File) bool { return f.Name == name })
	if i >= 0 {
		f := d.p.Machine.Files[i]
		if f.Size >= 0 && f.Size != size {
			return errorf("the file %s has %d bytes, the descriptor says %d", name, size, f.Size)
		}
		if err := d.take(d.p.Machine, f, counted); err != nil {
			return err
		}
	} else {
		d.p.Machine.Notes = append(d.p.Machine.Notes, "the file "+name+" is left out: the descriptor does not refer to it")
	}
	if _, err := io.Copy(io.Discard, counted); err != nil {
		return err
	}
	d.p.Sizes[name] = size
	if counted.n != size {
		return errorf("the file %s ends after %d of %d bytes", name, counted.n, size)
	}
	return nil
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// small reads a file that must not be large, whatever length it claims.
func small(r io.Reader, size, limit int64, what string) ([]byte, error) {
	if size > limit {
		return nil, errorf("the %s has %d bytes, %d are the most", what, size, limit)
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errorf("the %s is longer than %d bytes", what, limit)
	}
	return data, err
}

// end checks what can be known only when all files were seen.
func (d *reading) end() (*Package, error) {
	m := d.p.Machine
	if m == nil {
		return nil, errorf("there is no descriptor")
	}
	for _, f := range m.Files {
		if _, ok := d.sums[f.Name]; !ok {
			return nil, errorf("the file %s is missing", f.Name)
		}
	}
	if d.p.Manifest == nil {
		m.Notes = append(m.Notes, "there is no manifest: whether the files are whole can't be known")
		return &d.p, nil
	}
	for name, want := range d.p.Manifest {
		s, ok := d.sums[name]
		if !ok {
			return nil, errorf("the file %s, which the manifest names, is missing", name)
		}
		if got := hex.EncodeToString(s[want.Algorithm].Sum(nil)); got != want.Sum {
			return nil, errorf("the file %s is not what the manifest says: its %s is %s, and should be %s", name, want.Algorithm, got, want.Sum)
		}
	}
	for name := range d.sums {
		if _, ok := d.p.Manifest[name]; !ok {
			return nil, errorf("the manifest does not name the file %s", name)
		}
	}
	return &d.p, nil
}

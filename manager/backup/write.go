package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hanok/dc"
)

// The names of the parts of an archive, in their order; an image's is followed by the digits of its digest.
const (
	headerName = "hanok-backup.json"
	loginName  = "first-login.json"
	storeName  = "store.jsonl"
	imageName  = "image/"
	sumName    = "sha256"
)

// line is one object in storeName.
type line struct {
	Key      string          `json:"key"`
	Revision int64           `json:"revision"`
	Value    json.RawMessage `json:"value"`
}

// Write writes the archive with the images whose contents are in the folder images, and sets Images and Missing. Contents are
// read from files that are open before the first byte is written: one that is deleted meanwhile is in it all the same. With ""
// for images there are none. The error is that of w, of a file, or of kind WrongState for an image whose content is damaged.
func (a *Archive) Write(w io.Writer, images string) error {
	contents, err := a.open(images)
	defer func() {
		for _, c := range contents {
			c.Close()
		}
	}()
	if err != nil {
		return err
	}
	sum := sha256.New()
	p := &parts{tar: tar.NewWriter(io.MultiWriter(w, sum)), taken: a.Taken}
	header, err := json.MarshalIndent(a.Header, "", "  ")
	if err != nil {
		return err
	}
	objects, err := a.lines()
	if err != nil {
		return err
	}
	p.add(headerName, header)
	if a.Login != nil {
		p.add(loginName, a.Login)
	}
	p.add(storeName, objects)
	for i, c := range contents {
		p.addImage(a.Images[i], c)
	}
	if err := errors.Join(p.err, p.tar.Flush()); err != nil {
		return err
	}
	_, err = w.Write(trailer(sum.Sum(nil)))
	return err
}

// open opens the contents of the images that are there.
func (a *Archive) open(folder string) (contents []*os.File, err error) {
	images, err := a.images()
	if err != nil {
		return nil, err
	}
	a.Images, a.Missing = nil, nil
	for _, image := range images {
		f, err := os.Open(filepath.Join(folder, strings.TrimPrefix(image.Digest, "sha256:")))
		if folder == "" || errors.Is(err, fs.ErrNotExist) {
			a.Missing = append(a.Missing, image.Name)
			continue
		}
		if err != nil {
			return contents, err
		}
		contents = append(contents, f)
		a.Images = append(a.Images, image)
	}
	return contents, nil
}

func (a *Archive) lines() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range a.Entries {
		if err := enc.Encode(line{Key: e.Key, Revision: e.Revision, Value: e.Value}); err != nil {
			return nil, fmt.Errorf("encode %s: %w", e.Key, err)
		}
	}
	return b.Bytes(), nil
}

// parts writes the parts of an archive until the first error.
type parts struct {
	tar   *tar.Writer
	taken time.Time
	err   error
}

func (p *parts) begin(name string, size int64) {
	if p.err == nil {
		p.err = p.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: p.taken.Truncate(time.Second), Format: tar.FormatPAX})
	}
}

func (p *parts) add(name string, content []byte) {
	p.begin(name, int64(len(content)))
	if p.err == nil {
		_, p.err = p.tar.Write(content)
	}
}

func (p *parts) addImage(image Image, content io.Reader) {
	digits := strings.TrimPrefix(image.Digest, "sha256:")
	p.begin(imageName+digits, image.SizeBytes)
	if p.err != nil {
		return
	}
	sum := sha256.New()
	// One byte more than there should be is enough to see that there is too much.
	n, err := io.Copy(p.tar, io.TeeReader(io.LimitReader(content, image.SizeBytes+1), sum))
	switch {
	case errors.Is(err, tar.ErrWriteTooLong), err == nil && (n != image.SizeBytes || hex.EncodeToString(sum.Sum(nil)) != digits):
		p.err = &dc.Error{Kind: dc.WrongState, Object: dc.Describe(dc.KindImage, image.Name),
			Message: "its content is damaged: it is not what its digest says", Remedy: "put back the file " + digits + " in the manager's folder of images"}
	default:
		p.err = err
	}
}

// trailerBytes is the length of every trailer: tar's blocks for its head, its content and the end.
const trailerBytes = 512 + 512 + 1024

// trailer returns the end of an archive of whose other bytes this is the checksum.
func trailer(sum []byte) []byte {
	var b bytes.Buffer
	content := hex.EncodeToString(sum) + "\n"
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: sumName, Mode: 0o600, Size: int64(len(content)), Format: tar.FormatUSTAR})
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		panic("backup: " + err.Error()) // nothing in it depends on anything but this function
	}
	return b.Bytes()
}

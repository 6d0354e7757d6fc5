package backup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/backup"
	"hanok/manager/store"
)

var taken = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

// center is a store with a folder of images.
type center struct {
	*store.Store
	images string
}

func newCenter(t *testing.T, objects ...dc.Object) *center {
	t.Helper()
	c := &center{store.OpenMemory(), t.TempDir()}
	c.put(t, objects...)
	return c
}

func (c *center) put(t *testing.T, objects ...dc.Object) {
	t.Helper()
	err := c.Change(t.Context(), func(tx *store.Tx) error {
		for _, o := range objects {
			tx.Put(o)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// addImage makes an image with that content.
func (c *center) addImage(t *testing.T, name, content string) *dc.Image {
	t.Helper()
	sum := sha256.Sum256([]byte(content))
	digits := hex.EncodeToString(sum[:])
	if err := os.WriteFile(filepath.Join(c.images, digits), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	image := &dc.Image{ID: dc.ImageID("image-" + name), Meta: dc.Meta{Name: name}, Digest: "sha256:" + digits, SizeBytes: int64(len(content))}
	c.put(t, image)
	return image
}

// archive returns what is in the center now.
func (c *center) archive(t *testing.T) *backup.Archive {
	t.Helper()
	d, err := c.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := backup.New(d, "v1", taken)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func write(t *testing.T, a *backup.Archive, images string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := a.Write(&b, images); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func folder(id dc.FolderID, name string) *dc.Folder {
	return &dc.Folder{ID: id, Meta: dc.Meta{Name: name, Parent: "datacenter-1"}, Type: dc.FolderVM}
}

// What is read is what was written, and what must not come back to life was not written.
func TestRoundTrip(t *testing.T) {
	c := newCenter(t,
		&dc.Datacenter{ID: "datacenter-1", Meta: dc.Meta{Name: "Seoul <&> Busan"}}, folder("group-a", "a"),
		&dc.User{ID: "user-1", Meta: dc.Meta{Name: "ann"}, PasswordHash: "$argon2id$"},
		&dc.Session{ID: "session-1", User: "user-1", TokenHash: "aa"}, &dc.JoinToken{ID: "join-1", TokenHash: "bb"},
		&dc.APIToken{ID: "apitoken-1", User: "user-1", Hash: "cc"},
		&dc.Secret{ID: "secret-ca", Data: []byte("key")})
	image := c.addImage(t, "starter", strings.Repeat("disk", 1000))
	c.addImage(t, "empty", "x")
	gone := c.addImage(t, "gone", "was there")
	if err := os.Remove(filepath.Join(c.images, gone.Digest[len("sha256:"):])); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TakeFence(t.Context(), "manager"); err != nil {
		t.Fatal(err)
	}
	want := c.archive(t)
	want.Login = []byte(`{"password":"p"}`)
	file := write(t, want, c.images)

	contents := map[string]string{}
	got, err := backup.Read(bytes.NewReader(file), func(i backup.Image, r io.Reader) error {
		b, err := io.ReadAll(r)
		contents[i.Name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read and not written (+), written and not read (-):\n%s", diff)
	}
	if len(contents) != 2 || contents["empty"] != "x" || contents["starter"] != strings.Repeat("disk", 1000) {
		t.Errorf("the images' contents are %.40q", contents)
	}
	if len(got.Images) != 2 || got.Images[1] != (backup.Image{Name: "starter", Digest: image.Digest, SizeBytes: 4000}) || len(got.Missing) != 1 || got.Missing[0] != "gone" {
		t.Errorf("the images are %v, missing %v", got.Images, got.Missing)
	}
	var keys []string
	for _, e := range got.Entries {
		keys = append(keys, e.Key)
	}
	wantKeys := []string{"object/Datacenter/datacenter-1", "object/Folder/group-a", "object/Image/image-empty", "object/Image/image-gone",
		"object/Image/image-starter", "object/Secret/secret-ca", "object/User/user-1"}
	if diff := cmp.Diff(wantKeys, keys); diff != "" {
		t.Errorf("the objects: %s", diff)
	}
	if got.Revision != c.View().Revision() || got.Datacenters[0] != "Seoul <&> Busan" || got.StoreFormat != "3" {
		t.Errorf("it says that it is %+v", got.Header)
	}
}

// Any byte that is altered, missing or added is found, wherever it is.
func TestDamage(t *testing.T) {
	c := newCenter(t, folder("group-a", "a"))
	c.addImage(t, "i", "content")
	a := c.archive(t)
	a.Login = []byte("{}")
	file := write(t, a, c.images)
	refused := func(what string, altered []byte) {
		t.Helper()
		_, err := backup.Read(bytes.NewReader(altered), func(_ backup.Image, r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		})
		if kind := dc.KindOf(err); kind != dc.Invalid && kind != dc.Unsupported {
			t.Errorf("%s: error %v of kind %q", what, err, kind)
		}
	}
	for i := range file {
		for _, bits := range []byte{0x01, 0xff} {
			altered := bytes.Clone(file)
			altered[i] ^= bits
			refused(fmt.Sprintf("byte %d with %#x", i, bits), altered)
		}
		refused(fmt.Sprintf("the first %d bytes", i), file[:i])
	}
	refused("a byte more", append(bytes.Clone(file), 0))
	refused("twice", append(bytes.Clone(file), file...))
	refused("a block less in the middle", append(bytes.Clone(file[:1024]), file[1536:]...))

	_, err := backup.Read(bytes.NewReader(file[:len(file)-1]), nil)
	if want := "it is cut off: its end is missing; use another copy of it, or another backup"; err == nil || err.Error() != want {
		t.Errorf("cut off: error %v, want %s", err, want)
	}
	_, err = backup.Read(bytes.NewReader(make([]byte, 1<<16)), nil)
	if want := "it is no backup of a data center; use another copy of it, or another backup"; err == nil || err.Error() != want {
		t.Errorf("zeros: error %v, want %s", err, want)
	}
}

// Errors of the source and of the caller are their own.
func TestReadErrors(t *testing.T) {
	c := newCenter(t, folder("group-a", "a"))
	c.addImage(t, "i", "content")
	file, broken := write(t, c.archive(t), c.images), errors.New("broken")
	if _, err := backup.Read(io.MultiReader(bytes.NewReader(file[:2000]), failing{broken}), nil); !errors.Is(err, broken) || dc.KindOf(err) != dc.Internal {
		t.Errorf("error %v, want the source's", err)
	}
	_, err := backup.Read(bytes.NewReader(file), func(backup.Image, io.Reader) error { return broken })
	if !errors.Is(err, broken) || dc.KindOf(err) != dc.Internal {
		t.Errorf("error %v, want the caller's", err)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// An archive of a newer program is refused with what to do.
func TestNewerArchive(t *testing.T) {
	a := newCenter(t).archive(t)
	a.Format = 2
	_, err := backup.Read(bytes.NewReader(write(t, a, "")), nil)
	if want := "it is a backup of format 2, and this program knows 1; use the version of hanok that wrote it (v1), or a newer one"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// An image that is deleted while the archive is written is in it; one that is damaged ends the backup.
func TestImagesWhileWriting(t *testing.T) {
	c := newCenter(t)
	image := c.addImage(t, "i", "content")
	path := filepath.Join(c.images, image.Digest[len("sha256:"):])
	var b bytes.Buffer
	removing := writer(func(p []byte) (int, error) {
		if err := os.RemoveAll(path); err != nil {
			t.Error(err)
		}
		return b.Write(p)
	})
	if err := c.archive(t).Write(removing, c.images); err != nil {
		t.Fatal(err)
	}
	if a, err := backup.Read(&b, nil); err != nil || len(a.Images) != 1 {
		t.Errorf("%v, %v", a, err)
	}
	for _, content := range []string{"Content", "content and more", "cont"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := c.archive(t).Write(io.Discard, c.images)
		if dc.KindOf(err) != dc.WrongState || !strings.HasPrefix(err.Error(), `image "i": its content is damaged`) {
			t.Errorf("content %q: error %v", content, err)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// A backup needs its privilege, and is recorded.
func TestService(t *testing.T) {
	c := newCenter(t)
	s := backup.NewService(backup.Config{Store: c.Store, Access: access.New(c.Store, slog.New(slog.DiscardHandler)), Images: c.images, Version: "v1",
		Login: func() ([]byte, error) { return nil, nil }})
	var b bytes.Buffer
	if err := s.Write(t.Context(), dc.Caller{Name: "eve", Role: dc.RoleReadOnly}, &b); dc.KindOf(err) != dc.Denied || b.Len() > 0 {
		t.Errorf("a reader: error %v and %d bytes, want kind Denied and none", err, b.Len())
	}
	if err := s.Write(t.Context(), dc.Caller{Name: "ann", Role: dc.RoleAdmin}, &b); err != nil {
		t.Fatal(err)
	}
	a, err := backup.Read(&b, nil)
	if err != nil || a.Objects != 1 || !strings.Contains(string(a.Entries[0].Value), "a backup of the data center was taken") {
		t.Errorf("%v, %v", a, err)
	}
}

// A backup under writers is of one moment: each name has its object.
func TestWhileWriting(t *testing.T) {
	st, err := store.OpenEmbedded(t.Context(), store.EmbeddedConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan error)
	go func() {
		for n := 0; ; n++ {
			err := st.Change(ctx, func(tx *store.Tx) error { // two machines that change names
				a, errA := store.Load[*dc.VirtualMachine](tx, "vm-a")
				b, errB := store.Load[*dc.VirtualMachine](tx, "vm-b")
				if errA != nil || errB != nil {
					a, b = &dc.VirtualMachine{ID: "vm-a"}, &dc.VirtualMachine{ID: "vm-b"}
				}
				a.Name, b.Name, a.Spec.Host, b.Spec.Host = fmt.Sprint(n), fmt.Sprint(n+1), "host-1", "host-1"
				tx.Put(a)
				tx.Put(b)
				return nil
			})
			if err != nil {
				written <- err
				return
			}
		}
	}()
	for range 20 {
		d, err := st.Dump(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, err := backup.New(d, "v1", taken)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := a.Contents(taken)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		var n, sum int
		for _, e := range c.Entries {
			if o, err := e.Object(); err != nil {
				t.Error(err)
			} else if vm, ok := o.(*dc.VirtualMachine); ok {
				var v int
				if _, err := fmt.Sscan(vm.Name, &v); err != nil {
					t.Error(err)
				}
				n, sum, names[vm.Name] = n+1, sum+v, true
			}
		}
		if n != 0 && (n != 2 || len(names) != 2 || sum%2 != 1) {
			t.Errorf("%d machines called %v", n, names)
		}
	}
	stop()
	if err := <-written; dc.KindOf(err) != dc.Canceled && dc.KindOf(err) != dc.Unavailable {
		t.Error(err)
	}
}

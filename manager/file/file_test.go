package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hanok/api/filestream"
	"hanok/dc"
	"hanok/host/files"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/task/tasktest"
	"hanok/manager/upload"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	admin = dc.Caller{Name: "alice", Role: dc.RoleAdmin}
)

// hosts are hosts whose datastores are folders of this machine, by ID. A host that is in away does not answer.
type hosts struct {
	dir  string
	mu   sync.Mutex
	away map[dc.HostID]bool
}

func (h *hosts) Connected(host dc.HostID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.away[host]
}

func (h *hosts) OpenStream(_ context.Context, host dc.HostID, _ dc.VirtualMachineID, kind string) (net.Conn, error) {
	if kind != filestream.Kind || !h.Connected(host) {
		return nil, dc.Errorf(dc.Unavailable, "it is not connected")
	}
	near, far := net.Pipe()
	go func() {
		defer near.Close()
		s, req, err := filestream.Accept(near)
		if err == nil {
			err = h.serve(s, req)
		}
		if err != nil {
			_ = s.Fail(err)
		}
	}()
	return far, nil
}

func (h *hosts) root(id dc.DatastoreID) string { return filepath.Join(h.dir, string(id)) }

func (h *hosts) serve(s *filestream.Serving, req dc.FileRequest) error {
	root, to := h.root(req.Datastore), ""
	if req.To != nil {
		to = h.root(req.To.Datastore)
	}
	ctx := context.Background()
	var reply dc.FileReply
	var err error
	switch req.Op {
	case dc.FileRead:
		f, file, err := files.Driver{}.Open(root, req.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := s.Reply(dc.FileReply{File: &file}); err != nil {
			return err
		}
		if _, err := io.Copy(s, io.NewSectionReader(f, req.Offset, file.SizeBytes)); err != nil {
			return err
		}
	case dc.FileUpload:
		reply, err = files.Driver{}.Upload(ctx, root, req, func(w io.Writer) (string, error) {
			if err := s.Reply(dc.FileReply{}); err != nil {
				return "", err
			}
			return s.Receive(func(p []byte) error { _, err := w.Write(p); return err })
		}, func() error { return nil })
	default:
		reply, err = files.Driver{}.Do(ctx, root, to, req, func(done, total int64) { _ = s.Progress(done, total) })
	}
	if err != nil {
		return err
	}
	return s.Reply(reply)
}

// world has the datastores "local" and "more" of host a, and "far" of host b, with the file "dir/a.iso" on local.
type world struct {
	t     testing.TB
	st    *store.Store
	hosts *hosts
	svc   *Service
}

const content = "the content of the file"

func newWorld(t testing.TB) *world {
	w := &world{t: t, st: store.OpenMemory(), hosts: &hosts{dir: t.TempDir(), away: map[dc.HostID]bool{}}}
	t.Cleanup(func() { w.st.Close() })
	w.change(func(tx *store.Tx) error {
		for _, name := range []string{"a", "b"} {
			tx.Put(&dc.Host{ID: dc.HostID("host-" + name), Meta: dc.Meta{Name: name}, Status: dc.HostStatus{Connection: dc.Connected}})
		}
		for name, host := range map[string]dc.HostID{"local": "host-a", "more": "host-a", "far": "host-b"} {
			id := dc.DatastoreID("datastore-" + name)
			tx.Put(&dc.Datastore{ID: id, Meta: dc.Meta{Name: name, Parent: "group-ds"}, Spec: dc.DatastoreSpec{Type: dc.LocalDatastore, Host: host, Path: "/" + name}})
			w.must(os.Mkdir(w.hosts.root(id), 0o700))
		}
		return nil
	})
	w.write("datastore-local", "dir/a.iso", content)
	w.svc = w.manager(task.New(w.st, quiet))
	return w
}

func (w *world) manager(e *task.Engine) *Service {
	return New(Config{Store: w.st, Access: access.New(w.st, quiet), Tasks: e, Hosts: w.hosts, Log: quiet})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) change(fn func(tx *store.Tx) error) {
	w.t.Helper()
	w.must(w.st.Change(context.Background(), fn))
}

func (w *world) write(ds dc.DatastoreID, name, text string) {
	w.t.Helper()
	path := filepath.Join(w.hosts.root(ds), name)
	w.must(os.MkdirAll(filepath.Dir(path), 0o700))
	w.must(os.WriteFile(path, []byte(text), 0o600))
}

// picture is every file of every datastore.
func (w *world) picture() string {
	var b strings.Builder
	w.must(filepath.WalkDir(w.hosts.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(w.hosts.dir, path)
		fmt.Fprintf(&b, "%s: %s\n", rel, text)
		return err
	}))
	return b.String()
}

func ref(ds, path string) dc.FileRef {
	return dc.FileRef{Datastore: dc.DatastoreID("datastore-" + ds), Path: path}
}

func TestPrivileges(t *testing.T) {
	accesstest.Check(t, newWorld(t).svc)
}

// TestTasks tries every task of this package for crashes, failures and cancellation at every moment.
func TestTasks(t *testing.T) {
	local := "datastore-local/dir/a.iso: " + content + "\n"
	for _, tt := range []struct {
		name   string
		submit func(ctx context.Context, s *Service) (*dc.Task, error)
		want   string
	}{
		{"copy", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Copy(ctx, admin, ref("local", "dir/a.iso"), ref("more", "b.iso"), false)
		}, local + "datastore-more/b.iso: " + content + "\n"},
		{"copy a folder to another host", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Copy(ctx, admin, ref("local", "dir"), ref("far", "copied"), false)
		}, "datastore-far/copied/a.iso: " + content + "\n" + local},
		{"copy over another", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Copy(ctx, admin, ref("local", "dir/a.iso"), ref("local", "old.iso"), true)
		}, local + "datastore-local/old.iso: " + content + "\n"},
		{"rename", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Move(ctx, admin, ref("local", "dir/a.iso"), ref("local", "b.iso"), false)
		}, "datastore-local/b.iso: " + content + "\n"},
		{"move over another", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Move(ctx, admin, ref("local", "dir"), ref("local", "old.iso"), true)
		}, "datastore-local/old.iso/a.iso: " + content + "\n"},
		{"move to another host", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Move(ctx, admin, ref("local", "dir/a.iso"), ref("far", "b.iso"), false)
		}, "datastore-far/b.iso: " + content + "\n"},
		{"import", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.ImportDisk(ctx, admin, ref("local", "dir/a.iso"), ref("local", "a.vmdk"), false)
		}, ""},
		{"delete", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Delete(ctx, admin, ref("local", "dir"))
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tasktest.Check(t, func(t *testing.T) tasktest.World {
				w := newWorld(t)
				if strings.Contains(tt.name, "over another") {
					w.write("datastore-local", "old.iso", "what was there")
				}
				return tasktest.World{
					Store:       w.st,
					Definitions: func() []task.Definition { return w.manager(task.New(w.st, quiet)).definitions() },
					Submit:      func(ctx context.Context) (*dc.Task, error) { return tt.submit(ctx, w.svc) },
					Picture:     func(*store.View) string { return w.picture() },
					Succeeded: func(t testing.TB, v *store.View) {
						if got := w.picture(); tt.name == "import" {
							if !strings.Contains(got, "a-flat.vmdk: "+content+"\x00") || !strings.Contains(got, `RW 1 VMFS "a-flat.vmdk"`) || strings.Contains(got, dc.ReservedFile) {
								t.Errorf("the files are\n%s", got)
							}
						} else if got != tt.want {
							t.Errorf("the files are\n%swant\n%s", got, tt.want)
						}
					},
				}
			})
		})
	}
}

func TestFilesOfMachines(t *testing.T) {
	w := newWorld(t)
	w.write("datastore-local", "hello/hello-flat.vmdk", "a disk")
	w.change(func(tx *store.Tx) error {
		tx.Put(&dc.VirtualMachine{ID: "vm-1", Meta: dc.Meta{Name: "hello"}, Spec: dc.VirtualMachineSpec{Host: "host-a", Datastore: "datastore-local", Folder: "hello"},
			Status: dc.VirtualMachineStatus{Power: dc.PoweredOn}})
		return nil
	})
	ctx, s := t.Context(), w.svc
	disk := ref("local", "hello/hello-flat.vmdk")
	for name, try := range map[string]func() error{
		"upload": func() error {
			_, _, err := s.Upload(ctx, admin, ref("local", "hello/x"), UploadSpec{}, strings.NewReader("x"))
			return err
		},
		"upload over": func() error {
			_, _, err := s.Upload(ctx, admin, disk, UploadSpec{Overwrite: true}, strings.NewReader("x"))
			return err
		},
		"make a folder":   func() error { return s.MakeFolder(ctx, admin, ref("local", "hello/x"), true) },
		"delete a file":   func() error { _, err := s.Delete(ctx, admin, disk); return err },
		"delete all":      func() error { _, err := s.Delete(ctx, admin, ref("local", "hello")); return err },
		"move it":         func() error { _, err := s.Move(ctx, admin, disk, ref("local", "x"), false); return err },
		"move onto it":    func() error { _, err := s.Move(ctx, admin, ref("local", "dir"), disk, true); return err },
		"read its disk":   func() error { _, err := s.Open(ctx, admin, disk); return err },
		"copy its disk":   func() error { _, err := s.Copy(ctx, admin, disk, ref("more", "x"), false); return err },
		"copy its folder": func() error { _, err := s.Copy(ctx, admin, ref("local", "hello"), ref("more", "x"), false); return err },
	} {
		if err := try(); dc.KindOf(err) != dc.WrongState || !strings.Contains(err.Error(), `"hello"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.write("datastore-local", "hello/vmware.log", "a line")
	f, err := s.Open(ctx, admin, ref("local", "hello/vmware.log"))
	w.must(err)
	defer f.Close()
	if text, err := io.ReadAll(f); string(text) != "a line" || err != nil {
		t.Errorf("its log is %q, %v", text, err)
	}
	w.change(func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, "vm-1")
		if err == nil {
			vm.Status.Power = dc.PoweredOff
			tx.Put(vm)
		}
		return err
	})
	if f, err := s.Open(ctx, admin, disk); err != nil {
		t.Errorf("the disk of a machine without power: %v", err)
	} else {
		f.Close()
	}
}

func TestUpload(t *testing.T) {
	w := newWorld(t)
	ctx, s, to := t.Context(), w.svc, ref("far", "new.iso")
	sum := "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" // of "test"
	broken := io.MultiReader(strings.NewReader("te"), errReader{})
	if _, _, err := s.Upload(ctx, admin, to, UploadSpec{}, broken); dc.KindOf(err) != dc.Canceled {
		t.Errorf("broken off: %v", err)
	}
	// Closing the stream reaches the host some time later.
	for dc.KindOf(firstOf(s.Uploaded(ctx, admin, to))) == dc.Conflict {
	}
	offset, _, err := s.Uploaded(ctx, admin, to)
	if offset != 2 || err != nil {
		t.Fatalf("%d bytes are there, %v", offset, err)
	}
	if _, err := s.Stat(ctx, admin, to); dc.KindOf(err) != dc.NotFound {
		t.Errorf("half a file has a name: %v", err)
	}
	f, got, err := s.Upload(ctx, admin, to, UploadSpec{Spec: upload.Spec{Offset: 2, SHA256: func() string { return sum }}}, strings.NewReader("st"))
	if err != nil || got != sum || f.SizeBytes != 4 {
		t.Errorf("got %+v, %s, %v", f, got, err)
	}
	_, _, err = s.Upload(ctx, admin, to, UploadSpec{Spec: upload.Spec{SHA256: func() string { return sum }}, Overwrite: true}, strings.NewReader("else"))
	if dc.KindOf(err) != dc.Invalid {
		t.Errorf("damaged content: %v", err)
	}
	if offset, _, _ := s.Uploaded(ctx, admin, to); offset != 0 {
		t.Error("damaged content stays")
	}
	if text, _ := os.ReadFile(filepath.Join(w.hosts.root("datastore-far"), "new.iso")); string(text) != "test" {
		t.Errorf("the file has %q", text)
	}
	w.hosts.away["host-b"] = true
	if _, err := s.Stat(ctx, admin, to); dc.KindOf(err) != dc.Unavailable {
		t.Errorf("a host that is away: %v", err)
	}
}

func firstOf(_ int64, _ string, err error) error { return err }

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the client went away") }

func TestDownload(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("0123456789", 100_000)
	w.write("datastore-local", "long", long)
	d, err := w.svc.Open(t.Context(), admin, ref("local", "long"))
	w.must(err)
	defer d.Close()
	for _, at := range []int64{0, 999_995, 5} {
		if _, err := d.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(d); string(text) != long[at:] || err != nil {
			t.Errorf("from %d: %d bytes, %v", at, len(text), err)
		}
	}
	if _, err := w.svc.Open(t.Context(), admin, ref("local", "dir")); dc.KindOf(err) != dc.WrongState {
		t.Errorf("a folder: %v", err)
	}
}

package image

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanok/dc"
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

const (
	content = "the content of a disk"
	digest  = "d2e5a3fe3a3f4a3d3b7d0a9be3f2f5e6"
)

func world(t testing.TB) (*store.Store, string, func(*task.Engine) *Service) {
	st, folder := store.OpenMemory(), t.TempDir()
	t.Cleanup(func() { st.Close() })
	err := st.Change(context.Background(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: dc.RootFolder, Meta: dc.Meta{Name: "Datacenters"}, Type: dc.FolderDatacenter})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return st, folder, func(e *task.Engine) *Service {
		return New(Config{Store: st, Access: access.New(st, quiet), Tasks: e, Folder: folder})
	}
}

// picture is every file of the folder.
func picture(t testing.TB, folder string) string {
	var all []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, filepath.Base(path)[:min(9, len(filepath.Base(path)))]+": "+string(text))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return strings.Join(all, "\n")
}

func TestPrivileges(t *testing.T) {
	st, _, manager := world(t)
	accesstest.Check(t, manager(task.New(st, quiet)))
}

func TestImportTask(t *testing.T) {
	tasktest.Check(t, func(t *testing.T) tasktest.World {
		st, folder, manager := world(t)
		svc := manager(task.New(st, quiet))
		return tasktest.World{
			Store:       st,
			Definitions: func() []task.Definition { return []task.Definition{manager(task.New(st, quiet)).definition()} },
			Submit: func(ctx context.Context) (*dc.Task, error) {
				return svc.Import(ctx, admin, Request{Name: "mine", GuestID: "otherLinux64Guest"}, strings.NewReader(content))
			},
			Picture: func(v *store.View) string {
				for image := range store.List[*dc.Image](v) {
					return image.Name
				}
				return strings.ReplaceAll(picture(t, folder), part("mine")[:9]+": "+content, "") // an upload is not a task's effect
			},
			Succeeded: func(t testing.TB, v *store.View) {
				n := 0
				for image := range store.List[*dc.Image](v) {
					n++
					if text, _ := os.ReadFile(filepath.Join(folder, strings.TrimPrefix(image.Digest, "sha256:"))); string(text) != content {
						t.Errorf("the content is %q", text)
					}
					if image.Name != "mine" || image.SizeBytes != int64(len(content)) {
						t.Errorf("got %+v", image)
					}
				}
				if left, _ := os.ReadDir(folder); n != 1 || len(left) != 1 {
					t.Errorf("%d images, the folder has %v", n, left)
				}
			},
		}
	})
}

func TestRefused(t *testing.T) {
	st, folder, manager := world(t)
	engine := task.New(st, quiet)
	s := manager(engine)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	defer func() { cancel(); <-done }()
	submitted, err := s.Import(ctx, admin, Request{Name: "bad", GuestID: "otherGuest"}, strings.NewReader("QFI\xfb and nothing behind it"))
	if err != nil {
		t.Fatal(err)
	}
	var end *dc.Task
	for {
		v := st.View()
		if end, err = store.Get[*dc.Task](v, dc.ID(submitted.ID)); err != nil {
			t.Fatal(err)
		}
		if end.Done() {
			break
		}
		if err := st.Wait(ctx, v.Revision()); err != nil {
			t.Fatal(err)
		}
	}
	if end.Failure == nil || end.Failure.Kind != dc.Invalid || !strings.Contains(end.Failure.Message, "its header ends after 26 bytes") {
		t.Errorf("got %+v", end.Failure)
	}
	if left := picture(t, folder); left != "" {
		t.Errorf("left is %q", left)
	}
	_, err = s.Import(ctx, admin, Request{Name: "x", GuestID: "otherGuest", Upload: upload.Spec{SHA256: func() string { return digest }}}, strings.NewReader("else"))
	if dc.KindOf(err) != dc.Invalid {
		t.Errorf("damaged: %v", err)
	}
	_, err = s.Import(ctx, admin, Request{Name: "a/b", GuestID: "otherGuest"}, strings.NewReader("x"))
	if dc.KindOf(err) != dc.Invalid {
		t.Errorf("a bad name: %v", err)
	}
}

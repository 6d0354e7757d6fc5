// Package image takes the content of new images: a disk in any format that package diskimage reads is uploaded, inspected before
// anything else is done with it, and becomes the raw content by whose digest hosts fetch it. Images as objects are package
// inventory's, and package dispatch serves their content. Facades call Service.
//
// In the folder of images stand, beside the contents by their digests, what is uploaded (.NAME.part) and what is made (.TASK.raw).
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/diskimage"
	"hanok/internal/durable"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/upload"
)

// maxSize is the largest image: all of it, holes too, goes through a checksum wherever it is fetched.
const maxSize = 2 << 40

const importType = "ContentLibrary.importItem"

// Config is what the service works with. All fields are needed.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// Tasks gets this package's definition.
	Tasks *task.Engine
	// Folder is that of the contents; it is made if need be.
	Folder string
}

// Service is what users may do with the content of images. It is safe for concurrent use. Every method needs the privilege
// PrivImageCreate, and checks it before anything else.
type Service struct {
	store  *store.Store
	access *access.Service
	tasks  *task.Engine
	folder string
	dock   *upload.Dock
	// contents is held while a content gets its name, and from the look at who uses one to its removal.
	contents sync.Mutex
}

// New returns the service and registers its task definition with c.Tasks.
func New(c Config) *Service {
	s := &Service{store: c.Store, access: c.Access, tasks: c.Tasks, folder: c.Folder, dock: upload.NewDock()}
	c.Tasks.Register(s.definition())
	return s
}

// args are the arguments of the task, as they are kept in the store.
type args struct {
	Name, GuestID string
	// Digest and Size are of the raw disk, when it is made.
	Digest string `json:",omitempty"`
	Size   int64  `json:",omitempty"`
}

// Request names the image to be, and says how its content is uploaded.
type Request struct {
	Name    string
	GuestID string
	// Upload says how the content comes.
	Upload upload.Spec
}

// part is the name of what is uploaded for the image of a name: of any length and characters.
func part(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "." + hex.EncodeToString(sum[:16]) + ".part"
}

func (s *Service) open() (*beneath.Dir, error) {
	if err := durable.MkdirAll(s.folder, 0o700); err != nil {
		return nil, err
	}
	return beneath.Open(s.folder)
}

// Uploaded says how much of the upload for an image is there, in bytes, and its SHA-256 in hexadecimal. Kinds: Conflict
// while it is uploaded by somebody else.
func (s *Service) Uploaded(ctx context.Context, by dc.Caller, name string) (int64, string, error) {
	if err := s.authorize(by); err != nil {
		return 0, "", err
	}
	dir, err := s.open()
	if err != nil {
		return 0, "", err
	}
	defer dir.Close()
	return upload.Measure(ctx, dir, part(name), dc.Describe(dc.KindImage, name))
}

func (s *Service) authorize(by dc.Caller) error {
	return s.access.Authorize(by, dc.PrivImageCreate, dc.ID(dc.RootFolder))
}

// Import takes what content has and starts the task that makes an image of it. Of an upload that is broken off what came stays.
// Kinds: Exists for a name that is taken, Invalid for a request that can't be and for damaged content, Conflict while somebody
// else uploads or imports under the name, Exhausted when the manager's disk is full.
func (s *Service) Import(ctx context.Context, by dc.Caller, req Request, content io.Reader) (*dc.Task, error) {
	if err := s.authorize(by); err != nil {
		return nil, err
	}
	probe := &dc.Image{Meta: dc.Meta{Name: req.Name}, Digest: "sha256:" + hex.EncodeToString(make([]byte, 32)), SizeBytes: 1, GuestID: req.GuestID}
	if err := dc.CheckImage(probe); err != nil {
		return nil, err
	}
	if err := checkFree(s.store.View(), probe); err != nil {
		return nil, err
	}
	dir, err := s.open()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	file, err := s.dock.Take(ctx, dir, part(req.Name), dc.Describe(dc.KindImage, req.Name), req.Upload, content)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var submitted *dc.Task
	err = s.store.Change(ctx, func(tx *store.Tx) error {
		if err := checkFree(tx.View(), probe); err != nil {
			return err
		}
		root, err := store.Get[*dc.Folder](tx.View(), dc.ID(dc.RootFolder))
		if err != nil {
			return err
		}
		submitted, err = s.tasks.SubmitParts(tx, by, importType, root, []string{"image/" + req.Name}, args{Name: req.Name, GuestID: req.GuestID})
		return err
	})
	return submitted, err
}

// checkFree returns an error of kind Exists where there is an image of the name.
func checkFree(v *store.View, image *dc.Image) error {
	for _, claim := range image.Claims() {
		if _, taken := store.Claimed(v, claim); taken {
			return &dc.Error{Kind: dc.Exists, Object: dc.Describe(dc.KindImage, image.Name), Message: "there is an image of this name already",
				Remedy: "choose another name"}
		}
	}
	return nil
}

// failure gives an error about the image of the name its kind.
func failure(name string, err error) error {
	var bad *diskimage.Error
	object := dc.Describe(dc.KindImage, name)
	if errors.As(err, &bad) {
		return dc.Errorf(dc.Invalid, "the file is no disk that can be imported: %s", bad.Message).On(object).Fix("correct that, and upload it again")
	}
	return upload.Failure(object, err)
}

func (s *Service) definition() task.Definition {
	return task.Definition{Type: importType, Steps: []task.Step{
		{Name: "convert the disk", Do: s.convert, Undo: s.dropConverted},
		{Name: "add the image", Do: s.add, Undo: s.dropContent},
		{Name: "remove the upload", Final: true, Do: s.dropUpload},
	}}
}

func made(t *dc.Task) string { return "." + string(t.ID) + ".raw" }

// convert makes the raw disk of what was uploaded, and finds its digest.
func (s *Service) convert(ctx context.Context, r *task.Run) error {
	var a args
	if err := r.Args(&a); err != nil {
		return err
	}
	dir, err := s.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	err = r.Away(ctx, func(ctx context.Context) error {
		var err error
		a.Digest, a.Size, err = convert(ctx, dir, part(a.Name), made(r.Task()), r)
		return err
	})
	if err != nil {
		return failure(a.Name, err)
	}
	r.Finish(func(_ *store.Tx, t *dc.Task) error { return task.SetArgs(t, a) })
	return nil
}

func convert(ctx context.Context, dir *beneath.Dir, from, to string, r *task.Run) (digest string, size int64, err error) {
	src, err := dir.Open(from, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, dc.Errorf(dc.NotFound, "what was uploaded is no longer there").Fix("upload it again")
	}
	if err != nil {
		return "", 0, err
	}
	defer src.Close()
	file, err := diskimage.NewFile(src)
	if err != nil {
		return "", 0, err
	}
	image, err := Inspect(file)
	if err != nil {
		return "", 0, err
	}
	var done atomic.Int64
	r.ProgressFrom(func() (int, string) {
		done := done.Load()
		return int(100 * done / (2 * image.Size)), fmt.Sprintf("converting %s: %d of %d MB", image.Format, done>>21, image.Size>>20)
	})
	digest, err = Make(ctx, image, dir, to, done.Store)
	return digest, image.Size, err
}

func (s *Service) dropConverted(_ context.Context, r *task.Run) error {
	dir, err := s.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	var a args
	if err := r.Args(&a); err != nil {
		return err
	}
	return errors.Join(dir.Remove(made(r.Task())), dir.Remove(part(a.Name)))
}

// add gives the content its name, and makes the image known.
func (s *Service) add(_ context.Context, r *task.Run) error {
	var a args
	if err := r.Args(&a); err != nil {
		return err
	}
	dir, err := s.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := s.Keep(dir, made(r.Task()), a.Digest); err != nil {
		return failure(a.Name, err)
	}
	image := &dc.Image{ID: dc.ImageID(dc.NewID(dc.KindImage, random.Suffix())), Meta: dc.Meta{Name: a.Name, Created: time.Now().UTC()},
		Digest: a.Digest, SizeBytes: a.Size, GuestID: a.GuestID}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		if err := checkFree(tx.View(), image); err != nil {
			return err
		}
		tx.Put(image)
		event.Add(tx, time.Now(), dc.Event{Type: dc.EventGeneral, Target: dc.ID(image.ID), TargetName: image.Name, User: t.User, Task: t.ID,
			Message: dc.Describe(dc.KindImage, image.Name) + " was imported"})
		return nil
	})
	return nil
}

// dropContent removes the content, unless somebody else uses it.
func (s *Service) dropContent(_ context.Context, r *task.Run) error {
	var a args
	if err := r.Args(&a); err != nil || a.Digest == "" {
		return err
	}
	dir, err := s.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	return s.Release(dir, a.Digest, dc.ID(r.Task().ID))
}

func (s *Service) dropUpload(_ context.Context, r *task.Run) error {
	var a args
	if err := r.Args(&a); err != nil {
		return err
	}
	dir, err := s.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Remove(part(a.Name))
}

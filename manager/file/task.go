package file

import (
	"context"
	"fmt"
	"io"
	"path"
	"sync/atomic"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/store"
	"hanok/manager/task"
)

const (
	copyType   = "FileManager.copyDatastoreFile"
	moveType   = "FileManager.moveDatastoreFile"
	deleteType = "FileManager.deleteDatastoreFile"
)

// args are the arguments of this package's tasks, as they are kept in the store.
type args struct {
	From      dc.FileRef `json:"from"`
	To        dc.FileRef `json:"to,omitzero"`
	Overwrite bool       `json:"overwrite,omitempty"`
	// Consume removes the source of an import when it is done.
	Consume bool `json:"consume,omitempty"`
}

// Copy starts the task that copies a file, or a folder with all that is in it, to the path to, perhaps of another datastore and host.
// With overwrite what is there goes. Kinds: Exists, NotFound, WrongState for files of machines, Conflict while another task works on
// one of the paths. Privileges: PrivDatastoreBrowse on the source, PrivFileManagement on the target.
func (s *Service) Copy(ctx context.Context, by dc.Caller, from, to dc.FileRef, overwrite bool) (*dc.Task, error) {
	ds, err := s.authorized(by, dc.PrivDatastoreBrowse, from)
	if err != nil {
		return nil, err
	}
	if _, err := s.authorizedChange(by, dc.PrivFileManagement, to); err != nil {
		return nil, err
	}
	if err := dc.CheckFilePath(from.Path); err != nil {
		return nil, err
	}
	if err := checkUse(s.store.View(), false, ds, from.Path); err != nil {
		return nil, err
	}
	return s.submit(ctx, by, copyType, []dc.FileRef{to}, args{From: from, To: to, Overwrite: overwrite})
}

// Move is Copy, and the source is gone afterwards. Privileges: PrivFileManagement on both, PrivFileDelete on the source.
func (s *Service) Move(ctx context.Context, by dc.Caller, from, to dc.FileRef, overwrite bool) (*dc.Task, error) {
	if _, err := s.authorized(by, dc.PrivFileDelete, from); err != nil {
		return nil, err
	}
	for _, ref := range []dc.FileRef{from, to} {
		if _, err := s.authorizedChange(by, dc.PrivFileManagement, ref); err != nil {
			return nil, err
		}
	}
	return s.submit(ctx, by, moveType, []dc.FileRef{from, to}, args{From: from, To: to, Overwrite: overwrite})
}

// Delete starts the task that deletes a file, or a folder with all that is in it. Kinds: NotFound, WrongState for files of
// machines, Conflict. Privilege: PrivFileDelete.
func (s *Service) Delete(ctx context.Context, by dc.Caller, ref dc.FileRef) (*dc.Task, error) {
	if _, err := s.authorizedChange(by, dc.PrivFileDelete, ref); err != nil {
		return nil, err
	}
	return s.submit(ctx, by, deleteType, []dc.FileRef{ref}, args{From: ref})
}

func (s *Service) submit(ctx context.Context, by dc.Caller, typ string, works []dc.FileRef, a args) (*dc.Task, error) {
	if a.To.Path != "" && a.From.Datastore == a.To.Datastore && (dc.WithinFile(a.To.Path, a.From.Path) || dc.WithinFile(a.From.Path, a.To.Path)) {
		return nil, dc.Errorf(dc.Invalid, "%s and %s are one in the other", a.From.Path, a.To.Path).On(s.describe(a.From)).Fix("choose another target")
	}
	var parts []string
	for _, ref := range works {
		parts = append(parts, ref.Part())
	}
	var submitted *dc.Task
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		target, err := datastore(tx.View(), works[len(works)-1])
		if err != nil {
			return err
		}
		tx.Exists(dc.ID(target.ID))
		submitted, err = s.tasks.SubmitParts(tx, by, typ, target, parts, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

func (s *Service) definitions() []task.Definition {
	transfer := []task.Step{
		{Name: "copy the data", Do: s.copyData, Undo: s.dropCopy},
		{Name: "put it in its place", Do: s.putInPlace, Undo: s.takeBack},
		{Name: "remove what is no longer needed", Final: true, Do: s.cleanUp},
	}
	return []task.Definition{
		s.importDefinition(),
		{Type: copyType, Steps: transfer},
		{Type: moveType, Steps: transfer},
		{Type: deleteType, Steps: []task.Step{
			{Name: "take it away", Do: s.takeAway, Undo: s.giveBack},
			{Name: "remove the data", Final: true, Do: s.removeTaken},
		}},
	}
}

// job is one task's view of what it works on.
type job struct {
	s *Service
	r *task.Run
	args
	move     bool
	from, to *dc.Datastore
}

func (s *Service) job(r *task.Run) (*job, error) {
	j := &job{s: s, r: r, move: r.Task().Type == moveType}
	if err := r.Args(&j.args); err != nil {
		return nil, err
	}
	var err error
	if j.from, err = datastore(r.View(), j.From); err == nil && j.To.Path != "" {
		j.to, err = datastore(r.View(), j.To)
	}
	return j, err
}

// rename reports whether the task only gives a file another name.
func (j *job) rename() bool { return j.move && j.from.ID == j.to.ID }

// work is what the copy is called until it has its name, aside what was there before, and trash what is deleted.
func (j *job) work() dc.FileRef {
	if j.rename() {
		return j.From
	}
	return dc.FileRef{Datastore: j.To.Datastore, Path: dc.WorkFile(j.To.Path, "."+string(j.r.Task().ID)+".new")}
}

func (j *job) aside() string { return dc.WorkFile(j.To.Path, "."+string(j.r.Task().ID)+".old") }

func (j *job) trash() dc.FileRef {
	return dc.FileRef{Datastore: j.From.Datastore, Path: dc.WorkFile(j.From.Path, "."+string(j.r.Task().ID)+".old")}
}

// hostPatience is how long a step waits for a host that is away, before it fails.
const hostPatience = 30 * time.Second

// do asks a host, and again when it is back after it went away in between. With patience 0 it waits for as long as it takes.
func (j *job) do(ctx context.Context, ds *dc.Datastore, req dc.FileRequest, patience time.Duration) (reply dc.FileReply, err error) {
	var done, total atomic.Int64
	doing := j.r.Task().Steps[j.r.Task().Cursor]
	j.r.ProgressFrom(func() (int, string) {
		if !j.s.hosts.Connected(ds.Spec.Host) {
			return 0, "waiting for the host of " + dc.Describe(dc.KindDatastore, ds.Name)
		}
		if t := total.Load(); t > 0 {
			return int(100 * done.Load() / t), fmt.Sprintf("%s: %d of %d MB", doing, done.Load()>>20, t>>20)
		}
		return 0, doing
	})
	for {
		if err := j.await(ctx, ds, patience); err != nil {
			return dc.FileReply{}, err
		}
		err = j.r.Away(ctx, func(ctx context.Context) (err error) {
			reply, err = j.s.do(ctx, ds, req, func(d, t int64) { done.Store(d); total.Store(t) })
			return err
		})
		if dc.KindOf(err) != dc.Unavailable || j.s.hosts.Connected(ds.Spec.Host) {
			return reply, err
		}
	}
}

// await waits until the datastore's host answers.
func (j *job) await(ctx context.Context, ds *dc.Datastore, patience time.Duration) error {
	if patience > 0 {
		short, cancel := context.WithTimeoutCause(ctx, patience, dc.Errorf(dc.Unavailable, "its host is away").
			On(dc.Describe(dc.KindDatastore, ds.Name)).Fix("try again when it is back"))
		defer cancel()
		ctx = short
	}
	return j.r.Wait(ctx, func(*store.View) (bool, error) { return j.s.hosts.Connected(ds.Spec.Host), nil })
}

// absent reports whether there is nothing by the name.
func (j *job) absent(ctx context.Context, ds *dc.Datastore, p string, patience time.Duration) (bool, error) {
	_, err := j.do(ctx, ds, dc.FileRequest{Op: dc.FileStat, FileRef: dc.FileRef{Datastore: ds.ID, Path: p}}, patience)
	if dc.KindOf(err) == dc.NotFound {
		return true, nil
	}
	return false, err
}

// copyData makes the whole copy by another name. A task that only renames looks whether it can.
func (s *Service) copyData(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	for _, check := range []error{checkUse(r.View(), j.move, j.from, j.From.Path), checkUse(r.View(), true, j.to, j.To.Path)} {
		if check != nil {
			return check
		}
	}
	if free, err := j.absent(ctx, j.to, j.To.Path, hostPatience); err != nil {
		return err
	} else if !free && !j.Overwrite {
		return dc.Errorf(dc.Exists, "there is a file or folder of that name already").On(s.describe(j.To)).Fix("choose another path, or allow to overwrite it")
	}
	if j.rename() {
		_, err := j.do(ctx, j.from, dc.FileRequest{Op: dc.FileStat, FileRef: j.From}, hostPatience)
		return err
	}
	if j.from.Spec.Host == j.to.Spec.Host {
		work := j.work()
		_, err := j.do(ctx, j.from, dc.FileRequest{Op: dc.FileCopy, FileRef: j.From, To: &work}, hostPatience)
		return err
	}
	return j.relay(ctx)
}

// relay copies between two hosts, through this manager.
func (j *job) relay(ctx context.Context) error {
	stat, err := j.do(ctx, j.from, dc.FileRequest{Op: dc.FileStat, FileRef: j.From}, hostPatience)
	if err != nil {
		return err
	}
	work := j.work()
	if _, err := j.do(ctx, j.to, dc.FileRequest{Op: dc.FileRemove, FileRef: work}, hostPatience); err != nil {
		return err
	}
	files := []dc.File{*stat.File}
	if stat.File.Kind == dc.FileFolder {
		below, err := j.do(ctx, j.from, dc.FileRequest{Op: dc.FileList, FileRef: j.From, Query: dc.FileQuery{Recursive: true}}, hostPatience)
		if err != nil {
			return err
		}
		if below.Truncated {
			return dc.Errorf(dc.Exhausted, "there are more than %d files in it", dc.MaxListedFiles).On(j.s.describe(j.From)).Fix("copy the folders in it one by one")
		}
		files = append(files, below.Files...)
	}
	var done atomic.Int64
	var total int64
	for _, f := range files {
		total += f.SizeBytes
	}
	for _, f := range files {
		to := dc.FileRef{Datastore: j.to.ID, Path: path.Join(work.Path, f.Path[len(j.From.Path):])}
		if f.Kind == dc.FileFolder {
			if _, err := j.do(ctx, j.to, dc.FileRequest{Op: dc.FileMakeFolder, FileRef: to, Parents: true}, hostPatience); err != nil {
				return err
			}
			continue
		}
		j.r.ProgressFrom(func() (int, string) {
			return int(100 * done.Load() / max(total, 1)), fmt.Sprintf("copy the data: %d of %d MB", done.Load()>>20, total>>20)
		})
		from := dc.FileRef{Datastore: j.from.ID, Path: f.Path}
		err := j.r.Away(ctx, func(ctx context.Context) error { return j.s.relayFile(ctx, j.from, j.to, from, to, &done) })
		if err != nil {
			return err
		}
	}
	return nil
}

// relayFile reads a file from one host and uploads it to another. What the first says that it has sent is what the second must have.
func (s *Service) relayFile(ctx context.Context, fromDS, toDS *dc.Datastore, from, to dc.FileRef, done *atomic.Int64) error {
	call, err := s.call(ctx, fromDS, dc.FileRequest{Op: dc.FileRead, FileRef: from, Length: -1})
	if err != nil {
		return err
	}
	defer call.Close()
	defer context.AfterFunc(ctx, func() { call.Close() })()
	if _, err := call.Reply(nil); err != nil {
		return on(err, fromDS)
	}
	_, err = s.upload(ctx, toDS, dc.FileRequest{Op: dc.FileUpload, FileRef: to}, &counter{call, done}, call.SHA256)
	return err
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// dropCopy removes what copyData has made.
func (s *Service) dropCopy(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil || j.rename() {
		return err
	}
	work := j.work()
	_, err = j.do(ctx, j.to, dc.FileRequest{Op: dc.FileRemove, FileRef: work}, 0)
	return err
}

// putInPlace gives the copy its name, and what had the name before another one.
func (s *Service) putInPlace(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	req := dc.FileRequest{Op: dc.FilePlace, FileRef: j.work(), To: &j.To}
	if j.Overwrite {
		req.Aside = j.aside()
	}
	_, err = j.do(ctx, j.to, req, hostPatience)
	return err
}

// takeBack makes putInPlace undone, of which any part may have been done.
func (s *Service) takeBack(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	work := j.work()
	if gone, err := j.absent(ctx, j.to, work.Path, 0); err != nil {
		return err
	} else if gone {
		_, err := j.do(ctx, j.to, dc.FileRequest{Op: dc.FilePlace, FileRef: j.To, To: &work}, 0)
		if err != nil && dc.KindOf(err) != dc.NotFound { // there was nothing to rename
			return err
		}
	}
	if !j.Overwrite {
		return nil
	}
	old := dc.FileRef{Datastore: j.to.ID, Path: j.aside()}
	if gone, err := j.absent(ctx, j.to, old.Path, 0); err != nil || gone {
		return err
	}
	_, err = j.do(ctx, j.to, dc.FileRequest{Op: dc.FilePlace, FileRef: old, To: &j.To}, 0)
	return err
}

// cleanUp removes what the copy replaces, and of a move the source.
func (s *Service) cleanUp(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	if j.Overwrite {
		old := dc.FileRef{Datastore: j.to.ID, Path: j.aside()}
		if _, err := j.do(ctx, j.to, dc.FileRequest{Op: dc.FileRemove, FileRef: old}, 0); err != nil {
			return err
		}
	}
	typ, verb := dc.EventFileCopied, "copied"
	if j.move {
		typ, verb = dc.EventFileMoved, "moved"
		if !j.rename() {
			if _, err := j.do(ctx, j.from, dc.FileRequest{Op: dc.FileRemove, FileRef: j.From}, 0); err != nil {
				return err
			}
		}
	}
	j.finish(typ, fmt.Sprintf("%s was %s to %s", s.describe(j.From), verb, s.describe(j.To)))
	return nil
}

// finish records what the task has done, with its end.
func (j *job) finish(typ dc.EventType, what string) {
	j.r.Finish(func(tx *store.Tx, t *dc.Task) error {
		event.Add(tx, time.Now(), dc.Event{Type: typ, Target: t.Target, TargetName: t.TargetName, User: t.User, Task: t.ID, Message: what})
		return nil
	})
}

// takeAway gives what is to be deleted a name that users don't see, in one stroke.
func (s *Service) takeAway(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	if err := checkUse(r.View(), true, j.from, j.From.Path); err != nil {
		return err
	}
	trash := j.trash()
	_, err = j.do(ctx, j.from, dc.FileRequest{Op: dc.FilePlace, FileRef: j.From, To: &trash}, hostPatience)
	return err
}

func (s *Service) giveBack(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	trash := j.trash()
	if gone, err := j.absent(ctx, j.from, trash.Path, 0); err != nil || gone {
		return err
	}
	_, err = j.do(ctx, j.from, dc.FileRequest{Op: dc.FilePlace, FileRef: trash, To: &j.From}, 0)
	return err
}

func (s *Service) removeTaken(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	if _, err := j.do(ctx, j.from, dc.FileRequest{Op: dc.FileRemove, FileRef: j.trash()}, 0); err != nil {
		return err
	}
	j.finish(dc.EventFileDeleted, s.describe(j.From)+" was deleted")
	return nil
}

package files

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/partial"
)

// part is the name of what has come of an upload to p.
func part(p string) string { return dc.WorkFile(p, ".part") }

// uploaded says how much of an upload is there, and what it is.
func uploaded(ctx context.Context, dir *beneath.Dir, p string) (dc.FileReply, error) {
	n, sum, err := partial.Measure(ctx, dir, part(p))
	return dc.FileReply{Offset: n, SHA256: sum}, uploadFailure(p, 0, err)
}

// Upload makes the file req.Path of what receive writes, from req.Offset on, of which at least that many bytes must be there
// from earlier tries; offset 0 begins anew. receive returns the SHA-256 of the whole file in hexadecimal, or "" where it does
// not know it. Nobody sees the file before all of it is on the disk and allowed has no objection; of what is damaged nothing stays, of what was
// broken off all. Kinds: Exists for a name that is taken, unless req.Overwrite; Conflict while another upload to the path is
// under way; Invalid for an offset behind what is there and for damaged content.
func (Driver) Upload(ctx context.Context, root string, req dc.FileRequest, receive func(w io.Writer) (sha256 string, err error),
	allowed func() error) (dc.FileReply, error) {
	dir, err := beneath.Open(root)
	if err != nil {
		return dc.FileReply{}, failure(req.Path, err)
	}
	defer dir.Close()
	reply, err := upload(ctx, dir, req, receive, allowed)
	return reply, failure(req.Path, err)
}

func upload(ctx context.Context, dir *beneath.Dir, req dc.FileRequest, receive func(w io.Writer) (string, error), allowed func() error) (dc.FileReply, error) {
	if err := checkName(dir, req); err != nil {
		return dc.FileReply{}, err
	}
	file, err := partial.Open(ctx, dir, part(req.Path), req.Offset)
	if err != nil {
		return dc.FileReply{}, uploadFailure(req.Path, req.Offset, err)
	}
	defer file.Close()
	want, err := receive(file)
	if err != nil {
		return dc.FileReply{}, err
	}
	sum, err := file.Finish(want)
	if err != nil {
		return dc.FileReply{}, uploadFailure(req.Path, req.Offset, err)
	}
	release, err := dir.Lock()
	if err != nil {
		return dc.FileReply{}, err
	}
	defer release()
	if err := errors.Join(allowed(), checkName(dir, req)); err != nil {
		return dc.FileReply{}, err
	}
	rename := dir.RenameNew
	if req.Overwrite {
		rename = dir.Rename
	}
	if err := rename(part(req.Path), req.Path); err != nil {
		return dc.FileReply{}, err
	}
	if err := dir.SyncParent(req.Path); err != nil {
		return dc.FileReply{}, err
	}
	f, err := stat(dir, req.Path)
	return dc.FileReply{File: &f, Offset: file.Size(), SHA256: sum}, err
}

// uploadFailure says what an error of package partial means for an upload to p.
func uploadFailure(p string, offset int64, err error) error {
	switch {
	case errors.Is(err, partial.ErrBusy):
		return dc.Errorf(dc.Conflict, "%s is in use", p).Fix("wait for the other upload to end")
	case errors.Is(err, partial.ErrGap):
		return dc.Errorf(dc.Invalid, "an upload can't go on at byte %d: %w", offset, err).On("file " + p).Fix("ask how much is there, and go on at that")
	case errors.Is(err, partial.ErrDamaged):
		return dc.Errorf(dc.Invalid, "what came is damaged: its checksum is not that of the file").On("file " + p).Fix("upload it again")
	}
	return err
}

// checkName refuses a name that is taken and not to be overwritten, and a file that is in use.
func checkName(dir *beneath.Dir, req dc.FileRequest) error {
	found, err := dir.Exists(req.Path)
	if err != nil || !found {
		return err
	}
	if !req.Overwrite {
		return taken(req.Path)
	}
	return checkFree(dir, req.Path)
}

// Open opens a file for reading, and locks it against machines that would change it, and returns what it is. The caller
// closes it.
func (Driver) Open(root, p string) (*os.File, dc.File, error) {
	dir, err := beneath.Open(root)
	if err != nil {
		return nil, dc.File{}, failure(p, err)
	}
	defer dir.Close()
	f, err := dir.Open(p, os.O_RDONLY)
	if err != nil {
		return nil, dc.File{}, failure(p, err)
	}
	info, err := f.Stat()
	if err == nil && dc.FileKindOf(p) != dc.FileLog {
		err = lock(f, p, unix.LOCK_SH)
	}
	if err != nil {
		f.Close()
		return nil, dc.File{}, failure(p, err)
	}
	return f, fileOf(p, info), nil
}

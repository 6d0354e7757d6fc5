package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/sparse"
)

// part is the name of what has come of an upload to p.
func part(p string) string { return dc.WorkFile(p, ".part") }

// uploaded says how much of an upload is there, and what it is.
func uploaded(ctx context.Context, dir *beneath.Dir, p string) (dc.FileReply, error) {
	sum := sha256.New()
	f, err := dir.Open(part(p), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return dc.FileReply{SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
	}
	if err != nil {
		return dc.FileReply{}, err
	}
	defer f.Close()
	if err := lock(f, p, unix.LOCK_SH); err != nil {
		return dc.FileReply{}, err
	}
	n, err := io.Copy(sum, &canceled{ctx, f})
	return dc.FileReply{Offset: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// canceled is a reader that ends with its context.
type canceled struct {
	ctx context.Context
	r   io.Reader
}

func (c *canceled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// upload is a file that is being uploaded.
type upload struct {
	dir       *beneath.Dir
	file      *os.File
	path      string
	overwrite bool
	offset    int64
	sum       hash.Hash
}

// Upload makes the file req.Path of what receive writes, from req.Offset on, of which at least that many bytes must be there
// from earlier tries; offset 0 begins anew. receive returns the SHA-256 of the whole file in hexadecimal, or "" where it does
// not know it. Nobody sees the file before all of it is on the disk and allowed has no objection; of what is damaged nothing stays, of what was
// broken off all. Kinds: Exists for a name that is taken, unless req.Overwrite; Conflict while another upload to the path is
// under way; Invalid for an offset behind what is there and for damaged content.
func (Driver) Upload(ctx context.Context, root string, req dc.FileRequest, receive func(w io.Writer) (sha256 string, err error),
	allowed func() error) (dc.FileReply, error) {
	u, err := openUpload(ctx, root, req)
	if err != nil {
		return dc.FileReply{}, failure(req.Path, err)
	}
	defer u.close()
	want, err := receive(u)
	if err != nil {
		return dc.FileReply{}, failure(req.Path, err)
	}
	reply, err := u.commit(want, allowed)
	return reply, failure(req.Path, err)
}

func openUpload(ctx context.Context, root string, req dc.FileRequest) (_ *upload, err error) {
	dir, err := beneath.Open(root)
	if err != nil {
		return nil, err
	}
	u := &upload{dir: dir, path: req.Path, overwrite: req.Overwrite, offset: req.Offset, sum: sha256.New()}
	defer func() {
		if err != nil {
			u.close()
		}
	}()
	if err := u.checkName(); err != nil {
		return nil, err
	}
	name := part(req.Path)
	u.file, err = dir.Open(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		u.file, err = dir.CreateNew(name, os.O_RDWR)
	}
	if err != nil {
		return nil, err
	}
	if err := lock(u.file, req.Path, unix.LOCK_EX); err != nil {
		return nil, err
	}
	n, err := io.Copy(u.sum, &canceled{ctx, io.NewSectionReader(u.file, 0, req.Offset)})
	if err == nil && n < req.Offset {
		return nil, dc.Errorf(dc.Invalid, "an upload can't go on at byte %d: %d are there", req.Offset, n).Fix("ask how much is there, and go on at that")
	}
	if err == nil {
		err = u.file.Truncate(req.Offset)
	}
	return u, err
}

// checkName refuses a name that is taken and not to be overwritten, and a file that is in use.
func (u *upload) checkName() error {
	found, err := u.dir.Exists(u.path)
	if err != nil || !found {
		return err
	}
	if !u.overwrite {
		return taken(u.path)
	}
	return checkFree(u.dir, u.path)
}

// Write takes the next bytes.
func (u *upload) Write(p []byte) (int, error) {
	if err := sparse.WriteAt(u.file, p, u.offset); err != nil {
		return 0, failure(u.path, err)
	}
	u.sum.Write(p)
	u.offset += int64(len(p))
	return len(p), nil
}

// commit gives the file its name when all its bytes are on the disk.
func (u *upload) commit(want string, allowed func() error) (dc.FileReply, error) {
	got := hex.EncodeToString(u.sum.Sum(nil))
	if want != "" && want != got {
		return dc.FileReply{}, errors.Join(dc.Errorf(dc.Invalid, "what came is damaged: its SHA-256 is %s, that of the file %s", got, want).
			On("file "+u.path).Fix("upload it again"), u.dir.Remove(part(u.path)))
	}
	if err := u.file.Truncate(u.offset); err != nil {
		return dc.FileReply{}, err
	}
	if err := u.file.Sync(); err != nil {
		return dc.FileReply{}, err
	}
	release, err := u.dir.Lock()
	if err != nil {
		return dc.FileReply{}, err
	}
	defer release()
	if err := errors.Join(allowed(), u.checkName()); err != nil {
		return dc.FileReply{}, err
	}
	rename := u.dir.RenameNew
	if u.overwrite {
		rename = u.dir.Rename
	}
	if err := rename(part(u.path), u.path); err != nil {
		return dc.FileReply{}, err
	}
	if err := u.dir.SyncParent(u.path); err != nil {
		return dc.FileReply{}, err
	}
	f, err := stat(u.dir, u.path)
	return dc.FileReply{File: &f, Offset: u.offset, SHA256: got}, err
}

func (u *upload) close() {
	if u.file != nil {
		u.file.Close()
	}
	u.dir.Close()
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

package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net"
	"os"
	"time"

	"hanok/api/filestream"
	"hanok/dc"
)

// Files works on the files of datastores for their users. root and to are the folders of datastores, absolute paths; the paths
// below them were checked (dc.CheckFilePath) and belong to no machine.
type Files interface {
	// Do carries out an operation without bulk data; to is that of the datastore req.To. Each is idempotent. progress gets bytes.
	Do(ctx context.Context, root, to string, req dc.FileRequest, progress func(done, total int64)) (dc.FileReply, error)
	// Open opens a file for reading. Conflict where a machine has it.
	Open(root, path string) (*os.File, dc.File, error)
	// Upload makes the file req.Path of what receive writes, from req.Offset on. receive returns the SHA-256 of the whole file,
	// or "". The file gets its name when it is whole, checked and on the disk, and allowed has no objection.
	Upload(ctx context.Context, root string, req dc.FileRequest, receive func(w io.Writer) (sha256 string, err error),
		allowed func() error) (dc.FileReply, error)
}

// openFiles returns the local end of a stream on which one operation on files is asked for and answered.
func (a *Agent) openFiles(ctx context.Context) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // which is that of the opening
	near, far := net.Pipe()
	a.tasks.Go(func() {
		defer cancel()
		defer near.Close()
		s, req, err := filestream.Accept(near)
		if err != nil {
			return
		}
		if err := a.serveFiles(ctx, cancel, s, req); err != nil {
			a.cfg.Log.Warn("an operation on files failed", "operation", req.Op, "datastore", req.Datastore, "path", req.Path, "error", err)
			_ = s.Fail(a.namedError(err)) // nobody may listen any more
		}
	})
	return far, nil
}

// namedError returns err with the names of datastores.
func (a *Agent) namedError(err error) error { return a.datastores.named(dc.FailureOf(err)).Err() }

// serveFiles carries out one operation. gone is called when the manager no longer waits for it.
func (a *Agent) serveFiles(ctx context.Context, gone func(), s *filestream.Serving, req dc.FileRequest) error {
	if req.Op == dc.FileReadDisk || req.Op == dc.FileExportDisk {
		go func() { s.Gone(); gone() }()
		return a.sendDisk(ctx, s, req)
	}
	if a.cfg.Files == nil {
		return dc.Errorf(dc.Unsupported, "this host keeps no files for users").Fix("choose a datastore of another host")
	}
	root, err := a.filesRoot(req.FileRef)
	if err != nil {
		return err
	}
	if req.Op != dc.FileUpload {
		go func() { s.Gone(); gone() }()
	}
	switch req.Op {
	case dc.FileUpload:
		return a.takeUpload(ctx, s, root, req)
	case dc.FileRead:
		return a.sendFile(ctx, s, root, req)
	}
	if req.Op == dc.FileDescribe {
		reply, err := a.describe(ctx, req.FileRef)
		if err != nil {
			return err
		}
		return s.Reply(reply)
	}
	to := ""
	if req.To != nil {
		if to, err = a.filesRoot(*req.To); err != nil {
			return err
		}
	}
	if err := a.checkFileOp(root, to, req); err != nil {
		return err
	}
	var told time.Time
	reply, err := a.cfg.Files.Do(ctx, root, to, req, func(done, total int64) {
		if now := time.Now(); now.Sub(told) >= progressPace {
			told = now
			_ = s.Progress(done, total)
		}
	})
	if err != nil {
		return err
	}
	return s.Reply(reply)
}

// describe reads a machine or a disk out of its files.
func (a *Agent) describe(ctx context.Context, ref dc.FileRef) (dc.FileReply, error) {
	if kind := dc.FileKindOf(ref.Path); kind == dc.FileConfig || kind == dc.FileTemplate {
		m, err := a.cfg.Storage.DescribeMachine(ctx, ref.Datastore, a.datastores.nameOf(ref.Datastore), ref.Path)
		return dc.FileReply{Machine: &m}, err
	}
	d, err := a.cfg.Storage.DescribeDisk(ctx, ref.Datastore, ref.Path)
	return dc.FileReply{Disk: &d}, err
}

// filesRoot returns the folder of a datastore that is mounted.
func (a *Agent) filesRoot(ref dc.FileRef) (string, error) {
	if ref.Path != "" {
		if err := dc.CheckWorkPath(ref.Path); err != nil {
			return "", err
		}
	}
	if mounted, _ := a.datastores.state(ref.Datastore); !mounted {
		return "", a.datastores.explain(ref.Datastore, dc.Errorf(dc.Unavailable, "it is not mounted on this host").
			On(dc.Describe(dc.KindDatastore, string(ref.Datastore))).Fix("look at the datastore's status"))
	}
	return a.datastores.path(ref.Datastore), nil
}

// checkFileOp refuses what would touch the files of a machine of this host.
func (a *Agent) checkFileOp(root, to string, req dc.FileRequest) error {
	switch req.Op {
	case dc.FileMakeFolder, dc.FileRemove:
		return a.checkFileUse(root, req.Path)
	case dc.FileCopy:
		return a.checkFileUse(to, req.To.Path)
	case dc.FileImport:
		if err := dc.CheckWorkPath(req.Aside); err != nil {
			return err
		}
		if err := a.checkFileUse(root, req.Aside); err != nil {
			return err
		}
		return a.checkFileUse(root, req.To.Path)
	case dc.FilePlace:
		if req.Aside != "" {
			if err := dc.CheckWorkPath(req.Aside); err != nil {
				return err
			}
		}
		if err := a.checkFileUse(root, req.Path); err != nil {
			return err
		}
		return a.checkFileUse(root, req.To.Path)
	}
	return nil
}

// checkFileUse refuses a change of the path below root, the folder of a datastore, where it is of a machine that this host knows.
// Reading is the manager's to refuse, and the locks' of the machine's disks.
func (a *Agent) checkFileUse(root, path string) error {
	var refused error
	a.eachMachine(func(m *machine) {
		if own := m.assigned(); refused == nil && a.datastores.path(own.Datastore) == root {
			refused = dc.CheckFileUse(true, path, own.Name, own.Folder, own.Disks, "")
		}
	})
	return refused
}

// sendFile sends a part of a file.
func (a *Agent) sendFile(ctx context.Context, s *filestream.Serving, root string, req dc.FileRequest) error {
	f, file, err := a.cfg.Files.Open(root, req.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.Reply(dc.FileReply{File: &file}); err != nil {
		return err
	}
	length := req.Length
	if length < 0 {
		length = max(0, file.SizeBytes-req.Offset)
	}
	sum := sha256.New()
	if err := send(ctx, s, sum, io.NewSectionReader(f, req.Offset, length)); err != nil {
		return err
	}
	return s.Reply(dc.FileReply{SHA256: hex.EncodeToString(sum.Sum(nil))})
}

func send(ctx context.Context, w io.Writer, sum hash.Hash, r io.Reader) error {
	buf := make([]byte, filestream.DataMax)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if n > 0 {
			sum.Write(buf[:n])
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return dc.Errorf(dc.Unavailable, "the file can't be read: %w", err).Fix("look at the datastore's health on its host")
		}
	}
}

// takeUpload takes a file.
func (a *Agent) takeUpload(ctx context.Context, s *filestream.Serving, root string, req dc.FileRequest) error {
	allowed := func() error { return a.checkFileUse(root, req.Path) }
	if err := allowed(); err != nil {
		return err
	}
	reply, err := a.cfg.Files.Upload(ctx, root, req, func(w io.Writer) (string, error) {
		if err := s.Reply(dc.FileReply{}); err != nil {
			return "", err
		}
		return s.Receive(func(p []byte) error {
			_, err := w.Write(p)
			return err
		})
	}, allowed)
	if err != nil {
		return err
	}
	return s.Reply(reply)
}

package file

import (
	"context"
	"errors"
	"io"
	"sync"

	"hanok/api/filestream"
	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/upload"
)

// Download is a file that is being read, at any offset: an io.ReadSeekCloser for one goroutine. Each Seek that leads elsewhere
// begins anew on the host.
type Download struct {
	file    dc.File
	s       *Service
	ctx     context.Context
	ds      *dc.Datastore
	ref     dc.FileRef
	offset  int64
	call    *filestream.Call // nil until Read, and after Seek
	whole   bool             // whether call began at the file's first byte
	stop    func() bool
	release func()
}

// Open opens a file for reading; ctx is for as long as it is read. Kinds: NotFound, WrongState for a folder and for what
// a machine with power changes, Conflict for a file that is in use. Privilege: PrivDatastoreBrowse.
func (s *Service) Open(ctx context.Context, by dc.Caller, ref dc.FileRef) (*Download, error) {
	ds, err := s.authorized(by, dc.PrivDatastoreBrowse, ref)
	if err == nil {
		err = dc.CheckFilePath(ref.Path)
	}
	if err == nil {
		err = checkUse(s.store.View(), false, ds, ref.Path)
	}
	if err != nil {
		return nil, err
	}
	release, err := s.carry(ctx)
	if err != nil {
		return nil, err
	}
	reply, err := s.do(ctx, ds, dc.FileRequest{Op: dc.FileStat, FileRef: ref}, nil)
	if err == nil && reply.File.Kind == dc.FileFolder {
		err = dc.Errorf(dc.WrongState, "it is a folder").On(s.describe(ref)).Fix("name a file in it")
	}
	if err != nil {
		release()
		return nil, err
	}
	return &Download{file: *reply.File, s: s, ctx: ctx, ds: ds, ref: ref, release: sync.OnceFunc(release)}, nil
}

// Stat returns what the file was when it was opened.
func (d *Download) Stat() dc.File { return d.file }

// Read reads the next bytes.
func (d *Download) Read(p []byte) (int, error) {
	if d.call == nil {
		call, err := d.s.call(d.ctx, d.ds, dc.FileRequest{Op: dc.FileRead, FileRef: d.ref, Offset: d.offset, Length: -1})
		if err != nil {
			return 0, err
		}
		d.call, d.whole, d.stop = call, d.offset == 0, context.AfterFunc(d.ctx, func() { call.Close() })
		if _, err := call.Reply(nil); err != nil {
			return 0, on(err, d.ds)
		}
	}
	n, err := d.call.Read(p)
	d.offset += int64(n)
	if err != nil && d.ctx.Err() != nil {
		err = context.Cause(d.ctx)
	}
	return n, err
}

// Seek sets where the next Read begins.
func (d *Download) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += d.offset
	case io.SeekEnd:
		offset += d.file.SizeBytes
	}
	if offset < 0 {
		return 0, errors.New("a negative offset")
	}
	if offset != d.offset {
		d.end()
		d.offset = offset
	}
	return offset, nil
}

// SHA256 returns what was read, as 64 hexadecimal digits, when Read has returned io.EOF after the whole file, else "".
func (d *Download) SHA256() string {
	if d.call == nil || !d.whole {
		return ""
	}
	return d.call.SHA256()
}

func (d *Download) end() {
	if d.call != nil {
		d.stop()
		d.call.Close()
		d.call = nil
	}
}

// Close ends the reading.
func (d *Download) Close() error {
	d.end()
	d.release()
	return nil
}

// Uploaded says how much of an upload is on the host from earlier tries, in bytes, and its SHA-256 in hexadecimal.
// Privilege: PrivFileManagement.
func (s *Service) Uploaded(ctx context.Context, by dc.Caller, ref dc.FileRef) (offset int64, sha256 string, err error) {
	ds, err := s.authorizedChange(by, dc.PrivFileManagement, ref)
	if err != nil {
		return 0, "", err
	}
	reply, err := s.do(ctx, ds, dc.FileRequest{Op: dc.FileUploaded, FileRef: ref}, nil)
	return reply.Offset, reply.SHA256, err
}

// UploadSpec says how a file is uploaded.
type UploadSpec struct {
	upload.Spec
	// Overwrite lets the file take the place of another one.
	Overwrite bool
}

// Upload makes a file of what content has, when all of it is on the host's disk and found to be whole. Kinds: Exists,
// Conflict while it is uploaded by somebody else, Invalid for damaged content, WrongState in the folder of a machine,
// Exhausted. Of an upload that is broken off the host keeps what came. Privilege: PrivFileManagement.
func (s *Service) Upload(ctx context.Context, by dc.Caller, ref dc.FileRef, spec UploadSpec, content io.Reader) (dc.File, string, error) {
	ds, err := s.authorizedChange(by, dc.PrivFileManagement, ref)
	if err != nil {
		return dc.File{}, "", err
	}
	if spec.Offset < 0 {
		return dc.File{}, "", dc.Errorf(dc.Invalid, "an upload can't begin at byte %d", spec.Offset).On(s.describe(ref))
	}
	release, err := s.carry(ctx)
	if err != nil {
		return dc.File{}, "", err
	}
	defer release()
	reply, err := s.upload(ctx, ds, dc.FileRequest{Op: dc.FileUpload, FileRef: ref, Offset: spec.Offset, Overwrite: spec.Overwrite}, upload.Sender(content), spec.Sum)
	if err != nil || reply.File == nil {
		return dc.File{}, "", err
	}
	return *reply.File, reply.SHA256, nil
}

// upload carries content to a host. An error of content is returned as it is.
func (s *Service) upload(ctx context.Context, ds *dc.Datastore, req dc.FileRequest, content io.Reader, sum func() string) (dc.FileReply, error) {
	call, err := s.call(ctx, ds, req)
	if err != nil {
		return dc.FileReply{}, err
	}
	defer call.Close()
	defer context.AfterFunc(ctx, func() { call.Close() })()
	if _, err := call.Reply(nil); err != nil {
		return dc.FileReply{}, on(err, ds)
	}
	source := &source{r: content}
	_, err = io.CopyBuffer(struct{ io.Writer }{call}, source, make([]byte, filestream.DataMax))
	switch {
	case source.err != nil && ctx.Err() != nil:
		return dc.FileReply{}, context.Cause(ctx)
	case source.err != nil:
		return dc.FileReply{}, source.err
	}
	if err == nil {
		err = call.End(sum())
	}
	reply, failed := call.Reply(nil) // also after a failed Write: the host may have said why
	switch {
	case ctx.Err() != nil:
		return dc.FileReply{}, context.Cause(ctx)
	case failed != nil:
		return dc.FileReply{}, on(failed, ds)
	}
	return reply, on(err, ds)
}

// source keeps why its reader failed.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// datastore returns the datastore of a file.
func datastore(v *store.View, ref dc.FileRef) (*dc.Datastore, error) {
	return store.Get[*dc.Datastore](v, dc.ID(ref.Datastore))
}

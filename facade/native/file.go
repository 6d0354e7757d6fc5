package native

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// sumHeader has the SHA-256 of a whole file in hexadecimal, as a header or a trailer.
const sumHeader = "Hanok-Sha256"

// fileTime bounds each read and write of an upload or download: a client that neither sends nor takes anything is given up.
const fileTime = 2 * time.Minute

func (s *service) fileRef(by dc.Caller, datastore, path string) (dc.FileRef, error) {
	id, err := resolve[dc.DatastoreID](s, by, dc.KindDatastore, datastore)
	return dc.FileRef{Datastore: id, Path: path}, err
}

func (s *service) ListFiles(ctx context.Context, req *hanokv1.ListFilesRequest) (*hanokv1.ListFilesResponse, error) {
	ref, err := s.fileRef(caller(ctx), req.Datastore, req.Path)
	if err != nil {
		return nil, err
	}
	files, truncated, err := s.Files.Browse(ctx, caller(ctx), ref, dc.FileQuery{Patterns: req.Patterns, Recursive: req.Recursive})
	out := &hanokv1.ListFilesResponse{Truncated: truncated}
	for _, f := range files {
		out.Files = append(out.Files, convert.File(f))
	}
	return out, err
}

func (s *service) MakeFolder(ctx context.Context, req *hanokv1.MakeFolderRequest) (*hanokv1.MakeFolderResponse, error) {
	ref, err := s.fileRef(caller(ctx), req.Datastore, req.Path)
	if err != nil {
		return nil, err
	}
	return &hanokv1.MakeFolderResponse{}, s.Files.MakeFolder(ctx, caller(ctx), ref, req.Parents)
}

func (s *service) GetUpload(ctx context.Context, req *hanokv1.GetUploadRequest) (*hanokv1.GetUploadResponse, error) {
	ref, err := s.fileRef(caller(ctx), req.Datastore, req.Path)
	if err != nil {
		return nil, err
	}
	offset, sum, err := s.Files.Uploaded(ctx, caller(ctx), ref)
	return &hanokv1.GetUploadResponse{Offset: offset, Sha256: sum}, err
}

func (s *service) CopyFile(ctx context.Context, req *hanokv1.CopyFileRequest) (*hanokv1.CopyFileResponse, error) {
	t, err := s.transfer(ctx, s.Files.Copy, req)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CopyFileResponse{Task: t}, nil
}

func (s *service) MoveFile(ctx context.Context, req *hanokv1.MoveFileRequest) (*hanokv1.MoveFileResponse, error) {
	t, err := s.transfer(ctx, s.Files.Move, req)
	if err != nil {
		return nil, err
	}
	return &hanokv1.MoveFileResponse{Task: t}, nil
}

// transferRequest is what the requests for copies and moves have in common.
type transferRequest interface {
	GetDatastore() string
	GetPath() string
	GetTargetDatastore() string
	GetTargetPath() string
	GetOverwrite() bool
}

func (s *service) transfer(ctx context.Context, start func(context.Context, dc.Caller, dc.FileRef, dc.FileRef, bool) (*dc.Task, error),
	req transferRequest) (*hanokv1.Task, error) {
	by := caller(ctx)
	from, err := s.fileRef(by, req.GetDatastore(), req.GetPath())
	if err != nil {
		return nil, err
	}
	to, err := s.fileRef(by, cmp.Or(req.GetTargetDatastore(), req.GetDatastore()), req.GetTargetPath())
	if err != nil {
		return nil, err
	}
	t, err := start(ctx, by, from, to, req.GetOverwrite())
	if err != nil {
		return nil, err
	}
	return s.task(by, t), nil
}

func (s *service) DeleteFile(ctx context.Context, req *hanokv1.DeleteFileRequest) (*hanokv1.DeleteFileResponse, error) {
	ref, err := s.fileRef(caller(ctx), req.Datastore, req.Path)
	if err != nil {
		return nil, err
	}
	t, err := s.Files.Delete(ctx, caller(ctx), ref)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteFileResponse{Task: s.task(caller(ctx), t)}, nil
}

func (s *service) ImportDisk(ctx context.Context, req *hanokv1.ImportDiskRequest) (*hanokv1.ImportDiskResponse, error) {
	ref, err := s.fileRef(caller(ctx), req.Datastore, req.Path)
	if err != nil {
		return nil, err
	}
	t, err := s.Files.ImportDisk(ctx, caller(ctx), ref, dc.FileRef{Datastore: ref.Datastore, Path: req.TargetPath}, req.RemoveSource)
	if err != nil {
		return nil, err
	}
	return &hanokv1.ImportDiskResponse{Task: s.task(caller(ctx), t)}, nil
}

// fileOf returns the file that the path of a request names, and who asks for it.
func (s *service) fileOf(r *http.Request) (by dc.Caller, ref dc.FileRef, err error) {
	by = caller(r.Context())
	ref, err = s.fileRef(by, r.PathValue("datastore"), r.PathValue("path"))
	return by, ref, err
}

// download answers with the content of a file.
func (s *service) download(w http.ResponseWriter, r *http.Request) {
	by, ref, err := s.fileOf(r)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	ctx, cancel := s.streaming(r)
	defer cancel()
	f, err := s.Files.Open(ctx, by, ref)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	defer f.Close()
	info, h := f.Stat(), w.Header()
	h.Set("Content-Type", "application/octet-stream") // never what a browser would execute
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(path.Base(ref.Path)))
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.SizeBytes, info.Modified.UnixNano()))
	h.Set("Trailer", sumHeader)
	paced := &paced{f: f, control: http.NewResponseController(w)}
	http.ServeContent(w, r, "", info.Modified, paced)
	if paced.err != nil {
		callOf(r.Context()).failed = paced.err
		s.logFile(r, by, paced.err)
		panic(http.ErrAbortHandler) // or the client would take what it has for the whole
	}
	if r.Method == http.MethodGet && paced.n == info.SizeBytes {
		if _, err := io.CopyN(io.Discard, f, 1); err == io.EOF { // the sum comes behind the last byte
			h.Set(sumHeader, f.SHA256())
		}
	}
}

// paced gives a client time for each part of a download, and keeps why the file could not be read.
type paced struct {
	f       Download
	control *http.ResponseController
	n       int64
	err     error
}

func (p *paced) Read(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(fileTime)) // a connection that knows no deadlines has none
	n, err := p.f.Read(b)
	p.n += int64(n)
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}

func (p *paced) Seek(offset int64, whence int) (int64, error) { return p.f.Seek(offset, whence) }

// upload makes a file of the content of a request.
func (s *service) upload(w http.ResponseWriter, r *http.Request) {
	by, ref, err := s.fileOf(r)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	offset, err := offsetOf(r)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	ctx, cancel := s.streaming(r)
	defer cancel()
	f, got, err := s.Files.Upload(ctx, by, ref, offset, r.URL.Query().Get("overwrite") == "1", sumOf(r), body(w, r))
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	w.Header().Set(sumHeader, got)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "%d bytes\n", f.SizeBytes)
}

// offsetOf returns where the content of an upload begins.
func offsetOf(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("offset")
	if text == "" {
		return 0, nil
	}
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 {
		return 0, dc.Errorf(dc.Invalid, "%q is no offset", text).Fix("give the number of bytes that are there")
	}
	return offset, nil
}

// sumOf returns the function that finds the checksum of an upload, when its content was read.
func sumOf(r *http.Request) func() string {
	return func() string { return cmp.Or(r.Trailer.Get(sumHeader), r.Header.Get(sumHeader)) }
}

func body(w http.ResponseWriter, r *http.Request) io.Reader {
	return &pacedBody{r: r.Body, control: http.NewResponseController(w)}
}

// pacedBody gives a client time for each part of an upload.
type pacedBody struct {
	r       io.Reader
	control *http.ResponseController
}

func (p *pacedBody) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(fileTime))
	return p.r.Read(b)
}

// streaming returns the context of a request that lasts long: it ends with the server and with the caller's login, too.
func (s *service) streaming(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(s.ended, func() { cancel(nil) })
	go s.guard(ctx, caller(ctx), cancel)
	return ctx, func() { stop(); cancel(nil) }
}

// refuseFile answers a request for a file that failed, as a Connect call would fail, so that clients need one way to read it.
func (s *service) refuseFile(w http.ResponseWriter, r *http.Request, by dc.Caller, err error) {
	s.logFile(r, by, err)
	call := callOf(r.Context())
	call.failed = err
	f := s.shown(call, err)
	h := w.Header()
	for _, name := range []string{"ETag", "Content-Disposition", "Trailer"} {
		h.Del(name)
	}
	h.Set(requestHeader, call.id)
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status(f.Kind))
	_, _ = w.Write(convert.FailureJSON(f))
}

func (s *service) logFile(r *http.Request, by dc.Caller, err error) {
	s.log.InfoContext(r.Context(), "file failed", "method", r.Method, "path", r.URL.Path, "user", by.Name, "error", err)
}

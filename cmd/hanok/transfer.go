package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/internal/durable"
)

// sumHeader has the SHA-256 of a whole file in hexadecimal, as a trailer.
const sumHeader = "Hanok-Sha256"

// transferTries is how often an upload or download goes on after its connection broke, without a byte more in between.
const transferTries = 5

// retryTransfer calls try until it is done: again after failures that another try may mend, as long as progress is made.
func retryTransfer(ctx context.Context, progress func() int64, try func() error) error {
	for left, before := transferTries, progress(); ; left-- {
		err := try()
		if now := progress(); now > before {
			left, before = transferTries, now
		}
		if kind := dc.KindOf(err); err == nil || kind != dc.Unavailable || left <= 1 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// exchange makes one request for a file. Its error is the server's, or Unavailable where there was no answer.
func (c *client) exchange(req *http.Request) (*http.Response, error) {
	bearer{c}.set(req.Header)
	res, err := c.http.Do(req)
	if err != nil {
		if req.Context().Err() != nil {
			return nil, req.Context().Err()
		}
		var own sourceError
		if errors.As(err, &own) {
			return nil, own.error
		}
		if explained := c.explain(err); dc.KindOf(explained) != dc.Internal {
			return nil, explained
		}
		return nil, &dc.Error{Kind: dc.Unavailable, Object: "server " + c.server, Message: "the connection broke: " + err.Error(), Remedy: "try again", Err: err}
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if res.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return nil, &dc.Error{Kind: dc.Conflict, Message: "the file has changed meanwhile", Remedy: "try again"}
	}
	return nil, convert.FromFailureJSON(text)
}

// sourceError is an error of the file that is sent.
type sourceError struct{ error }

func (c *client) fileURL(f fileRef) string {
	elements := strings.Split(f.Path, "/")
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return c.server + "/files/" + url.PathEscape(f.Datastore) + "/" + strings.Join(elements, "/")
}

// uploadFile uploads a local file, and goes on with what an earlier upload has left.
func (a *app) uploadFile(ctx context.Context, c *client, local string, f fileRef, force bool) error {
	query := url.Values{}
	if force {
		query.Set("overwrite", "1")
	}
	if local == "-" {
		_, err := a.put(ctx, c, c.fileURL(f), query, a.stdin, sha256.New(), 0, -1)
		return err
	}
	_, err := a.putFile(ctx, c, local, c.fileURL(f), query, func() (int64, string, error) {
		res, err := c.datastores.GetUpload(ctx, &hanokv1.GetUploadRequest{Datastore: f.Datastore, Path: f.Path})
		return res.GetOffset(), res.GetSha256(), err
	})
	return err
}

// putFile uploads a local file to the URL, and returns the answer. there says how much the server has already, and its checksum.
func (a *app) putFile(ctx context.Context, c *client, local, to string, query url.Values, there func() (int64, string, error)) (answer []byte, err error) {
	file, err := os.Open(local)
	if err != nil {
		return nil, backupError(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, backupError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, &dc.Error{Kind: dc.Invalid, Object: local, Message: "it is no file", Remedy: "name a file"}
	}
	var offset int64
	err = retryTransfer(ctx, func() int64 { return offset }, func() error {
		n, have, err := there()
		if err != nil {
			return c.explain(err)
		}
		sum := sha256.New()
		if _, err := io.CopyN(sum, io.NewSectionReader(file, 0, info.Size()), n); err != nil || hex.EncodeToString(sum.Sum(nil)) != have {
			n, sum = 0, sha256.New() // it is of another file
		}
		offset = n
		query.Set("offset", fmt.Sprint(n))
		answer, err = a.put(ctx, c, to, query, io.NewSectionReader(file, n, info.Size()-n), sum, n, info.Size())
		return err
	})
	return answer, err
}

// put sends content and returns the answer. The server has the first done bytes already, and sum has seen them.
func (a *app) put(ctx context.Context, c *client, to string, query url.Values, content io.Reader, sum hash.Hash, done, total int64) ([]byte, error) {
	bar := &transferBar{app: a, done: done, total: total}
	defer bar.end()
	body := &sending{r: content, sum: sum, bar: bar}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to+"?"+query.Encode(), body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = -1 // a trailer follows
	req.Trailer = http.Header{sumHeader: nil}
	body.ended = func() { req.Trailer.Set(sumHeader, hex.EncodeToString(sum.Sum(nil))) }
	res, err := c.exchange(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, 1<<20))
}

// sending is a file on its way to the server.
type sending struct {
	r     io.Reader
	sum   hash.Hash
	bar   *transferBar
	ended func()
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum.Write(p[:n])
	s.bar.add(n)
	switch {
	case err == io.EOF:
		s.ended()
	case err != nil:
		err = sourceError{err}
	}
	return n, err
}

func (*sending) Close() error { return nil }

// downloadFile downloads a file. What came before an interruption stays in a file beside, whose name says of which file it is.
func (a *app) downloadFile(ctx context.Context, c *client, f fileRef, local string) error {
	if local == "-" {
		return a.get(ctx, c, f, a.stdout, sha256.New(), "", 0)
	}
	if info, err := os.Stat(local); err == nil && !info.Mode().IsRegular() {
		return &dc.Error{Kind: dc.Invalid, Object: local, Message: "it is there, and no file", Remedy: "name a file"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.fileURL(f), nil)
	if err != nil {
		return err
	}
	res, err := c.exchange(req)
	if err != nil {
		return c.headError(ctx, f, err)
	}
	res.Body.Close()
	etag := res.Header.Get("ETag")
	part := local + "." + strings.Trim(etag, `"`) + ".part"
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return backupError(err)
	}
	defer file.Close()
	there := func() int64 {
		n, _ := file.Seek(0, io.SeekEnd)
		return n
	}
	err = retryTransfer(ctx, there, func() error {
		sum, n := sha256.New(), there()
		if _, err := io.Copy(sum, io.NewSectionReader(file, 0, n)); err != nil {
			return err
		}
		if n > 0 && n == res.ContentLength {
			return nil
		}
		return a.get(ctx, c, f, file, sum, etag, n)
	})
	if kind := dc.KindOf(err); kind == dc.Conflict || kind == dc.Invalid {
		return errors.Join(err, os.Remove(part)) // it is of no use
	}
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return backupError(err)
	}
	if err := os.Rename(part, local); err != nil {
		return backupError(err)
	}
	return durable.SyncDir(filepath.Dir(local))
}

// headError finds out why a HEAD failed, of which the answer has no text.
func (c *client) headError(ctx context.Context, f fileRef, err error) error {
	req, wrong := http.NewRequestWithContext(ctx, http.MethodGet, c.fileURL(f), nil)
	if wrong != nil {
		return err
	}
	res, said := c.exchange(req)
	if said == nil {
		res.Body.Close()
		return err
	}
	return said
}

// get reads the file from the offset on, as long as it is the one with the tag.
func (a *app) get(ctx context.Context, c *client, f fileRef, w io.Writer, sum hash.Hash, etag string, offset int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.fileURL(f), nil)
	if err != nil {
		return err
	}
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	res, err := c.exchange(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	bar := &transferBar{app: a, done: offset, total: offset + res.ContentLength}
	defer bar.end()
	received := io.TeeReader(res.Body, io.MultiWriter(sum, bar))
	if _, err := io.Copy(w, received); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var disk *os.PathError
		if errors.As(err, &disk) {
			return backupError(err)
		}
		return &dc.Error{Kind: dc.Unavailable, Object: "server " + c.server, Message: "the download was broken off", Remedy: "try again: it goes on where it was", Err: err}
	}
	if want := res.Trailer.Get(sumHeader); want != "" && want != hex.EncodeToString(sum.Sum(nil)) {
		return &dc.Error{Kind: dc.Invalid, Message: "what came is damaged: it has another checksum than the file", Remedy: "try again"}
	}
	return nil
}

// transferBar shows on a terminal how much of a file was carried.
type transferBar struct {
	*app
	done, total int64
	started     time.Time
	begun       int64
	shown       time.Time
	width       int
}

func (b *transferBar) Write(p []byte) (int, error) {
	b.add(len(p))
	return len(p), nil
}

func (b *transferBar) add(n int) {
	now := time.Now()
	if b.started.IsZero() {
		b.started, b.begun = now, b.done
	}
	b.done += int64(n)
	if !b.progress || now.Sub(b.shown) < time.Second/10 {
		return
	}
	b.shown = now
	line := bytesText(b.done)
	if b.total > 0 {
		line = fmt.Sprintf("%s %3d %%  %s of %s", bar(b.done, b.total), 100*b.done/b.total, line, bytesText(b.total))
	}
	if s := now.Sub(b.started).Seconds(); s > 1 {
		line += fmt.Sprintf("  %s/s", bytesText(int64(float64(b.done-b.begun)/s)))
	}
	fmt.Fprintf(b.stderr, "\r%s%s", line, strings.Repeat(" ", max(0, b.width-len(line))))
	b.width = len(line)
}

// bar draws how much of total is done.
func bar(done, total int64) string {
	const width = 30
	full := int(width * min(done, total) / max(total, 1))
	return "[" + strings.Repeat("#", full) + strings.Repeat(" ", width-full) + "]"
}

func (b *transferBar) end() {
	if b.width > 0 {
		fmt.Fprintln(b.stderr)
	}
}

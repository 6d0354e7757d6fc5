package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"time"

	"hanok/dc"
)

// stall is how long an image's bytes may fail to come.
const stall = time.Minute

// fetch is the ImageFetcher of this host: it reads the image from the manager. Kinds: NotFound where the manager has no
// such image, Unavailable where it can't be asked, or stops answering.
func (a *Agent) fetch(ctx context.Context, digest string) (io.ReadCloser, error) {
	if vm, key, ok := dc.ParseContent(digest); ok {
		return a.fetchDisk(ctx, vm, key)
	}
	session := a.session.Load()
	if session == nil {
		return nil, dc.Errorf(dc.Unavailable, "this host has not joined a data center").On("image " + digest)
	}
	return fetchImage(ctx, session.data, a.cfg.Manager, digest)
}

func fetchImage(ctx context.Context, client *http.Client, manager, digest string) (io.ReadCloser, error) {
	fail := func(kind dc.ErrorKind, format string, args ...any) error {
		return dc.Errorf(kind, format, args...).On("image " + digest)
	}
	ctx, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, manager+"/agent/images/"+url.PathEscape(digest), nil)
	if err != nil {
		cancel()
		return nil, fail(dc.Invalid, "%w", err)
	}
	response, err := client.Do(request)
	if err == nil && response.StatusCode == http.StatusOK {
		return &imageReader{body: response.Body, hash: sha256.New(), digest: digest, cancel: cancel,
			watchdog: time.AfterFunc(stall, cancel)}, nil
	}
	cancel()
	if err != nil {
		return nil, fail(dc.Unavailable, "the manager can't be asked for it: %w", err)
	}
	response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, fail(dc.NotFound, "the manager does not have it")
	}
	return nil, fail(dc.Unavailable, "the manager answered %q", response.Status)
}

// imageReader is the content of an image. Instead of the end it returns an error when the content was another one.
type imageReader struct {
	body     io.ReadCloser
	hash     hash.Hash
	digest   string
	cancel   func()
	watchdog *time.Timer
}

func (r *imageReader) Read(p []byte) (int, error) {
	r.watchdog.Reset(stall)
	n, err := r.body.Read(p)
	r.hash.Write(p[:n])
	switch {
	case err == io.EOF:
		if got := "sha256:" + hex.EncodeToString(r.hash.Sum(nil)); got != r.digest {
			return n, &dc.Error{Kind: dc.Invalid, Object: "image " + r.digest, Message: "its content is damaged: it is " + got,
				Remedy: "put the image into the manager's folder again"}
		}
	case err != nil:
		err = dc.Errorf(dc.Unavailable, "reading it from the manager: %w", err).On("image " + r.digest)
	}
	return n, err
}

func (r *imageReader) Close() error {
	r.watchdog.Stop()
	r.cancel()
	if err := r.body.Close(); err != nil {
		return fmt.Errorf("image %s: %w", r.digest, err)
	}
	return nil
}

// Package upload takes files that users send to the manager's own disk: so many at once, in pieces where a connection breaks, and with
// the errors that users are to read. What a file is, and who may send it, is not known here: packages image and vapp ask first, and look
// at what has come. Files of datastores go to their hosts: package file, which shares Spec and Sender.
package upload

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/partial"
)

// most is how many uploads a Dock takes at once.
const most = 16

// Spec says how a file is uploaded.
type Spec struct {
	// Offset is where the content begins: 0, or what Measure says.
	Offset int64
	// SHA256 returns that of the whole file, in hexadecimal, or "" where the sender doesn't know it. It is called when all
	// content was read. It may be nil.
	SHA256 func() string
}

// Sum returns what the SHA-256 of the whole file is to be, or "".
func (s Spec) Sum() string {
	if s.SHA256 == nil {
		return ""
	}
	return s.SHA256()
}

// Sender returns the content that a user sends. Its errors are of kind Canceled, so that they are told apart from those of what it is
// written to.
func Sender(content io.Reader) io.Reader { return sender{content} }

type sender struct{ content io.Reader }

func (s sender) Read(p []byte) (int, error) {
	n, err := s.content.Read(p)
	if err != nil && err != io.EOF {
		err = dc.Errorf(dc.Canceled, "the upload was broken off: %w", err)
	}
	return n, err
}

// Dock takes uploads, a bounded number at once. It is safe for concurrent use.
type Dock struct{ places chan struct{} }

// NewDock returns a Dock with all its places free.
func NewDock() *Dock { return &Dock{make(chan struct{}, most)} }

// Measure says how much of an upload to the file of the name is there, in bytes, and its SHA-256 in hexadecimal. object is what users
// call it. Kinds: Conflict while it is uploaded by somebody else.
func Measure(ctx context.Context, dir *beneath.Dir, name, object string) (int64, string, error) {
	n, sum, err := partial.Measure(ctx, dir, name)
	return n, sum, Failure(object, err)
}

// Take writes what content has to the file of the name, and returns when all of it is on the disk. Nobody else can upload to the file
// before the caller closes what is returned. Of an upload that is broken off what came stays, of a damaged one nothing. object is what
// users call the file. Kinds: Unavailable while too many are under way, Conflict while somebody else uploads to the file, Invalid for an
// offset behind what is there and for damaged content, Canceled where the sender broke off, Exhausted when the disk is full.
func (d *Dock) Take(ctx context.Context, dir *beneath.Dir, name, object string, spec Spec, content io.Reader) (_ io.Closer, err error) {
	if spec.Offset < 0 {
		return nil, dc.Errorf(dc.Invalid, "an upload can't begin at byte %d", spec.Offset).On(object).Fix("ask how much is there, and go on at that")
	}
	select {
	case d.places <- struct{}{}:
	default:
		return nil, dc.Errorf(dc.Unavailable, "%d uploads are under way already", most).On(object).Fix("try again when one of them is done")
	}
	file, err := partial.Open(ctx, dir, name, spec.Offset)
	if err != nil {
		<-d.places
		return nil, Failure(object, err)
	}
	t := &taken{file, d}
	if err := t.receive(dir, spec, content); err != nil {
		t.Close()
		return nil, Failure(object, err)
	}
	return t, nil
}

// taken is a file that has come, or comes.
type taken struct {
	file *partial.File
	dock *Dock
}

func (t *taken) receive(dir *beneath.Dir, spec Spec, content io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{t.file}, struct{ io.Reader }{Sender(content)}, make([]byte, 256<<10))
	if err != nil {
		return err
	}
	if _, err := t.file.Finish(spec.Sum()); err != nil {
		return err
	}
	return dir.Sync()
}

// Close lets others upload to the file. It is called once.
func (t *taken) Close() error {
	<-t.dock.places
	return t.file.Close()
}

// Failure gives an error about a file on the manager's disk its kind; one that has a kind, or that of a context, stays as it is. object is
// what users call the file.
func Failure(object string, err error) error {
	var known *dc.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, partial.ErrBusy):
		return dc.Errorf(dc.Conflict, "it is being uploaded already").On(object).Fix("wait for the other upload to end")
	case errors.Is(err, partial.ErrGap):
		return dc.Errorf(dc.Invalid, "the upload can't go on there: %w", err).On(object).Fix("ask how much is there, and go on at that")
	case errors.Is(err, partial.ErrDamaged):
		return dc.Errorf(dc.Invalid, "what came is damaged: its checksum is not that of the file").On(object).Fix("upload it again")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return dc.Errorf(dc.Exhausted, "the manager's disk is full").On(object).Fix("free space on it, then try again")
	}
	return fmt.Errorf("%s: %w", object, err)
}

// Package vapp imports packages of virtual machines (OVA): it takes what users upload, believes nothing of it before all of it was
// read and compared with its manifest, says what machine is described and what of it can't be had, and unpacks the disks. Reading
// the format is package ovf's, disks are package diskimage's, the contents package image's, and the machine with its task is package
// compute's. Facades call Service.
//
// In the folder of images stand, beside the contents, what is uploaded (.NAME.ova) and what is unpacked (.TASK.N.disk).
package vapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/diskimage"
	"hanok/internal/ovf"
	"hanok/internal/partial"
	"hanok/manager/compute"
	"hanok/manager/image"
)

// Service is what users may do with packages. It is safe for concurrent use.
type Service struct {
	machines *compute.Service
	images   *image.Service
	// slots bounds how many packages are uploaded at once.
	slots chan struct{}
}

// New returns the service and registers its task with machines.
func New(machines *compute.Service, images *image.Service) *Service {
	s := &Service{machines: machines, images: images, slots: make(chan struct{}, 16)}
	machines.ImportFrom(s)
	return s
}

// Request says what becomes of a package, and how it is uploaded.
type Request struct {
	// Machine is where the machine is to be, its name, whether it gets power, and the annotation if not the package's. The hardware
	// is the package's.
	Machine compute.CreateRequest
	// Networks are the port groups for the package's networks, by name, and with "" for all that are not named.
	Networks map[string]dc.PortGroupID
	// Offset is where the content begins: 0, or what Uploaded says.
	Offset int64
	// SHA256 returns that of the whole uploaded file, in hexadecimal, or "" where the sender doesn't know it. It is called when
	// all content was read.
	SHA256 func() string
}

// part is the name of what is uploaded by a user for the machine of a name.
func part(by dc.Caller, name string) string {
	sum := sha256.Sum256([]byte(by.Name + "\x00" + name))
	return "." + hex.EncodeToString(sum[:16]) + ".ova"
}

// Uploaded says how much of the caller's upload for the machine is there, in bytes, and its SHA-256 in hexadecimal. The errors are
// those of Import that do not depend on the package, so that they are known before it is sent. Privileges: those of Import.
func (s *Service) Uploaded(ctx context.Context, by dc.Caller, req compute.CreateRequest) (int64, string, error) {
	if err := s.machines.CheckImport(ctx, by, req); err != nil {
		return 0, "", err
	}
	dir, err := s.images.Open()
	if err != nil {
		return 0, "", err
	}
	defer dir.Close()
	n, sum, err := partial.Measure(ctx, dir, part(by, req.Name))
	return n, sum, failure(req.Name, err)
}

// Import takes a package, an OVA, from content, checks all of it, and starts the task that makes the machine. The warnings say what
// of the described machine is other than it was, each a sentence. Of an upload that is broken off what came stays, and of a
// package that is refused for what it is nothing. Kinds: those of compute.Service.Import, Invalid for a package that is damaged, lies
// or has what can't be, Unsupported for a machine whose guest could not boot, Conflict while the same user uploads
// for the same name, Exhausted when the manager's disk is full. Privileges: those of compute.Service.Import.
func (s *Service) Import(ctx context.Context, by dc.Caller, req Request, content io.Reader) (submitted *dc.Task, warnings []string, err error) {
	name := req.Machine.Name
	if err := s.machines.CheckImport(ctx, by, req.Machine); err != nil {
		return nil, nil, err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return nil, nil, dc.Errorf(dc.Unavailable, "too many packages are uploaded at once").Fix("try again when one of them is done")
	}
	dir, err := s.images.Open()
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	file, err := partial.Open(ctx, dir, part(by, name), req.Offset) // which others can't before the task has it
	if err != nil {
		return nil, nil, failure(name, err)
	}
	defer file.Close()
	if err := receive(file, content); err != nil {
		return nil, nil, failure(name, err)
	}
	want := ""
	if req.SHA256 != nil {
		want = req.SHA256()
	}
	if _, err := file.Finish(want); err != nil {
		return nil, nil, failure(name, err)
	}
	if err := dir.Sync(); err != nil {
		return nil, nil, failure(name, err)
	}
	found, err := inspect(ctx, dir, part(by, name))
	if err != nil {
		if atFault(err) {
			err = errors.Join(failure(name, err), dir.Remove(part(by, name)))
		}
		return nil, nil, failure(name, err)
	}
	machine, warnings, err := machineOf(found.machine, req)
	if err != nil {
		return nil, nil, failure(name, err)
	}
	submitted, err = s.machines.Import(ctx, by, machine, found.pkg, found.bytes)
	return submitted, warnings, err
}

// receive keeps apart the errors of the sender and those of the disk.
func receive(w io.Writer, content io.Reader) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := content.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return dc.Errorf(dc.Canceled, "the upload was broken off: %w", err)
		}
	}
}

// atFault reports whether an error is about the package itself.
func atFault(err error) bool {
	var pkg *ovf.Error
	var disk *diskimage.Error
	return errors.As(err, &pkg) || errors.As(err, &disk)
}

// failure gives an error about the package for the machine of the name its kind.
func failure(name string, err error) error {
	var known *dc.Error
	object := dc.Describe(dc.KindVirtualMachine, name)
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case atFault(err):
		return dc.Errorf(dc.Invalid, "the package can't be imported: %s", err).On(object).Fix("correct that, or get the package anew, and import it again")
	case errors.Is(err, partial.ErrBusy):
		return dc.Errorf(dc.Conflict, "its package is being uploaded already").On(object).Fix("wait for the other upload to end")
	case errors.Is(err, partial.ErrGap):
		return dc.Errorf(dc.Invalid, "the upload can't go on there: %w", err).On(object).Fix("ask how much is there, and go on at that")
	case errors.Is(err, partial.ErrDamaged):
		return dc.Errorf(dc.Invalid, "what came is damaged: its checksum is not that of the file").On(object).Fix("upload it again")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return dc.Errorf(dc.Exhausted, "the manager's disk is full").On(object).Fix("free space on it, then try again")
	}
	return fmt.Errorf("package of %q: %w", name, err)
}

var _ compute.Packages = (*Service)(nil)

// open opens a file of the folder as one of an image.
func open(dir *beneath.Dir, name string) (diskimage.OSFile, error) {
	f, err := dir.Open(name, 0)
	if err != nil {
		return diskimage.OSFile{}, err
	}
	return diskimage.NewFile(f)
}

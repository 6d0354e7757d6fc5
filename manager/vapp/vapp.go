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
	"io"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/diskimage"
	"hanok/internal/ovf"
	"hanok/manager/compute"
	"hanok/manager/image"
	"hanok/manager/upload"
)

// Service is what users may do with packages. It is safe for concurrent use.
type Service struct {
	machines *compute.Service
	images   *image.Service
	dock     *upload.Dock
}

// New returns the service and registers its task with machines.
func New(machines *compute.Service, images *image.Service) *Service {
	s := &Service{machines: machines, images: images, dock: upload.NewDock()}
	machines.ImportFrom(s)
	return s
}

// Request says what becomes of a package, and how it is uploaded.
type Request struct {
	// Machine is where the machine is to be, its name, whether it gets power, and the annotation if not the package's. The hardware
	// is the package's.
	Machine compute.CreateRequest
	// Networks are the port groups for the package's networks, by name, and with "" for all that are not named. Those that are left
	// get the port group of their name.
	Networks map[string]dc.PortGroupID
	// Upload says how the package comes.
	Upload upload.Spec
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
	return upload.Measure(ctx, dir, part(by, req.Name), object(req.Name))
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
	dir, err := s.images.Open()
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	file, err := s.dock.Take(ctx, dir, part(by, name), object(name), req.Upload, content) // which others can't before the task has it
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	found, err := inspect(ctx, dir, part(by, name))
	if err != nil {
		if atFault(err) {
			err = errors.Join(failure(name, err), dir.Remove(part(by, name)))
		}
		return nil, nil, failure(name, err)
	}
	named, err := s.machines.PortGroups(ctx, by, req.Machine)
	if err != nil {
		return nil, nil, failure(name, err)
	}
	machine, disks, warnings, err := machineOf(found.machine, req, named)
	if err != nil {
		return nil, nil, failure(name, err)
	}
	found.pkg.order(disks)
	submitted, err = s.machines.Import(ctx, by, machine, found.pkg, found.bytes)
	return submitted, warnings, err
}

// atFault reports whether an error is about the package itself.
func atFault(err error) bool {
	var pkg *ovf.Error
	var disk *diskimage.Error
	return errors.As(err, &pkg) || errors.As(err, &disk)
}

// object is what users call the package for the machine of a name.
func object(name string) string { return "package of " + dc.Describe(dc.KindVirtualMachine, name) }

// failure gives an error about the package for the machine of the name its kind.
func failure(name string, err error) error {
	var known *dc.Error
	if atFault(err) && !errors.As(err, &known) {
		return dc.Errorf(dc.Invalid, "the package can't be imported: %s", err).On(dc.Describe(dc.KindVirtualMachine, name)).
			Fix("correct that, or get the package anew, and import it again")
	}
	return upload.Failure(object(name), err)
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

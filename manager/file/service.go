// Package file is what users do with the files on datastores: vSphere's FileManager and its datastore browser. It lists, reads,
// uploads and makes folders at once, and copies, moves and deletes in tasks. The bytes go over streams of the agents (package
// filestream); this package never has more of them in memory than a message.
//
// Files of a registered machine are the machine's: they are not changed here, and not read while they change. The inventory is
// asked here, the host asks what it knows itself, and the locks of the disks are the last word. Facades call Service; more than one
// dialect does (native and vSphere's /folder), so that nothing of a protocol is in it. The content of images is package image's.
package file

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"hanok/api/filestream"
	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
	"hanok/manager/task"
)

// Hosts is what this package asks of the connections to the hosts. Its methods are safe for concurrent use.
type Hosts interface {
	Connected(host dc.HostID) bool
	// OpenStream opens a stream of the kind on the host, with no machine for filestream.Kind; ctx is for the opening only.
	OpenStream(ctx context.Context, host dc.HostID, vm dc.VirtualMachineID, kind string) (net.Conn, error)
}

// Config is what the service works with. All fields are needed.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// Tasks gets this package's definitions.
	Tasks *task.Engine
	Hosts Hosts
	Log   *slog.Logger
}

// Service is what users may do with files. It is safe for concurrent use. Every method takes the caller and checks the
// privilege that it names, on the datastore, before anything else; the errors of that are of the kinds Unauthenticated,
// Denied and NotFound. Paths are relative to the datastore; those that can't be are Invalid. Unavailable means that the datastore's host is away.
type Service struct {
	store  *store.Store
	access *access.Service
	tasks  *task.Engine
	hosts  Hosts
	log    *slog.Logger
	// slots bounds how many files are carried at once.
	slots chan struct{}
}

// maxCarried is how many uploads and downloads there are at once.
const maxCarried = 64

// New returns the service and registers its task definitions with c.Tasks.
func New(c Config) *Service {
	s := &Service{store: c.Store, access: c.Access, tasks: c.Tasks, hosts: c.Hosts, log: c.Log, slots: make(chan struct{}, maxCarried)}
	c.Tasks.Register(s.definitions()...)
	return s
}

// Browse lists what is in a folder, "" for the datastore's own: at most dc.MaxListedFiles, and whether there were more.
// Privilege: PrivDatastoreBrowse.
func (s *Service) Browse(ctx context.Context, by dc.Caller, ref dc.FileRef, query dc.FileQuery) ([]dc.File, bool, error) {
	ds, err := s.authorized(by, dc.PrivDatastoreBrowse, ref)
	if err != nil {
		return nil, false, err
	}
	reply, err := s.do(ctx, ds, dc.FileRequest{Op: dc.FileList, FileRef: ref, Query: query}, nil)
	return reply.Files, reply.Truncated, err
}

// Stat returns what a file is. Kinds: NotFound. Privilege: PrivDatastoreBrowse.
func (s *Service) Stat(ctx context.Context, by dc.Caller, ref dc.FileRef) (dc.File, error) {
	ds, err := s.authorized(by, dc.PrivDatastoreBrowse, ref)
	if err != nil {
		return dc.File{}, err
	}
	reply, err := s.do(ctx, ds, dc.FileRequest{Op: dc.FileStat, FileRef: ref}, nil)
	if err != nil {
		return dc.File{}, err
	}
	return *reply.File, nil
}

// MakeFolder makes a folder; with parents also those above it that are missing, and one that is there is a success then.
// Kinds: Exists, NotFound without the folder above, WrongState in the folder of a machine. Privilege: PrivFileManagement.
func (s *Service) MakeFolder(ctx context.Context, by dc.Caller, ref dc.FileRef, parents bool) error {
	ds, err := s.authorizedChange(by, dc.PrivFileManagement, ref)
	if err != nil {
		return err
	}
	_, err = s.do(ctx, ds, dc.FileRequest{Op: dc.FileMakeFolder, FileRef: ref, Parents: parents}, nil)
	return err
}

// authorized returns the datastore of a file that the caller has the privilege for.
func (s *Service) authorized(by dc.Caller, p dc.Privilege, ref dc.FileRef) (*dc.Datastore, error) {
	if err := s.access.Authorize(by, p, dc.ID(ref.Datastore)); err != nil {
		return nil, err
	}
	if ref.Path != "" {
		if err := dc.CheckFilePath(ref.Path); err != nil {
			return nil, err
		}
	}
	return store.Get[*dc.Datastore](s.store.View(), dc.ID(ref.Datastore))
}

// authorizedChange is authorized for a file that is to be made or changed, which must not be a machine's.
func (s *Service) authorizedChange(by dc.Caller, p dc.Privilege, ref dc.FileRef) (*dc.Datastore, error) {
	ds, err := s.authorized(by, p, ref)
	if err == nil {
		err = dc.CheckFilePath(ref.Path)
	}
	if err == nil {
		err = checkUse(s.store.View(), true, ds, ref.Path)
	}
	if err != nil {
		return nil, err
	}
	if holder, ok := store.Claimed(s.store.View(), dc.TaskClaim(dc.ID(ref.Part()))); ok {
		return nil, &dc.Error{Kind: dc.Conflict, Object: s.describe(ref), Message: "a task is still working on it",
			Remedy: "wait for " + string(holder) + " or cancel it"}
	}
	return ds, nil
}

// checkUse refuses what would touch the files of a machine, by what the inventory says.
func checkUse(v *store.View, change bool, ds *dc.Datastore, path string) error {
	for vm := range store.List[*dc.VirtualMachine](v) {
		if vm.Spec.Datastore == "" {
			continue
		}
		at, err := store.Get[*dc.Datastore](v, dc.ID(vm.Spec.Datastore))
		if err != nil || at.Spec.Host != ds.Spec.Host || at.Spec.Path != ds.Spec.Path {
			continue
		}
		if err := dc.CheckFileUse(change, path, vm.Name, vm.Spec.Folder, vm.Spec.Hardware.Disks, vm.Status.Power); err != nil {
			return err
		}
	}
	return nil
}

// do asks the datastore's host for an operation without bulk data.
func (s *Service) do(ctx context.Context, ds *dc.Datastore, req dc.FileRequest, progress func(done, total int64)) (dc.FileReply, error) {
	call, err := s.call(ctx, ds, req)
	if err != nil {
		return dc.FileReply{}, err
	}
	defer call.Close()
	defer context.AfterFunc(ctx, func() { call.Close() })()
	reply, err := call.Reply(progress)
	if ctx.Err() != nil {
		return dc.FileReply{}, context.Cause(ctx)
	}
	if err == nil && req.Op == dc.FileStat && reply.File == nil {
		err = dc.Errorf(dc.Unavailable, "its host does not say what the file is")
	}
	return reply, on(err, ds)
}

// call begins an operation on the datastore's host.
func (s *Service) call(ctx context.Context, ds *dc.Datastore, req dc.FileRequest) (*filestream.Call, error) {
	conn, err := s.hosts.OpenStream(ctx, ds.Spec.Host, "", filestream.Kind)
	if err != nil {
		return nil, err
	}
	return filestream.Start(conn, req)
}

// on names the datastore that an error is about, where the error names nothing.
func on(err error, ds *dc.Datastore) error {
	if e, ok := err.(*dc.Error); ok {
		return e.On(cmp.Or(e.Object, dc.Describe(dc.KindDatastore, ds.Name)))
	}
	return err
}

// describe returns a file as a user knows it.
func (s *Service) describe(ref dc.FileRef) string {
	name := string(ref.Datastore)
	if ds, err := store.Get[*dc.Datastore](s.store.View(), dc.ID(ref.Datastore)); err == nil {
		name = ds.Name
	}
	return "file " + dc.FormatFileRef(name, ref.Path)
}

// carry takes one of the slots for bulk data, for a moment's patience.
func (s *Service) carry(ctx context.Context) (release func(), err error) {
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, dc.Errorf(dc.Unavailable, "%d files are uploaded and downloaded already", maxCarried).Fix("try again when one of them is done")
	}
}

package main

import (
	"context"
	"io"
	"iter"

	"hanok/dc"
	"hanok/facade/native"
	"hanok/manager/access"
	"hanok/manager/compute"
	"hanok/manager/dispatch"
	"hanok/manager/event"
	"hanok/manager/export"
	"hanok/manager/file"
	"hanok/manager/hostsystem"
	"hanok/manager/identity"
	"hanok/manager/image"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/upload"
	"hanok/manager/vapp"
)

// nativeParts are the manager's services that the native facade is joined to.
type nativeParts struct {
	store     *store.Store
	access    *access.Service
	identity  *identity.Service
	inventory native.Inventory
	hosts     native.Hosts
	pools     *resource.Service
	machines  *compute.Service
	bulk      native.Bulk
	guard     native.Guard
	schedules native.Schedules
	tasks     *task.Service
	events    *event.Service
	audit     native.Audit
	stats     native.Statistics
	alarms    native.Alarms
	tags      native.Tags
	fields    native.CustomFields
	usage     func(dc.DatastoreID) (dc.DatastoreUsage, bool)
	system    native.System
	backups   native.Backups
	files     *file.Service
	images    *image.Service
	packages  *vapp.Service
	exports   *export.Service
}

// nativeBackend returns the manager as the native facade sees it.
func nativeBackend(p nativeParts) native.Backend {
	return native.Backend{
		Access:     p.access,
		Identity:   nativeIdentity{p.identity},
		Inventory:  p.inventory,
		Hosts:      p.hosts,
		Pools:      nativePools{p.pools},
		Machines:   nativeMachines{p.machines},
		Bulk:       p.bulk,
		Guard:      p.guard,
		Schedules:  p.schedules,
		Tasks:      p.tasks,
		Events:     nativeEvents{p.events},
		Audit:      p.audit,
		Statistics: p.stats,
		Alarms:     p.alarms,
		Tags:       p.tags,
		Fields:     p.fields,
		State:      nativeState{p.store, p.usage},
		System:     p.system,
		Backups:    p.backups,
		Files:      nativeFiles{p.files},
		Images:     nativeImages{p.images},
		Packages:   nativePackages{p.packages},
		Exports:    nativeExports{p.exports},
	}
}

// nativeIdentity is the service of identity sources with the facade's own type of a login.
type nativeIdentity struct{ *identity.Service }

func (i nativeIdentity) Begin(ctx context.Context, source, redirect string) (native.SSO, error) {
	login, err := i.Service.Begin(ctx, source, redirect)
	if err != nil {
		return native.SSO{}, err
	}
	return native.SSO(*login), nil
}

// nativeHosts is all that is done with hosts.
type nativeHosts struct {
	*agents
	*hostsystem.Service
}

type agents = dispatch.Service

// nativePools is the resource service with the facade's own figures.
type nativePools struct{ *resource.Service }

func (p nativePools) Runtimes(by dc.Caller) (map[dc.ResourcePoolID]native.PoolRuntime, error) {
	all, err := p.Service.Runtimes(by)
	out := make(map[dc.ResourcePoolID]native.PoolRuntime, len(all))
	for id, r := range all {
		out[id] = native.PoolRuntime(r)
	}
	return out, err
}

// nativeMachines is the compute service with the facade's own request type.
type nativeMachines struct{ *compute.Service }

func (m nativeMachines) Create(ctx context.Context, by dc.Caller, req native.CreateRequest) (*dc.Task, error) {
	return m.Service.Create(ctx, by, createRequest(req))
}

// createRequest returns the compute service's request.
func createRequest(req native.CreateRequest) compute.CreateRequest {
	out := compute.CreateRequest{
		Name: req.Name, Folder: req.Folder, Pool: req.Pool, Host: req.Host, Datastore: req.Datastore,
		CPUs: req.CPUs, MemoryMB: req.MemoryMB, Firmware: req.Firmware, GuestID: req.GuestID, Annotation: req.Annotation,
		PowerOn: req.PowerOn, Version: req.Version, Change: req.Change,
	}
	for _, d := range req.Disks {
		out.Disks = append(out.Disks, compute.DiskRequest(d))
	}
	return out
}

func (m nativeMachines) Clone(ctx context.Context, by dc.Caller, req native.CloneRequest) (*dc.Task, error) {
	return m.Service.Clone(ctx, by, compute.CloneRequest(req))
}

func (m nativeMachines) Adopt(ctx context.Context, by dc.Caller, req native.AdoptRequest) (*dc.Task, error) {
	return m.Service.Adopt(ctx, by, compute.AdoptRequest(req))
}

func (m nativeMachines) Register(ctx context.Context, by dc.Caller, req native.RegisterRequest) (*dc.Task, []string, error) {
	return m.Service.Register(ctx, by, compute.RegisterRequest(req))
}

// nativeFiles is the file service with the facade's own types.
type nativeFiles struct{ *file.Service }

func (f nativeFiles) Open(ctx context.Context, by dc.Caller, ref dc.FileRef) (native.Download, error) {
	d, err := f.Service.Open(ctx, by, ref)
	if err != nil {
		return nil, err // not d, which would be a nil pointer in an interface
	}
	return d, nil
}

func (f nativeFiles) Upload(ctx context.Context, by dc.Caller, ref dc.FileRef, offset int64, overwrite bool, sha256 func() string,
	content io.Reader) (dc.File, string, error) {
	return f.Service.Upload(ctx, by, ref, file.UploadSpec{Spec: upload.Spec{Offset: offset, SHA256: sha256}, Overwrite: overwrite}, content)
}

// nativeImages is the image service with the facade's own arguments.
type nativeImages struct{ *image.Service }

func (i nativeImages) Import(ctx context.Context, by dc.Caller, name, guestID string, offset int64, sha256 func() string, content io.Reader) (*dc.Task, error) {
	return i.Service.Import(ctx, by, image.Request{Name: name, GuestID: guestID, Upload: upload.Spec{Offset: offset, SHA256: sha256}}, content)
}

// nativePackages is the service for packages with the facade's own arguments.
type nativePackages struct{ *vapp.Service }

func (p nativePackages) Uploaded(ctx context.Context, by dc.Caller, req native.CreateRequest) (int64, string, error) {
	return p.Service.Uploaded(ctx, by, createRequest(req))
}

func (p nativePackages) Import(ctx context.Context, by dc.Caller, req native.CreateRequest, networks map[string]dc.PortGroupID, offset int64,
	sha256 func() string, content io.Reader) (*dc.Task, []string, error) {
	return p.Service.Import(ctx, by, vapp.Request{Machine: createRequest(req), Networks: networks, Upload: upload.Spec{Offset: offset, SHA256: sha256}}, content)
}

// nativeExports is the service for exports with the facade's own types.
type nativeExports struct{ *export.Service }

func (e nativeExports) Begin(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (native.Export, error) {
	l, err := e.Service.Begin(ctx, by, id)
	if err != nil {
		return native.Export{}, err
	}
	out := native.Export{Lease: l.Task, Name: l.Name}
	for _, d := range l.Disks {
		out.Disks = append(out.Disks, native.ExportedDisk{Name: d.Name, CapacityBytes: d.CapacityBytes})
	}
	return out, nil
}

func (e nativeExports) Open(ctx context.Context, by dc.Caller, lease dc.TaskID, disk int, offset int64) (native.ExportedFile, error) {
	d, err := e.Service.Open(ctx, by, lease, disk, offset)
	if err != nil {
		return nil, err // not d, which would be a nil pointer in an interface
	}
	return d, nil
}

// nativeEvents is the event service with the facade's own arguments.
type nativeEvents struct{ *event.Service }

func (e nativeEvents) Newest(by dc.Caller, q native.EventQuery) ([]*dc.Event, error) {
	return e.List(by, event.Query{Target: q.Target, Types: q.Types, User: q.User, Since: q.Since, Until: q.Until, Limit: q.Limit})
}

// nativeState is the store as the facade reads it.
type nativeState struct {
	*store.Store
	usage func(dc.DatastoreID) (dc.DatastoreUsage, bool)
}

func (s nativeState) View() native.View { return nativeView{s.Store.View()} }

func (s nativeState) Usage(id dc.DatastoreID) (dc.DatastoreUsage, bool) { return s.usage(id) }

func (s nativeState) Changes(since int64) ([]native.Change, int64, bool) {
	changes, upto, ok := s.Store.Changes(since)
	out := make([]native.Change, len(changes))
	for i, c := range changes {
		out[i] = native.Change{Kind: c.Kind, ID: c.ID, Revision: c.Revision, Object: c.Object, Old: c.Old}
	}
	return out, upto, ok
}

// nativeView is a view whose objects are asked for by kind.
type nativeView struct{ *store.View }

func (v nativeView) Object(id dc.ID) dc.Object {
	if r, ok := readers[id.Kind()]; ok {
		return r.get(v.View, id)
	}
	return nil
}

func (v nativeView) Objects(kind dc.Kind) iter.Seq[dc.Object] { return readers[kind].list(v.View) }

// reader reads the objects of one kind.
type reader struct {
	get  func(*store.View, dc.ID) dc.Object // nil where there is none
	list func(*store.View) iter.Seq[dc.Object]
}

// readers are those of the kinds that clients may see.
var readers = map[dc.Kind]reader{
	dc.KindFolder:         readerOf[*dc.Folder](),
	dc.KindDatacenter:     readerOf[*dc.Datacenter](),
	dc.KindCluster:        readerOf[*dc.Cluster](),
	dc.KindHost:           readerOf[*dc.Host](),
	dc.KindResourcePool:   readerOf[*dc.ResourcePool](),
	dc.KindDatastore:      readerOf[*dc.Datastore](),
	dc.KindPortGroup:      readerOf[*dc.PortGroup](),
	dc.KindImage:          readerOf[*dc.Image](),
	dc.KindVirtualMachine: readerOf[*dc.VirtualMachine](),
	dc.KindTask:           readerOf[*dc.Task](),
	dc.KindEvent:          readerOf[*dc.Event](),
	dc.KindAlarm:          readerOf[*dc.Alarm](),
	dc.KindTagCategory:    readerOf[*dc.TagCategory](),
	dc.KindTag:            readerOf[*dc.Tag](),
	dc.KindCustomField:    readerOf[*dc.CustomField](),
}

func readerOf[T dc.Object]() reader {
	return reader{
		get: func(v *store.View, id dc.ID) dc.Object {
			if o, err := store.Get[T](v, id); err == nil {
				return o
			}
			return nil
		},
		list: func(v *store.View) iter.Seq[dc.Object] {
			return func(yield func(dc.Object) bool) {
				for o := range store.List[T](v) {
					if !yield(o) {
						return
					}
				}
			}
		},
	}
}

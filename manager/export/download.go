package export

import (
	"context"
	"io"
	"sync"

	"hanok/api/filestream"
	"hanok/dc"
)

// Download is a disk of a package that is being read, by one goroutine.
type Download struct {
	lease   *Lease
	disk    int
	call    *filestream.Call
	release func()
	stop    []func() bool
}

// Open begins to read a disk of a lease, by its place among the lease's disks, from the offset on; ctx is for as long as it is read. Kinds:
// NotFound for no such disk, Unsupported where the host's program is too old, Unavailable where its host is away, and those of a lease that has ended. Privilege:
// PrivVAppExport.
func (s *Service) Open(ctx context.Context, by dc.Caller, id dc.TaskID, disk int, offset int64) (*Download, error) {
	l, err := s.of(by, id)
	if err != nil {
		return nil, err
	}
	if disk < 0 || disk >= len(l.Disks) || offset < 0 {
		return nil, dc.Errorf(dc.NotFound, "the package has no disk %d", disk).On(dc.Describe(dc.KindVirtualMachine, l.machine.Name))
	}
	release, err := l.hold()
	if err != nil {
		return nil, err
	}
	d := &Download{lease: l, disk: disk, release: release}
	if err := d.open(ctx, s.hosts, offset); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Download) open(ctx context.Context, hosts Hosts, offset int64) error {
	vm := d.lease.machine
	conn, err := hosts.OpenStream(ctx, vm.Spec.Host, "", filestream.Kind)
	if err != nil {
		return err
	}
	closing := sync.OnceFunc(func() { conn.Close() })
	d.stop = append(d.stop, context.AfterFunc(ctx, closing), context.AfterFunc(d.lease.ctx, closing))
	d.call, err = filestream.Start(conn, dc.FileRequest{Op: dc.FileExportDisk, Machine: vm.ID, Disk: d.lease.Disks[d.disk].Key,
		Extent: d.lease.Disks[d.disk].Name, Offset: offset})
	if err == nil {
		_, err = d.call.Reply(nil)
	}
	return err
}

// Read reads the next bytes. Its io.EOF means that the disk was sent as a whole.
func (d *Download) Read(p []byte) (int, error) {
	n, err := d.call.Read(p)
	d.lease.count(n)
	switch {
	case err == io.EOF:
		d.lease.mu.Lock()
		d.lease.done[d.disk] = true
		d.lease.mu.Unlock()
	case err != nil && d.lease.ctx.Err() != nil:
		err = ended(context.Cause(d.lease.ctx))
	}
	return n, err
}

// SHA256 returns that of the whole disk as it is in the package, as 64 hexadecimal digits, when Read has returned io.EOF.
func (d *Download) SHA256() string { return d.call.SHA256() }

// Close ends the reading.
func (d *Download) Close() error {
	for _, stop := range d.stop {
		stop()
	}
	if d.call != nil {
		d.call.Close()
	}
	d.release()
	return nil
}

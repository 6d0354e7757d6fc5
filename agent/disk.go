package agent

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"hanok/api/convert"
	"hanok/api/filestream"
	"hanok/dc"
	"hanok/internal/diskimage"
	"hanok/internal/sparse"
)

// fetchDisk opens a disk of another machine, which the manager sees to have no power: on this host by its storage, and else on the
// machine's own host, by way of the manager. Kinds: NotFound, Unavailable where it can't be read now, Unsupported where the other
// host's program is too old.
func (a *Agent) fetchDisk(ctx context.Context, vm dc.VirtualMachineID, key int32) (io.ReadCloser, error) {
	if m := a.machine(vm); m != nil {
		return a.cfg.Storage.OpenDisk(ctx, m.assigned(), key)
	}
	session := a.session.Load()
	if session == nil {
		return nil, dc.Errorf(dc.Unavailable, "this host has not joined a data center").On(dc.Describe(dc.KindVirtualMachine, string(vm)))
	}
	return fetchRemoteDisk(ctx, session.data, a.cfg.Manager, vm, key)
}

// maxFailure is how long the manager's answer to a request may be that it refuses.
const maxFailure = 64 << 10

func fetchRemoteDisk(ctx context.Context, client *http.Client, manager string, vm dc.VirtualMachineID, key int32) (io.ReadCloser, error) {
	broken := func(err error) error {
		return dc.Errorf(dc.Unavailable, "its disk %d can't be read from the manager: %w", key, err).On(dc.Describe(dc.KindVirtualMachine, string(vm)))
	}
	ctx, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/agent/disks/%s/%d", manager, url.PathEscape(string(vm)), key), nil)
	if err != nil {
		cancel()
		return nil, broken(err)
	}
	response, err := client.Do(request)
	if err != nil {
		cancel()
		return nil, broken(err)
	}
	if response.StatusCode != http.StatusOK {
		defer cancel()
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxFailure))
		return nil, convert.FromFailureJSON(text)
	}
	r, err := sparse.Receive(&diskBody{body: response.Body, cancel: cancel, watchdog: time.AfterFunc(stall, cancel)})
	if err != nil {
		cancel()
		response.Body.Close()
		return nil, broken(err)
	}
	return r, nil
}

// diskBody is the body of a response that ends when nothing comes any more.
type diskBody struct {
	body     io.ReadCloser
	cancel   func()
	watchdog *time.Timer
}

func (w *diskBody) Read(p []byte) (int, error) {
	w.watchdog.Reset(stall)
	return w.body.Read(p)
}

func (w *diskBody) Close() error {
	w.watchdog.Stop()
	w.cancel()
	return w.body.Close()
}

// sendDisk sends a disk of one of this host's machines, without its holes or as a file of a package.
func (a *Agent) sendDisk(ctx context.Context, s *filestream.Serving, req dc.FileRequest) error {
	m := a.machine(req.Machine)
	if m == nil {
		return dc.Errorf(dc.NotFound, "this host does not have it").On(dc.Describe(dc.KindVirtualMachine, string(req.Machine)))
	}
	spec := m.assigned()
	content, err := a.cfg.Storage.OpenDisk(ctx, spec, req.Disk)
	if err != nil {
		return a.datastores.explain(spec.Datastore, err)
	}
	defer content.Close()
	source, ok := content.(sparse.Source)
	if !ok {
		return dc.Errorf(dc.Internal, "the disk is a %T", content)
	}
	if err := s.Reply(dc.FileReply{}); err != nil {
		return err
	}
	if req.Op == dc.FileReadDisk {
		if err := sparse.Send(ctx, s, source); err != nil {
			return err
		}
		return s.Reply(dc.FileReply{})
	}
	at := slices.IndexFunc(spec.Disks, func(d dc.Disk) bool { return d.Key == req.Disk })
	if at < 0 {
		return dc.Errorf(dc.NotFound, "it has no disk %d", req.Disk).On(dc.Describe(dc.KindVirtualMachine, spec.Name))
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(&tail{w: s, skip: req.Offset}, filestream.DataMax)
	if err := diskimage.WriteOptimized(ctx, io.MultiWriter(sum, out), source, spec.Disks[at].CapacityBytes, req.Extent, spec.Version); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return s.Reply(dc.FileReply{SHA256: hex.EncodeToString(sum.Sum(nil))})
}

// tail writes what comes behind the first bytes, which somebody has already.
type tail struct {
	w    io.Writer
	skip int64
}

func (t *tail) Write(p []byte) (int, error) {
	skipped := int(min(t.skip, int64(len(p))))
	t.skip -= int64(skipped)
	n, err := t.w.Write(p[skipped:])
	return skipped + n, err
}

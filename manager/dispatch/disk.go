package dispatch

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"hanok/api/convert"
	"hanok/api/filestream"
	"hanok/dc"
	"hanok/manager/store"
)

// serveDisk answers a host with a disk of another host's machine, which one of its own machines starts as: package sparse's stream, as
// the other host sends it. A refusal is a failure as JSON.
func (s *Service) serveDisk(w http.ResponseWriter, r *http.Request) {
	host, err := s.hostOf(r.Context())
	if err != nil {
		http.Error(w, err.Error(), status(err))
		return
	}
	call, err := s.openDisk(r, host.ID)
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(convert.FailureJSON(dc.FailureOf(err)))
		return
	}
	defer call.Close()
	defer context.AfterFunc(r.Context(), func() { call.Close() })()
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, err := io.Copy(w, call); err != nil {
		s.cfg.Log.Warn("a disk was sent to a host in part only", "host", host.ID, "machine", r.PathValue("machine"), "error", err)
		panic(http.ErrAbortHandler) // the only way to break a response off
	}
}

// openDisk begins to read the disk that the request names, if the host needs it.
func (s *Service) openDisk(r *http.Request, host dc.HostID) (*filestream.Call, error) {
	key, err := strconv.ParseInt(r.PathValue("key"), 10, 32)
	content := dc.ContentOf(dc.VirtualMachineID(r.PathValue("machine")), int32(key))
	v := s.cfg.Store.View()
	if err != nil || !needed(v, host, content) {
		return nil, dc.Errorf(dc.NotFound, "no machine of this host is made of it").On("disk " + content)
	}
	source, err := store.Get[*dc.VirtualMachine](v, dc.ID(r.PathValue("machine")))
	if err != nil {
		return nil, err
	}
	conn, err := s.OpenStream(r.Context(), source.Spec.Host, "", StreamFiles)
	if err != nil {
		return nil, err
	}
	call, err := filestream.Start(conn, dc.FileRequest{Op: dc.FileReadDisk, Machine: source.ID, Disk: int32(key)})
	if err != nil {
		return nil, err
	}
	if _, err := call.Reply(nil); err != nil {
		call.Close()
		return nil, err
	}
	return call, nil
}

// needed reports whether a machine of the host is made of the content now.
func needed(v *store.View, host dc.HostID, content string) bool {
	for vm := range store.OnHost(v, host) {
		if vm.Spec.Deleted || vm.Status.Files == dc.FilesReady {
			continue
		}
		if vm.Spec.Variables == content {
			return true
		}
		for _, d := range vm.Spec.Hardware.Disks {
			if d.Image == content {
				return true
			}
		}
	}
	return false
}

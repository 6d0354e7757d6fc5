package native

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ExportVirtualMachine(ctx context.Context, req *hanokv1.ExportVirtualMachineRequest) (*hanokv1.ExportVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	x, err := s.Exports.Begin(ctx, caller(ctx), id)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ExportVirtualMachineResponse{Task: s.task(caller(ctx), x.Lease), Name: x.Name}
	for _, d := range x.Disks {
		out.Disks = append(out.Disks, &hanokv1.ExportedDisk{Name: d.Name, CapacityBytes: d.CapacityBytes})
	}
	return out, nil
}

func (s *service) GetExportDescriptor(ctx context.Context, req *hanokv1.GetExportDescriptorRequest) (*hanokv1.GetExportDescriptorResponse, error) {
	text, err := s.Exports.Descriptor(caller(ctx), dc.TaskID(req.Task), req.Sizes)
	return &hanokv1.GetExportDescriptorResponse{Text: text}, err
}

func (s *service) EndExport(ctx context.Context, req *hanokv1.EndExportRequest) (*hanokv1.EndExportResponse, error) {
	return &hanokv1.EndExportResponse{}, s.Exports.End(ctx, caller(ctx), dc.TaskID(req.Task), req.Complete)
}

// exportDisk answers with a disk of a package.
func (s *service) exportDisk(w http.ResponseWriter, r *http.Request) {
	by := caller(r.Context())
	offset, err := offsetOf(r)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	disk, err := strconv.Atoi(r.PathValue("disk"))
	if err != nil {
		s.refuseFile(w, r, by, dc.Errorf(dc.Invalid, "%q is no number of a disk", r.PathValue("disk")).Fix("give one from 0 on"))
		return
	}
	ctx, cancel := s.streaming(r)
	defer cancel()
	f, err := s.Exports.Open(ctx, by, dc.TaskID(r.PathValue("task")), disk, offset)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Trailer", sumHeader)
	if _, err := io.Copy(w, &pacedExport{f, http.NewResponseController(w)}); err != nil {
		callOf(r.Context()).failed = err
		s.logFile(r, by, err)
		panic(http.ErrAbortHandler) // or the client would take what it has for the whole
	}
	h.Set(sumHeader, f.SHA256())
}

// pacedExport gives a client time for each part.
type pacedExport struct {
	f       io.Reader
	control *http.ResponseController
}

func (p *pacedExport) Read(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(fileTime))
	return p.f.Read(b)
}

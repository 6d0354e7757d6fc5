package native

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/encoding/protojson"

	"hanok/api/hanok/v1"
)

func (s *service) GetImageUpload(ctx context.Context, req *hanokv1.GetImageUploadRequest) (*hanokv1.GetImageUploadResponse, error) {
	offset, sum, err := s.Images.Uploaded(ctx, caller(ctx), req.Name)
	return &hanokv1.GetImageUploadResponse{Offset: offset, Sha256: sum}, err
}

// importImage makes an image of the content of a request, and answers with the task.
func (s *service) importImage(w http.ResponseWriter, r *http.Request) {
	by := caller(r.Context())
	offset, err := offsetOf(r)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	ctx, cancel := s.streaming(r)
	defer cancel()
	t, err := s.Images.Import(ctx, by, r.PathValue("name"), r.URL.Query().Get("guest-id"), offset, sumOf(r), body(w, r))
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	answer, err := protojson.Marshal(s.task(by, t))
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(answer)
}

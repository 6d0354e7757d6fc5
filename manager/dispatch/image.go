package dispatch

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var digests = regexp.MustCompile(`^sha256:([0-9a-f]{64})$`)

// serveImage answers a host with the content of an image.
func (s *Service) serveImage(w http.ResponseWriter, r *http.Request) {
	if _, err := s.hostOf(r.Context()); err != nil {
		http.Error(w, err.Error(), status(err))
		return
	}
	parts := digests.FindStringSubmatch(r.PathValue("digest"))
	if parts == nil {
		http.Error(w, "not the digest of an image", http.StatusBadRequest)
		return
	}
	f, err := os.Open(filepath.Join(s.cfg.Images, parts[1]))
	if err != nil {
		if !os.IsNotExist(err) {
			s.cfg.Log.Error("an image can't be read", "error", err)
			http.Error(w, "the image can't be read", http.StatusInternalServerError)
			return
		}
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, f)
}

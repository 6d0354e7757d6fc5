package dispatch

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"time"

	"hanok/dc"
	"hanok/internal/beneath"
)

var digests = regexp.MustCompile(`^sha256:([0-9a-f]{64})$`)

// serveImage answers a host with the content of an image.
func (s *Service) serveImage(w http.ResponseWriter, r *http.Request) {
	if _, err := s.hostOf(r.Context()); err != nil {
		http.Error(w, err.Error(), status(err))
		return
	}
	parts := digests.FindStringSubmatch(r.PathValue("digest"))
	if _, _, ok := dc.ParseContent(r.PathValue("digest")); ok {
		http.NotFound(w, r) // a host of the version before asks so for another machine's disk, and gives up
		return
	}
	if parts == nil {
		http.Error(w, "not the digest of an image", http.StatusBadRequest)
		return
	}
	f, err := openImage(s.cfg.Images, parts[1])
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
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

func openImage(folder, name string) (*os.File, error) {
	dir, err := beneath.Open(folder)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Open(name, os.O_RDONLY)
}

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"hanok/internal/durable"
)

// reserve is room on the host's own disk that is set aside while there is some: files of zeros. On a full disk it still
// takes what the host must write down to power machines off and to delete them, which is how somebody makes room there. A
// file system that writes a file's blocks anew instead of over the old ones may refuse even that.
type reserve struct {
	dir string

	mu sync.Mutex
	// spent is set when files of the reserve may be missing.
	spent bool
}

const (
	reserveFolder = "reserve"
	reserveFiles  = 16
	reserveBytes  = 16 << 10
)

func (r *reserve) file(i int) string { return filepath.Join(r.dir, fmt.Sprintf("%02d", i)) }

// refill makes the files that are missing, as far as there is room for them. What a loss of power leaves of them is as
// good as missing, so nobody waits for the disk.
func (r *reserve) refill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.spent {
		return
	}
	for i := range reserveFiles {
		if info, err := os.Stat(r.file(i)); err == nil && info.Size() == reserveBytes {
			continue
		}
		if err := os.WriteFile(r.file(i), make([]byte, reserveBytes), 0o600); err != nil {
			return
		}
	}
	r.spent = false
}

// write puts data into the file at path as durable.WriteFile does, but into the room of a file of the reserve. It reports
// whether that was possible.
func (r *reserve) write(path string, data []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range reserveFiles {
		info, err := os.Stat(r.file(i))
		if err != nil || info.Size() < int64(len(data)) {
			continue
		}
		r.spent = true
		if durable.WriteOver(r.file(i), path, data) == nil {
			return true
		}
	}
	return false
}

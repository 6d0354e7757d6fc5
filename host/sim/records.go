package sim

import (
	"encoding/json"
	"maps"
	"sync"
)

// Records are what an agent writes down of the machines on a simulated host, kept in memory like the machines themselves. They
// implement the agent's Records, are safe for concurrent use, and are JSON for who wants to keep them.
type Records struct {
	mu    sync.Mutex
	files map[string][]byte
}

// Write implements the agent's Records.
func (r *Records) Write(name string, data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files == nil {
		r.files = map[string][]byte{}
	}
	r.files[name] = data
	return nil
}

// Remove implements the agent's Records.
func (r *Records) Remove(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.files, name)
	return nil
}

// All implements the agent's Records.
func (r *Records) All() map[string][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.files)
}

// MarshalJSON implements json.Marshaler.
func (r *Records) MarshalJSON() ([]byte, error) { return json.Marshal(r.All()) }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Records) UnmarshalJSON(data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return json.Unmarshal(data, &r.files)
}

package store

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"hanok/dc"
)

// The keys of the store, relative to its prefix.
const (
	objectKeys = "object/"
	claimKeys  = "claim/"
	fenceKeys  = "fence/"
	formatKey  = "format"
	baseKey    = "base"
)

func objectKey(kind dc.Kind, id dc.ID) string { return objectKeys + string(kind) + "/" + string(id) }

// decode makes the object of an object's key and value.
func decode(kind dc.Kind, value []byte, revision int64) (dc.Object, error) {
	obj := dc.NewObject(kind)
	if err := json.Unmarshal(value, obj); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	obj.Metadata().Revision = revision
	return obj, nil
}

// splitObjectKey is the inverse of objectKey.
func splitObjectKey(key string) (dc.Kind, dc.ID, error) {
	kind, id, ok := strings.Cut(strings.TrimPrefix(key, objectKeys), "/")
	if !ok || dc.NewObject(dc.Kind(kind)) == nil {
		return "", "", fmt.Errorf("key %q: not an object of this version", key)
	}
	return dc.Kind(kind), dc.ID(id), nil
}

// object returns the object in a key, or nil for a key that holds none any more, or something else.
func (kv keyValue) object() (dc.Object, error) {
	if kv.value == nil || !strings.HasPrefix(kv.key, objectKeys) {
		return nil, nil
	}
	kind, _, err := splitObjectKey(kv.key)
	if err != nil {
		return nil, err
	}
	obj, err := decode(kind, kv.value, kv.revision)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", kv.key, err)
	}
	return obj, nil
}

// decodeAll returns the objects in the keys, on all CPUs: it is what takes longest when a large store is opened.
func decodeAll(all []keyValue) ([]dc.Object, error) {
	const portion = 256
	var (
		decoded = make([]dc.Object, len(all))
		next    atomic.Int64
		workers sync.WaitGroup
		failed  atomic.Pointer[error]
	)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			known := words{}
			for failed.Load() == nil {
				begin := int(next.Add(portion)) - portion
				if begin >= len(all) {
					return
				}
				for i := begin; i < min(begin+portion, len(all)); i++ {
					obj, err := all[i].object()
					if err != nil {
						failed.Store(&err)
						return
					}
					known.share(obj)
					decoded[i] = obj
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return decoded, nil
}

package store

import (
	"encoding/json"
	"fmt"
	"strings"

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

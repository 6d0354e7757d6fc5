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

// newObject makes an empty object of each kind.
var newObject = map[dc.Kind]func() dc.Object{
	dc.KindFolder:         func() dc.Object { return new(dc.Folder) },
	dc.KindDatacenter:     func() dc.Object { return new(dc.Datacenter) },
	dc.KindCluster:        func() dc.Object { return new(dc.Cluster) },
	dc.KindHost:           func() dc.Object { return new(dc.Host) },
	dc.KindResourcePool:   func() dc.Object { return new(dc.ResourcePool) },
	dc.KindDatastore:      func() dc.Object { return new(dc.Datastore) },
	dc.KindPortGroup:      func() dc.Object { return new(dc.PortGroup) },
	dc.KindImage:          func() dc.Object { return new(dc.Image) },
	dc.KindVirtualMachine: func() dc.Object { return new(dc.VirtualMachine) },
	dc.KindTask:           func() dc.Object { return new(dc.Task) },
	dc.KindEvent:          func() dc.Object { return new(dc.Event) },
	dc.KindUser:           func() dc.Object { return new(dc.User) },
	dc.KindSession:        func() dc.Object { return new(dc.Session) },
	dc.KindJoinToken:      func() dc.Object { return new(dc.JoinToken) },
	dc.KindSecret:         func() dc.Object { return new(dc.Secret) },
}

// decode makes the object of an object's key and value.
func decode(kind dc.Kind, value []byte, revision int64) (dc.Object, error) {
	obj := newObject[kind]()
	if err := json.Unmarshal(value, obj); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	obj.Metadata().Revision = revision
	return obj, nil
}

// splitObjectKey is the inverse of objectKey.
func splitObjectKey(key string) (dc.Kind, dc.ID, error) {
	kind, id, ok := strings.Cut(strings.TrimPrefix(key, objectKeys), "/")
	if !ok || newObject[dc.Kind(kind)] == nil {
		return "", "", fmt.Errorf("key %q: not an object of this version", key)
	}
	return dc.Kind(kind), dc.ID(id), nil
}

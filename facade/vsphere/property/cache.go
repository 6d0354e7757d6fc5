package property

import (
	"sync"

	"hanok/facade/vsphere/wire"
)

// Cache keeps the XML of values that are the same for all clients. It is bounded, and safe for concurrent use.
type Cache struct {
	mu    sync.Mutex
	kept  map[cacheKey]*fragment
	bytes int
	limit int
}

// fragment is a value as XML, nil where it is unset.
type fragment struct {
	xml []byte
	// stamp is the object's when it was written, and changed the one at which it was another last.
	stamp, changed int64
}

type cacheKey struct {
	object, path string
	version      wire.Version
}

// fragmentCost is what a fragment takes besides its bytes.
const fragmentCost = 160

// NewCache returns a cache of limit bytes.
func NewCache(limit int) *Cache { return &Cache{kept: map[cacheKey]*fragment{}, limit: limit} }

// get returns what a path leads to in o, as a "val" element for clients of the version, and the clock's time since which it is so.
func (c *Cache) get(o Object, p *Path, v wire.Version) (xml []byte, changed int64) {
	stamp, shared := o.Stamp(p.Property)
	if !shared {
		return write(o, p, v), stamp
	}
	key := cacheKey{o.Ref().Value, p.Text, v}
	c.mu.Lock()
	old := c.kept[key]
	c.mu.Unlock()
	if old != nil && old.stamp >= stamp {
		return old.xml, old.changed
	}
	f := &fragment{xml: write(o, p, v), stamp: stamp, changed: stamp}
	if old != nil && string(old.xml) == string(f.xml) {
		f.xml, f.changed = old.xml, old.changed
	}
	c.keep(key, f)
	return f.xml, f.changed
}

func write(o Object, p *Path, v wire.Version) []byte {
	xml := wire.AppendAny(nil, v, "val", p.In(o.Value(p.Property)))
	return xml[:len(xml):len(xml)]
}

// keep remembers a fragment unless a newer one is there, and forgets others where there are too many: any, for none is better than another.
func (c *Cache) keep(key cacheKey, f *fragment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.kept[key]; old != nil {
		if old.stamp > f.stamp {
			return
		}
		c.bytes -= len(old.xml) + fragmentCost
	}
	c.kept[key] = f
	c.bytes += len(f.xml) + fragmentCost
	for key, f := range c.kept {
		if c.bytes <= c.limit {
			return
		}
		delete(c.kept, key)
		c.bytes -= len(f.xml) + fragmentCost
	}
}

package store

import (
	"bytes"
	"context"
	"strconv"
	"sync"

	iradix "github.com/hashicorp/go-immutable-radix"
)

// OpenMemory returns an empty store that lives in memory: the same transactions, conditions and revisions, without
// durability. It is ready at once, runs no goroutine and needs no Close.
func OpenMemory() *Store {
	s := newStore()
	m := &memory{sink: s, keys: iradix.New()}
	s.backend = m
	if _, _, err := m.commit(context.Background(), transaction{operations: []keyValue{{key: formatKey, value: []byte(strconv.Itoa(format))}}}); err != nil {
		panic("store: " + err.Error())
	}
	return s
}

// memory is a backend that delivers within commit.
type memory struct {
	sink     sink
	mu       sync.Mutex
	revision int64
	keys     *iradix.Tree // of keyValue
	bytes    int64
}

func (m *memory) commit(_ context.Context, t transaction) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range t.conditions {
		if !m.holds(c) {
			return m.revision, false, nil
		}
	}
	if len(t.operations) == 0 {
		return m.revision, true, nil
	}
	m.revision++
	txn := m.keys.Txn()
	for i, op := range t.operations {
		op.revision = m.revision
		t.operations[i] = op
		var old any
		if op.value != nil {
			m.bytes += op.size()
			old, _ = txn.Insert([]byte(op.key), op)
		} else {
			old, _ = txn.Delete([]byte(op.key))
		}
		if old != nil {
			m.bytes -= old.(keyValue).size()
		}
	}
	m.keys = txn.Commit()
	return m.revision, true, m.sink.apply(m.revision, t.operations)
}

// read implements backend with copies, since the view has the values, too.
func (m *memory) read(context.Context) (int64, []keyValue, error) {
	m.mu.Lock()
	revision, keys := m.revision, m.keys
	m.mu.Unlock()
	all := make([]keyValue, 0, keys.Len())
	keys.Root().Walk(func(_ []byte, kv any) bool {
		copied := kv.(keyValue)
		copied.value = bytes.Clone(copied.value)
		all = append(all, copied)
		return false
	})
	return revision, all, nil
}

func (m *memory) holds(c condition) bool {
	if !c.prefix {
		kv, _ := m.keys.Get([]byte(c.key))
		written, _ := kv.(keyValue)
		return c.holds(written.revision)
	}
	ok := true
	m.keys.Root().WalkPrefix([]byte(c.key), func(_ []byte, kv any) bool {
		ok = c.holds(kv.(keyValue).revision)
		return !ok
	})
	return ok
}

func (kv keyValue) size() int64 { return int64(len(kv.key) + len(kv.value)) }

func (m *memory) advance(context.Context) {}

func (m *memory) usage(context.Context) (Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Usage{UsedBytes: m.bytes}, nil
}

func (m *memory) close() error { return nil }

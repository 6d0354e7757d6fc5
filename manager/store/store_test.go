package store_test

import (
	"testing"

	"hanok/manager/store"
	"hanok/manager/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) *store.Store { return store.OpenMemory() })
}

func TestEmbedded(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.Store { return open(t, store.EmbeddedConfig{Dir: t.TempDir()}) })
}

// open opens an embedded store that the test closes.
func open(t testing.TB, cfg store.EmbeddedConfig) *store.Store {
	t.Helper()
	s, err := store.OpenEmbedded(t.Context(), cfg)
	if err != nil {
		t.Fatalf("OpenEmbedded: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

package netns

import (
	"net"
	"sync/atomic"
	"testing"

	"hanok/internal/testhost"
)

// One site after the other.
func TestTurns(t *testing.T) {
	testhost.Require(t)
	var sites, most atomic.Int32
	t.Run("sites", func(t *testing.T) {
		for range 5 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				takeTurn(t)
				most.Store(max(most.Load(), sites.Add(1)))
				defer sites.Add(-1)
				if other, err := net.Listen("unix", turn); err == nil {
					_ = other.Close()
					t.Error("another site has begun")
				}
			})
		}
	})
	if most.Load() != 1 {
		t.Errorf("there were %d sites at once", most.Load())
	}
}

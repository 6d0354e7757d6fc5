//go:build !sabotage

package sabotage

import "testing"

// A program that is not built for it keeps its promises, whatever its environment says.
func TestOff(t *testing.T) {
	for _, name := range Names {
		t.Setenv("HANOK_SABOTAGE", string(name))
		if Is(name) {
			t.Errorf("%s is on", name)
		}
	}
}

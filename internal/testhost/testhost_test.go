package testhost

import "testing"

// recorder notes a skip instead of ending the test.
type recorder struct{ skipped []any }

func (*recorder) Helper()            {}
func (r *recorder) Skip(args ...any) { r.skipped = args }

func TestRequire(t *testing.T) {
	for _, c := range []struct {
		value string
		skips bool
	}{{"", true}, {"0", true}, {"yes", true}, {"1", false}} {
		t.Setenv(Variable, c.value)
		var r recorder
		Require(&r)
		if got := r.skipped != nil; got != c.skips {
			t.Errorf("%s=%q: skipped %v, want %v", Variable, c.value, got, c.skips)
		}
		if c.skips && r.skipped[0] != "needs a prepared host: run make test" {
			t.Errorf("skip message %q", r.skipped[0])
		}
	}
}

package meter

import (
	"testing"
	"time"
)

// TestRead reads this machine's meters twice: they only go up, and are those of its own devices.
func TestRead(t *testing.T) {
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; { // something to measure
	}
	second, err := m.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(first.CPUs) == 0 || len(first.CPUs) != len(second.CPUs) || first.Boot != second.Boot || first.Boot == "" || second.Uptime <= 0 {
		t.Errorf("read %+v and %+v", first, second)
	}
	var used time.Duration
	for i := range first.CPUs {
		if second.CPUs[i].Used < first.CPUs[i].Used || second.CPUs[i].Idle < first.CPUs[i].Idle {
			t.Errorf("CPU %d went from %+v to %+v", i, first.CPUs[i], second.CPUs[i])
		}
		used += second.CPUs[i].Used - first.CPUs[i].Used
	}
	if used <= 0 {
		t.Error("nothing was used while this test was busy")
	}
	if first.MemoryKB == nil || first.ConsumedKB == nil || *first.ConsumedKB <= 0 || *first.ConsumedKB > *first.MemoryKB {
		t.Errorf("memory: %v of %v KB", first.ConsumedKB, first.MemoryKB)
	}
	for _, n := range first.NICs {
		if n.Instance == "lo" {
			t.Error("the loopback counts as an adapter")
		}
	}
}

// TestNoProc says what is wrong on a machine without /proc.
func TestNoProc(t *testing.T) {
	if _, err := open(t.TempDir()+"/no", "/sys"); err == nil {
		t.Error("a machine without /proc can be measured")
	}
}

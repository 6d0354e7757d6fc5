package agent

import "testing"

func TestClockRate(t *testing.T) {
	facts, err := Facts()
	if err != nil {
		t.Fatal(err)
	}
	if facts.CPUCores < 1 || facts.CPUCores > facts.CPUs || facts.CPUMHz < 100 || facts.CPUMHz > 10_000 {
		t.Errorf("%d cores of %d MHz, of %d CPUs", facts.CPUCores, facts.CPUMHz, facts.CPUs)
	}
	if g := facts.Guarantee(); g.CPUMHz <= 0 || g.CPUMHz >= facts.TotalMHz() || g.MemoryMB <= 0 || g.MemoryMB >= facts.MemoryMB {
		t.Errorf("the host guarantees %+v of %+v", g, facts)
	}
}

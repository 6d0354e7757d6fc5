package agent

import (
	"fmt"
	"testing"
	"time"

	"hanok/dc"
)

var sampled = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sample(end time.Time, figures ...dc.Figure) dc.Frame {
	return dc.Frame{End: end, Period: dc.SampleInterval, Figures: figures}
}

func TestHistory(t *testing.T) {
	var h history
	for n := range 400 {
		end := sampled.Add(time.Duration(n) * dc.SampleInterval)
		figures := []dc.Figure{{Counter: dc.CPUUsage, Value: int64(n)}, {Object: "vm-a", Counter: dc.CPUUsage, Value: int64(-n)}, {Object: "vm-a", Counter: dc.CPUUsage, Instance: "0", Value: 7}}
		if n%2 == 0 { // machines come and go
			figures = append(figures, dc.Figure{Object: dc.ID(fmt.Sprintf("vm-%d", n)), Counter: dc.MemoryUsage, Value: 1})
		}
		h.add(sample(end, figures...))
	}
	if len(h.frames) != 180 {
		t.Errorf("%d frames of an hour", len(h.frames))
	}
	series := h.query(dc.SeriesQuery{Object: "vm-a", Counters: []dc.CounterID{dc.CPUUsage}})
	if len(series) != 1 || len(series[0].Samples) != 180 || series[0].Samples[179].Value != -399 || series[0].Samples[0].Value != -220 {
		t.Errorf("%+v", series)
	}
	if got := h.query(dc.SeriesQuery{Object: "vm-a", Instance: dc.AllInstances, Max: 1}); len(got) != 2 || got[1].Instance != "0" || len(got[1].Samples) != 1 {
		t.Errorf("all instances: %+v", got)
	}
	if got := h.query(dc.SeriesQuery{Start: sampled.Add(399 * dc.SampleInterval)}); len(got) != 0 {
		t.Errorf("after the end: %+v", got)
	}
	keys := len(h.keys)
	h.compact()
	if len(h.keys) >= keys || len(h.keys) != 93 {
		t.Errorf("%d keys became %d", keys, len(h.keys))
	}
	if again := h.query(dc.SeriesQuery{Object: "vm-a", Counters: []dc.CounterID{dc.CPUUsage}}); fmt.Sprint(again) != fmt.Sprint(series) {
		t.Errorf("after compact: %+v", again)
	}
}

func TestRollup(t *testing.T) {
	var r rollup
	var done []dc.Frame
	for n := range 32 { // two intervals, and the beginning of a third
		f := sample(sampled.Add(time.Duration(n+1)*dc.SampleInterval),
			dc.Figure{Counter: dc.CPUUsage, Value: int64(n)}, dc.Figure{Object: "vm-a", Counter: dc.CPUReady, Value: 2},
			dc.Figure{Object: "vm-a", Counter: dc.SysUptime, Value: int64(n)}, dc.Figure{Counter: dc.CPUUsage, Instance: "0", Value: 9})
		if frame, ok := r.add(f); ok {
			done = append(done, frame)
		}
	}
	want := fmt.Sprint([]dc.Frame{
		{End: sampled.Add(5 * time.Minute), Period: 5 * time.Minute, Figures: []dc.Figure{{Counter: dc.CPUUsage, Value: 7}, {Object: "vm-a", Counter: dc.CPUReady, Value: 30}, {Object: "vm-a", Counter: dc.SysUptime, Value: 14}}},
		{End: sampled.Add(10 * time.Minute), Period: 5 * time.Minute, Figures: []dc.Figure{{Counter: dc.CPUUsage, Value: 22}, {Object: "vm-a", Counter: dc.CPUReady, Value: 30}, {Object: "vm-a", Counter: dc.SysUptime, Value: 29}}},
	})
	if got := fmt.Sprint(done); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPending lets the manager be away: what was rolled up waits, is sent again until it is kept, and is bounded.
func TestPending(t *testing.T) {
	s := newStatistics(nil)
	for n := range (rolledUp + 3) * 15 {
		s.keep(sample(sampled.Add(time.Duration(n+1)*dc.SampleInterval), dc.Figure{Counter: dc.CPUUsage, Value: 1}))
	}
	if len(s.pending) != rolledUp {
		t.Fatalf("%d frames wait", len(s.pending))
	}
	_, first, more := s.news(time.Time{})
	if len(first) != burst || !more {
		t.Errorf("%d at once, more %v", len(first), more)
	}
	_, second, _ := s.news(first[burst-1].End)
	if !second[0].End.After(first[burst-1].End) {
		t.Errorf("%v comes after %v", second[0].End, first[burst-1].End)
	}
	s.kept(first[0].End)
	if len(s.pending) != rolledUp-1 || s.pending[0].End.Equal(first[0].End) {
		t.Errorf("what was kept still waits")
	}
}

package dc

import (
	"strings"
	"testing"
	"time"
)

func TestCheckConfirmed(t *testing.T) {
	for _, tt := range []struct {
		limits                            DeletionLimits
		objects, machines, all, confirmed int
		ok                                bool
	}{
		{DefaultDeletionLimits, 10, 10, 1000, 0, true},
		{DefaultDeletionLimits, 11, 11, 1000, 0, false},
		{DefaultDeletionLimits, 11, 11, 1000, 11, true},
		{DefaultDeletionLimits, 11, 11, 1000, 10, false},
		{DefaultDeletionLimits, 11, 0, 1000, 0, false}, // folders count, too
		{DefaultDeletionLimits, 4, 4, 4, 0, true},      // few enough in the smallest data center
		{DefaultDeletionLimits, 5, 5, 25, 0, true},
		{DefaultDeletionLimits, 5, 5, 24, 0, false},
		{DefaultDeletionLimits, 5, 5, 24, 5, true},
		{DefaultDeletionLimits, 3, 3, 100, 4, false}, // a wrong number is never right
		{DefaultDeletionLimits, 3, 3, 100, -1, false},
		{DeletionLimits{Window: time.Minute}, 1000, 1000, 1000, 0, true},
	} {
		err := tt.limits.CheckConfirmed(tt.objects, tt.machines, tt.all, tt.confirmed)
		if (err == nil) != tt.ok || err != nil && KindOf(err) != WrongState {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	err := DefaultDeletionLimits.CheckConfirmed(37, 30, 120, 0)
	for _, want := range []string{"37 objects", "30 of 120 virtual machines", "with the confirmation 37"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestCountDeletions(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := &DeletionGuard{Limits: DeletionLimits{Single: 3, Window: 10 * time.Minute}}
	for i, step := range []struct {
		who   string
		n     int
		after time.Duration
		stop  bool
		ok    bool
	}{
		{"ann", 2, 0, false, true},
		{"ann", 1, time.Minute, false, true},
		{"bob", 3, time.Minute, false, true}, // everybody by himself
		{"ann", 1, 9 * time.Minute, true, false},
		{"bob", 1, 10 * time.Minute, false, false},
		{"bob", 1, 11 * time.Minute, false, true},  // his have grown old
		{"ann", 1, 18 * time.Minute, false, false}, // stopped for a whole window
		{"ann", 3, 19 * time.Minute, false, true},
	} {
		now := start.Add(step.after)
		if got := g.Count(step.who, step.n, now); got != step.ok {
			t.Errorf("step %d: allowed %v", i, got)
		}
		if step.stop && (!g.Stop(step.who, now) || g.Stop(step.who, now)) {
			t.Errorf("step %d: stopped twice, or not at all", i)
		}
	}
	if free := (&DeletionGuard{}); !free.Count("ann", 5000, start) || free.Recent != nil {
		t.Error("no limit is one")
	}
}

func TestCheckDeletionLimits(t *testing.T) {
	for _, bad := range []DeletionLimits{{Objects: -1, Window: time.Hour}, {Objects: MaxBulk + 1, Window: time.Hour}, {Percent: 101, Window: time.Hour},
		{Single: 1001, Window: time.Hour}, {Window: time.Second}, {Window: 25 * time.Hour}} {
		if KindOf(CheckDeletionLimits(bad)) != Invalid {
			t.Errorf("%+v can be", bad)
		}
	}
	if err := CheckDeletionLimits(DefaultDeletionLimits); err != nil {
		t.Error(err)
	}
}

package dc

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the zones, wherever the test runs
)

func zone(t testing.TB, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestNext(t *testing.T) {
	mon := []time.Weekday{time.Monday}
	for _, test := range []struct {
		name   string
		s      Scheduler
		active string
		want   []string // in the zone
	}{
		{"daily", Scheduler{Type: ScheduleDaily, Zone: "UTC", Interval: 1, Hour: 22}, "2026-11-24T22:00:00Z", []string{"2026-11-24 22:00 +0000", "2026-11-25 22:00 +0000"}},
		{"every third day", Scheduler{Type: ScheduleDaily, Zone: "UTC", Interval: 3, Hour: 22}, "2026-11-24T22:00:01Z", []string{"2026-11-27 22:00 +0000", "2026-11-30 22:00 +0000"}},
		{"clocks go forward", Scheduler{Type: ScheduleDaily, Zone: "Europe/Berlin", Interval: 1, Hour: 2, Minute: 30}, "2026-03-28T00:00:00Z",
			[]string{"2026-03-28 02:30 +0100", "2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200"}},
		{"clocks go back", Scheduler{Type: ScheduleDaily, Zone: "Europe/Berlin", Interval: 1, Hour: 2, Minute: 30}, "2026-10-24T00:00:00Z",
			[]string{"2026-10-24 02:30 +0200", "2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"}},
		{"a midnight that is not", Scheduler{Type: ScheduleDaily, Zone: "America/Havana", Interval: 1}, "2026-03-07T12:00:00Z",
			[]string{"2026-03-08 01:00 -0400", "2026-03-09 00:00 -0400"}},
		{"a day that is not", Scheduler{Type: ScheduleDaily, Zone: "Pacific/Apia", Interval: 1, Hour: 9}, "2011-12-29T12:00:00Z",
			[]string{"2011-12-29 09:00 -1000", "2011-12-31 00:00 +1400", "2011-12-31 09:00 +1400"}},
		{"hours while clocks go back", Scheduler{Type: ScheduleHourly, Zone: "Europe/Berlin", Interval: 1, Minute: 15}, "2026-10-24T23:30:00Z",
			[]string{"2026-10-25 02:15 +0200", "2026-10-25 02:15 +0100", "2026-10-25 03:15 +0100"}},
		{"every fourth hour", Scheduler{Type: ScheduleHourly, Zone: "Asia/Kolkata", Interval: 4, Minute: 15}, "2026-01-01T00:00:00Z",
			[]string{"2026-01-01 06:15 +0530", "2026-01-01 10:15 +0530", "2026-01-01 14:15 +0530"}},
		{"weekly", Scheduler{Type: ScheduleWeekly, Zone: "UTC", Interval: 2, Weekdays: []time.Weekday{time.Sunday, time.Monday}, Hour: 1}, "2026-11-24T00:00:00Z",
			[]string{"2026-11-29 01:00 +0000", "2026-12-07 01:00 +0000", "2026-12-13 01:00 +0000"}},
		{"Mondays", Scheduler{Type: ScheduleWeekly, Zone: "UTC", Interval: 1, Weekdays: mon}, "2026-11-24T00:00:00Z", []string{"2026-11-30 00:00 +0000"}},
		{"the 31st", Scheduler{Type: ScheduleMonthlyByDay, Zone: "UTC", Interval: 1, Day: 31, Hour: 5}, "2028-01-31T06:00:00Z",
			[]string{"2028-02-29 05:00 +0000", "2028-03-31 05:00 +0000", "2028-04-30 05:00 +0000"}},
		{"first Monday", Scheduler{Type: ScheduleMonthlyByWeekday, Zone: "UTC", Interval: 1, Week: FirstWeek, Weekday: time.Monday}, "2026-11-24T00:00:00Z",
			[]string{"2026-12-07 00:00 +0000", "2027-01-04 00:00 +0000"}},
		{"last Friday of every third month", Scheduler{Type: ScheduleMonthlyByWeekday, Zone: "UTC", Interval: 3, Week: LastWeek, Weekday: time.Friday}, "2026-11-24T00:00:00Z",
			[]string{"2026-11-27 00:00 +0000", "2027-02-26 00:00 +0000"}},
		{"every 999th month", Scheduler{Type: ScheduleMonthlyByDay, Zone: "UTC", Interval: 999, Day: 1}, "2026-11-24T00:00:00Z", []string{"2110-02-01 00:00 +0000"}},
	} {
		test.s.Active, _ = time.Parse(time.RFC3339, test.active)
		if err := CheckScheduler(test.s); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		at, z := test.s.Active.Add(-time.Hour), zone(t, test.s.Zone)
		for _, want := range test.want {
			next, ok := test.s.Next(at, z)
			if got := next.In(z).Format("2006-01-02 15:04 -0700"); !ok || got != want {
				t.Errorf("%s after %s: %s, want %s", test.name, at, got, want)
			}
			at = next
		}
	}
}

func TestNextEnds(t *testing.T) {
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		s    Scheduler
		ok   bool
	}{
		{"once", Scheduler{Type: ScheduleOnce, RunAt: now.Add(1)}, true},
		{"once, and past", Scheduler{Type: ScheduleOnce, RunAt: now}, false},
		{"once, expired", Scheduler{Type: ScheduleOnce, RunAt: now.Add(2), Expire: now.Add(1)}, false},
		{"after the start", Scheduler{Type: ScheduleAfterStartup, Active: now}, false},
		{"until then", Scheduler{Type: ScheduleDaily, Active: now, Interval: 1, Hour: 3, Expire: now.Add(time.Hour)}, true},
		{"expired", Scheduler{Type: ScheduleDaily, Active: now, Interval: 1, Hour: 3, Expire: now.Add(time.Hour - 1)}, false},
	} {
		if _, ok := test.s.Next(now, time.UTC); ok != test.ok {
			t.Errorf("%s: %t", test.name, ok)
		}
	}
}

// walk returns the first minute after a time at which a clock of the zone, looked at minute by minute, says that the scheduler is due.
func walk(s Scheduler, after, until time.Time, z *time.Location) (time.Time, bool) {
	type date struct {
		y int
		m time.Month
		d int
	}
	start := s.Active.Truncate(time.Minute).Add(-50 * time.Hour)
	shows := func(t time.Time) (date, int) {
		l := t.In(z)
		y, m, d := l.Date()
		return date{y, m, d}, l.Hour()*60 + l.Minute()
	}
	// The days of the calendar from the first on, whether the zone has them or not.
	first, _ := shows(s.Active)
	var days []date
	for i := -2; i < 120; i++ {
		d := time.Date(first.y, first.m, first.d+i, 12, 0, 0, 0, time.UTC)
		days = append(days, date{d.Year(), d.Month(), d.Day()})
	}
	before := func(a, b date) bool {
		return a.y != b.y && a.y < b.y || a.y == b.y && (a.m < b.m || a.m == b.m && a.d < b.d)
	}
	wanted, weeks, hours := []date{}, 0, -1
	for i, d := range days {
		on := time.Date(d.y, d.m, d.d, 12, 0, 0, 0, time.UTC)
		if on.Weekday() == time.Monday && i > 2 {
			weeks++
		}
		months := (d.y-first.y)*12 + int(d.m-first.m)
		ends := time.Date(d.y, d.m+1, 0, 12, 0, 0, 0, time.UTC).Day()
		var is bool
		switch s.Type {
		case ScheduleDaily:
			is = (i-2)%s.Interval == 0
		case ScheduleWeekly:
			is = slices.Contains(s.Weekdays, on.Weekday()) && weeks%s.Interval == 0
		case ScheduleMonthlyByDay:
			is = (d.d == s.Day || d.d == ends && s.Day > ends) && months%s.Interval == 0
		case ScheduleMonthlyByWeekday:
			from := map[WeekOfMonth]int{FirstWeek: 1, SecondWeek: 8, ThirdWeek: 15, FourthWeek: 22, LastWeek: ends - 6}[s.Week]
			is = on.Weekday() == s.Weekday && d.d >= from && d.d < from+7 && months%s.Interval == 0
		}
		if is {
			wanted = append(wanted, d)
		}
	}
	var anchor time.Time
	for t := start; t.Before(until); t = t.Add(time.Minute) {
		d, clock := shows(t)
		due := false
		if s.Type == ScheduleHourly {
			if clock%60 == s.Minute && !t.Before(s.Active) {
				if hours < 0 {
					hours, anchor = 0, t
				}
				due = int(t.Sub(anchor).Hours())%s.Interval == 0
			}
		} else {
			for len(wanted) > 0 && (before(wanted[0], d) || wanted[0] == d && clock >= s.Hour*60+s.Minute) {
				wanted, due = wanted[1:], true
			}
		}
		if due && t.After(after) && !t.Before(s.Active) {
			return t, true
		}
	}
	return time.Time{}, false
}

// TestNextIsWalked compares Next with somebody who looks at a clock every minute, in zones and at times where clocks do strange things.
func TestNextIsWalked(t *testing.T) {
	times := map[string]time.Time{
		"UTC": time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), "Europe/Berlin": time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC),
		"America/New_York": time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC), "Australia/Lord_Howe": time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC),
		"Asia/Kolkata": time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC), "Pacific/Apia": time.Date(2011, 12, 20, 0, 0, 0, 0, time.UTC),
		"America/Havana": time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "Asia/Beirut": time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC),
		"Africa/Casablanca": time.Date(2026, 2, 5, 0, 0, 0, 0, time.UTC),
	}
	random := rand.New(rand.NewPCG(1, 2))
	types := SchedulerTypes()[2:]
	for name, from := range times {
		z := zone(t, name)
		for range 60 {
			s := Scheduler{Type: types[random.IntN(len(types))], Zone: name, Active: from.Add(time.Duration(random.IntN(14*24*60)) * time.Minute), Interval: 1 + random.IntN(3),
				Hour: random.IntN(24), Minute: random.IntN(60), Day: 1 + random.IntN(31), Week: WeeksOfMonth()[random.IntN(5)], Weekday: time.Weekday(random.IntN(7)),
				Weekdays: []time.Weekday{time.Weekday(random.IntN(3)), time.Weekday(3 + random.IntN(4))}}
			if random.IntN(2) == 0 {
				s.Hour = random.IntN(4) // when clocks are changed
			}
			after, until := s.Active.Add(-time.Hour), s.Active.Add(75*24*time.Hour)
			for range 3 {
				want, found := walk(s, after, until, z)
				got, ok := s.Next(after, z)
				if !found && got.Before(until) && ok || found && !got.Equal(want) {
					t.Fatalf("%s from %s after %s: %s (%t), by the clock %s", s, s.Active, after, got.In(z), ok, want.In(z))
				}
				if !found {
					break
				}
				if !got.After(after) {
					t.Fatalf("%s: %s is not after %s", s, got, after)
				}
				after = got
			}
		}
	}
}

func TestCheckScheduler(t *testing.T) {
	now := time.Now()
	for _, bad := range []Scheduler{
		{}, {Type: "yearly"}, {Type: ScheduleOnce}, {Type: ScheduleDaily}, {Type: ScheduleDaily, Interval: 1000}, {Type: ScheduleDaily, Interval: 1, Hour: 24},
		{Type: ScheduleHourly, Interval: 1, Minute: 60}, {Type: ScheduleWeekly, Interval: 1}, {Type: ScheduleWeekly, Interval: 1, Weekdays: []time.Weekday{7}},
		{Type: ScheduleWeekly, Interval: 1, Weekdays: []time.Weekday{1, 1}}, {Type: ScheduleMonthlyByDay, Interval: 1}, {Type: ScheduleMonthlyByDay, Interval: 1, Day: 32},
		{Type: ScheduleMonthlyByWeekday, Interval: 1, Week: "fifth"}, {Type: ScheduleMonthlyByWeekday, Interval: 1, Week: LastWeek, Weekday: -1},
		{Type: ScheduleAfterStartup, Delay: -1}, {Type: ScheduleHourly, Interval: 999, Active: now.AddDate(-1900, 0, 0)}, {Type: ScheduleDaily, Interval: 1, Active: now.AddDate(1000, 0, 0)}, {Type: ScheduleDaily, Interval: 1, Active: now, Expire: now},
	} {
		if err := CheckScheduler(bad); KindOf(err) != Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

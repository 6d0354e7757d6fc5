package dc

import (
	"slices"
	"time"
)

// Next returns the first time after a time at which the scheduler, which CheckScheduler takes, is due by the clocks of the zone; ok is
// false where there is none. What runs after the manager's start is never due by the clock.
//
// A time of day that the clocks leave out when they go forward is the first moment after that; one that they show twice is the first of
// the two. The hours of the type hourly are real ones: it runs in each hour that passes.
func (s Scheduler) Next(after time.Time, zone *time.Location) (next time.Time, ok bool) {
	switch s.Type {
	case ScheduleAfterStartup:
		return time.Time{}, false
	case ScheduleOnce:
		next, ok = s.RunAt, s.RunAt.After(after)
	case ScheduleHourly:
		next, ok = s.nextHour(after, zone)
	default:
		next, ok = s.nextDay(after, zone)
	}
	if !ok || next.Before(s.Active) || !s.Expire.IsZero() && next.After(s.Expire) {
		return time.Time{}, false
	}
	return next.UTC(), true
}

// nextHour is Next for the type hourly.
func (s Scheduler) nextHour(after time.Time, zone *time.Location) (time.Time, bool) {
	first := s.onMinute(s.Active.Add(-1), zone) // not before Active
	if !after.Before(s.Active) {
		step := time.Duration(s.Interval) * time.Hour
		passed := after.Sub(first).Truncate(step) - step // zones that change by less than an hour move the minute a little
		for t := s.onMinute(first.Add(max(passed, 0)-time.Hour), zone); ; t = s.onMinute(t, zone) {
			if t.After(after) && !t.Before(first) && int(t.Sub(first)/time.Hour)%s.Interval == 0 {
				return t, true
			}
		}
	}
	return first, true
}

// onMinute returns the first time after a time at which the clocks of the zone show the scheduler's minute.
func (s Scheduler) onMinute(after time.Time, zone *time.Location) time.Time {
	t := after.Truncate(time.Minute)
	for {
		t = t.Add(time.Minute)
		if t.In(zone).Minute() == s.Minute {
			return t
		}
	}
}

// maxDays is how many days are looked at: the longest interval and a leap year's worth more.
const maxDays = (maxInterval + 12) * 31

// nextDay is Next for the types that run on certain days.
func (s Scheduler) nextDay(after time.Time, zone *time.Location) (time.Time, bool) {
	from := after
	if from.Before(s.Active) {
		from = s.Active.Add(-1)
	}
	y, m, d := from.In(zone).Date()
	for i := -1; i < maxDays; i++ { // a day that the zone leaves out is due with the beginning of the next one
		day := time.Date(y, m, d+i, 0, 0, 0, 0, time.UTC)
		if !s.on(day, zone) {
			continue
		}
		if t := FirstMoment(day.Add(time.Duration(s.Hour)*time.Hour+time.Duration(s.Minute)*time.Minute), zone); t.After(from) {
			return t, true
		}
	}
	return time.Time{}, false
}

// on reports whether the scheduler is due on a day of the calendar, which is midnight in UTC.
func (s Scheduler) on(day time.Time, zone *time.Location) bool {
	ay, am, ad := s.Active.In(zone).Date()
	active := time.Date(ay, am, ad, 0, 0, 0, 0, time.UTC)
	y, m, d := day.Date()
	last := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
	switch s.Type {
	case ScheduleDaily:
		return s.turn(dayNumber(day) - dayNumber(active))
	case ScheduleWeekly:
		return slices.Contains(s.Weekdays, day.Weekday()) && s.turn(weekNumber(day)-weekNumber(active))
	case ScheduleMonthlyByDay:
		return d == min(s.Day, last) && s.turn(monthNumber(day)-monthNumber(active))
	}
	inWeek := (d-1)/7 == slices.Index(WeeksOfMonth(), s.Week)
	if s.Week == LastWeek {
		inWeek = last-d < 7
	}
	return day.Weekday() == s.Weekday && inWeek && s.turn(monthNumber(day)-monthNumber(active))
}

// turn reports whether it is the interval's turn after so many units.
func (s Scheduler) turn(units int) bool { return units%s.Interval == 0 }

func dayNumber(day time.Time) int { return int(day.Unix() / (24 * 60 * 60)) }

// weekNumber counts weeks that begin on Mondays; the first day of all was a Thursday.
func weekNumber(day time.Time) int { return (dayNumber(day) + 3) / 7 }

func monthNumber(day time.Time) int { return day.Year()*12 + int(day.Month()) }

// FirstMoment returns the first moment at which the clocks of a zone show the date and time that wall has in UTC, or a later one: what
// they leave out is the moment at which they go forward.
func FirstMoment(wall time.Time, zone *time.Location) time.Time {
	const beyond = 36 * time.Hour // no zone is that far from UTC
	for t := wall.Add(-beyond).In(zone); ; {
		start, end := t.ZoneBounds()
		_, offset := t.Zone()
		moment := wall.Add(-time.Duration(offset) * time.Second)
		switch {
		case moment.Before(start) && !start.IsZero():
			return start.UTC()
		case end.IsZero() || moment.Before(end):
			return moment.UTC()
		}
		t = end
	}
}

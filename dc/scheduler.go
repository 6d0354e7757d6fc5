package dc

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// SchedulerType is the rule by which a scheduled task runs, as vSphere has them.
type SchedulerType string

// The types of schedulers.
const (
	ScheduleOnce             SchedulerType = "once"
	ScheduleAfterStartup     SchedulerType = "afterStartup" // of the manager
	ScheduleHourly           SchedulerType = "hourly"
	ScheduleDaily            SchedulerType = "daily"
	ScheduleWeekly           SchedulerType = "weekly"
	ScheduleMonthlyByDay     SchedulerType = "monthlyByDay"
	ScheduleMonthlyByWeekday SchedulerType = "monthlyByWeekday"
)

// SchedulerTypes returns every type, in a fixed order.
func SchedulerTypes() []SchedulerType {
	return []SchedulerType{ScheduleOnce, ScheduleAfterStartup, ScheduleHourly, ScheduleDaily, ScheduleWeekly, ScheduleMonthlyByDay,
		ScheduleMonthlyByWeekday}
}

// WeekOfMonth is which of a month's days of one name is meant, by vSphere's names.
type WeekOfMonth string

// The weeks of a month.
const (
	FirstWeek  WeekOfMonth = "first"
	SecondWeek WeekOfMonth = "second"
	ThirdWeek  WeekOfMonth = "third"
	FourthWeek WeekOfMonth = "fourth"
	LastWeek   WeekOfMonth = "last"
)

// WeeksOfMonth returns every week, in their order.
func WeeksOfMonth() []WeekOfMonth {
	return []WeekOfMonth{FirstWeek, SecondWeek, ThirdWeek, FourthWeek, LastWeek}
}

// Scheduler says when a scheduled task runs. What its type has no use for is zero.
type Scheduler struct {
	Type SchedulerType `json:"type"`
	// Zone is the time zone whose clocks it goes by, by its name in the IANA database: "Europe/Berlin". "" is UTC, as all of vSphere's are.
	Zone string `json:"zone,omitempty"`
	// Active is from when on it runs, and what intervals are counted from: of a stored one it is never zero. Expire is until when; zero is
	// for ever.
	Active time.Time `json:"active,omitzero"`
	Expire time.Time `json:"expire,omitzero"`
	// RunAt is the time of the type once.
	RunAt time.Time `json:"runAt,omitzero"`
	// Delay is how long after the manager's start the type afterStartup runs.
	Delay time.Duration `json:"delay,omitempty"`
	// Interval makes the others run every so many hours, days, weeks (from Mondays) or months only, from 1.
	Interval int `json:"interval,omitempty"`
	// Minute and, of all but hourly, Hour are what the clocks show then.
	Hour   int `json:"hour,omitempty"`
	Minute int `json:"minute,omitempty"`
	// Weekdays are those of the type weekly, each once.
	Weekdays []time.Weekday `json:"weekdays,omitempty"`
	// Day is that of the type monthlyByDay, from 1; a month that has less days has its last one instead.
	Day int `json:"day,omitempty"`
	// Week and Weekday are those of the type monthlyByWeekday.
	Week    WeekOfMonth  `json:"week,omitempty"`
	Weekday time.Weekday `json:"weekday,omitempty"`
}

// What is asked for is bounded; maxInterval is vSphere's.
const (
	maxInterval      = 999
	maxScheduleDelay = 7 * 24 * time.Hour
	// firstYear and lastYear are those in which a scheduler may begin: intervals are counted from there.
	firstYear, lastYear = 1970, 2999
)

// CheckScheduler returns an error of kind Invalid for a scheduler that can't be. Whether there is such a zone is the caller's to know.
func CheckScheduler(s Scheduler) error {
	fail := func(field, message, remedy string) error {
		return Errorf(Invalid, "%s: %s", field, message).Fix("%s", remedy)
	}
	recurs := s.Recurs()
	switch {
	case !slices.Contains(SchedulerTypes(), s.Type):
		return fail("scheduler", fmt.Sprintf("there is no type %q", s.Type), fmt.Sprintf("choose one of %q", SchedulerTypes()))
	case !s.Active.IsZero() && (s.Active.Year() < firstYear || s.Active.Year() > lastYear):
		return fail("active", fmt.Sprintf("it is in the year %d", s.Active.Year()), fmt.Sprintf("give one from %d to %d", firstYear, lastYear))
	case !s.Expire.IsZero() && !s.Expire.After(s.Active):
		return fail("expire", "it ends before it begins", "give a later end, or an earlier beginning")
	case s.Type == ScheduleOnce && s.RunAt.IsZero():
		return fail("runAt", "it is missing", "give the time of the run")
	case s.Delay < 0 || s.Delay > maxScheduleDelay:
		return fail("delay", fmt.Sprintf("%s can't be", s.Delay), "give 0 to 168h")
	case recurs && (s.Interval < 1 || s.Interval > maxInterval):
		return fail("interval", fmt.Sprintf("%d can't be", s.Interval), fmt.Sprintf("give 1 to %d", maxInterval))
	case s.Minute < 0 || s.Minute > 59 || s.Hour < 0 || s.Hour > 23:
		return fail("hour, minute", fmt.Sprintf("no clock shows %02d:%02d", s.Hour, s.Minute), "give 00:00 to 23:59")
	case s.Type == ScheduleWeekly && len(s.Weekdays) == 0:
		return fail("weekdays", "there are none", "give one at least")
	case s.Type == ScheduleMonthlyByDay && (s.Day < 1 || s.Day > 31):
		return fail("day", fmt.Sprintf("%d can't be", s.Day), "give 1 to 31")
	case s.Type == ScheduleMonthlyByWeekday && !slices.Contains(WeeksOfMonth(), s.Week):
		return fail("week", fmt.Sprintf("there is no %q", s.Week), fmt.Sprintf("choose one of %q", WeeksOfMonth()))
	case s.Weekday < time.Sunday || s.Weekday > time.Saturday:
		return fail("weekday", fmt.Sprintf("there is no day %d", s.Weekday), "give 0, which is Sunday, to 6")
	}
	for i, d := range s.Weekdays {
		if d < time.Sunday || d > time.Saturday || slices.Contains(s.Weekdays[:i], d) {
			return fail("weekdays", fmt.Sprintf("%d is no day, or is there twice", d), "give each once, from 0, which is Sunday, to 6")
		}
	}
	return nil
}

// Recurs reports whether the scheduler's type is one that runs again and again by the clock.
func (s Scheduler) Recurs() bool { return s.Type != ScheduleOnce && s.Type != ScheduleAfterStartup }

// String says for people when it runs: "every day at 22:00 Europe/Berlin".
func (s Scheduler) String() string {
	zone := "UTC"
	if s.Zone != "" {
		zone = s.Zone
	}
	every := func(unit string) string {
		if s.Interval > 1 {
			return fmt.Sprintf("every %d %ss", s.Interval, unit)
		}
		return "every " + unit
	}
	at := fmt.Sprintf("at %02d:%02d %s", s.Hour, s.Minute, zone)
	switch s.Type {
	case ScheduleOnce:
		return "once at " + s.RunAt.UTC().Format(time.DateTime) + " UTC"
	case ScheduleAfterStartup:
		return s.Delay.String() + " after the manager's start"
	case ScheduleHourly:
		return fmt.Sprintf("%s at :%02d %s", every("hour"), s.Minute, zone)
	case ScheduleDaily:
		return every("day") + " " + at
	case ScheduleWeekly:
		var days []string
		for _, d := range s.Weekdays {
			days = append(days, d.String()[:3])
		}
		return fmt.Sprintf("%s on %s %s", every("week"), strings.Join(days, ", "), at)
	case ScheduleMonthlyByDay:
		return fmt.Sprintf("%s on day %d %s", every("month"), s.Day, at)
	}
	return fmt.Sprintf("%s on the %s %s %s", every("month"), s.Week, s.Weekday, at)
}

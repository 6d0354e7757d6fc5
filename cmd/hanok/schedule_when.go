package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// whenFlags say when a scheduled task runs.
type whenFlags struct {
	once, hourly, daily, weekly, monthly, at, zone, from, until string
	afterStartup                                                time.Duration
	every                                                       int32
	cmd                                                         *cobra.Command
}

// whenKinds are the flags of which one says what kind of scheduler it is; the others are about it.
var whenKinds = []string{"once", "after-startup", "hourly", "daily", "weekly", "monthly"}

func (w *whenFlags) add(cmd *cobra.Command) {
	w.cmd = cmd
	f := cmd.Flags()
	f.StringVar(&w.once, "once", "", `once, at this time, or "+30m" from now`)
	f.DurationVar(&w.afterStartup, "after-startup", 0, "so long after each start of the manager")
	f.StringVar(&w.hourly, "hourly", "", `every hour, at this minute: ":15"`)
	f.StringVar(&w.daily, "daily", "", `every day, at this time: "22:00"`)
	f.StringVar(&w.weekly, "weekly", "", `every week, on these days: "mon,fri"`)
	f.StringVar(&w.monthly, "monthly", "", `every month, on this day: "1", "last", "first-mon" or "last-fri"`)
	f.StringVar(&w.at, "at", "", `the time of day of --weekly and --monthly: "02:00"`)
	f.Int32Var(&w.every, "every", 1, "only every so many hours, days, weeks or months")
	f.StringVar(&w.zone, "zone", "", `the time zone by whose clocks it goes, such as "Europe/Berlin" (default UTC)`)
	f.StringVar(&w.from, "from", "", "from this time on, which --every counts from (default now)")
	f.StringVar(&w.until, "until", "", "until this time")
	cmd.MarkFlagsMutuallyExclusive(whenKinds...)
}

// given reports whether any of the flags was.
func (w *whenFlags) given() bool {
	return slices.ContainsFunc(append([]string{"at", "every", "zone", "from", "until"}, whenKinds...), w.cmd.Flags().Changed)
}

// scheduler returns what the flags say.
func (w *whenFlags) scheduler(now time.Time) (*hanokv1.Scheduler, error) {
	zone, err := time.LoadLocation(w.zone)
	if err != nil || w.zone == "Local" {
		return nil, badFlag("zone", w.zone, "Europe/Berlin")
	}
	out := &hanokv1.Scheduler{Zone: w.zone, Interval: w.every}
	for _, t := range []struct {
		flag, text string
		to         **timestamppb.Timestamp
	}{{"from", w.from, &out.Active}, {"until", w.until, &out.Expire}, {"once", w.once, &out.RunAt}} {
		if *t.to, err = timeFlag(t.flag, t.text, zone, now); err != nil {
			return nil, err
		}
	}
	chosen := slices.DeleteFunc(slices.Clone(whenKinds), func(flag string) bool { return !w.cmd.Flags().Changed(flag) })
	if len(chosen) == 0 {
		return nil, dc.Errorf(dc.Invalid, "nothing says when it is to run").Fix("give one of --%s", strings.Join(whenKinds, ", --"))
	}
	timed := chosen[0] == "weekly" || chosen[0] == "monthly"
	if timed != (w.at != "") {
		return nil, dc.Errorf(dc.Invalid, "--at is the time of --weekly and --monthly").Fix("give it with these, and only with these")
	}
	switch chosen[0] {
	case "once":
		out.Type, out.Interval = string(dc.ScheduleOnce), 0
		return out, nil
	case "after-startup":
		out.Type, out.Delay, out.Interval = string(dc.ScheduleAfterStartup), durationpb.New(w.afterStartup), 0
		return out, nil
	case "hourly":
		out.Type = string(dc.ScheduleHourly)
		return out, w.clock(out, "hourly", "00"+w.hourly)
	case "daily":
		out.Type = string(dc.ScheduleDaily)
		return out, w.clock(out, "daily", w.daily)
	case "weekly":
		out.Type = string(dc.ScheduleWeekly)
		for day := range strings.SplitSeq(w.weekly, ",") {
			d, ok := weekday(day)
			if !ok {
				return nil, badFlag("weekly", w.weekly, "mon,fri")
			}
			out.Weekdays = append(out.Weekdays, d)
		}
	default:
		if err := w.dayOfMonth(out); err != nil {
			return nil, err
		}
	}
	return out, w.clock(out, "at", w.at)
}

func (w *whenFlags) clock(out *hanokv1.Scheduler, flag, text string) error {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return badFlag(flag, text, map[bool]string{true: ":15", false: "22:00"}[flag == "hourly"])
	}
	out.Hour, out.Minute = int32(t.Hour()), int32(t.Minute())
	return nil
}

// dayOfMonth reads a number, "last", or a week and a day.
func (w *whenFlags) dayOfMonth(out *hanokv1.Scheduler) error {
	out.Type = string(dc.ScheduleMonthlyByDay)
	if w.monthly == "last" {
		out.Day = 31 // or what is the last of a month
		return nil
	}
	if day, err := strconv.ParseInt(w.monthly, 10, 8); err == nil {
		out.Day = int32(day)
		return nil
	}
	week, day, _ := strings.Cut(w.monthly, "-")
	d, ok := weekday(day)
	if !ok || !slices.Contains(dc.WeeksOfMonth(), dc.WeekOfMonth(week)) {
		return badFlag("monthly", w.monthly, "first-mon")
	}
	out.Type, out.Week, out.Weekday = string(dc.ScheduleMonthlyByWeekday), week, d
	return nil
}

// weekday returns the number of a day of the week, which is named by three letters at least.
func weekday(name string) (int32, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for d := time.Sunday; d <= time.Saturday; d++ {
		if len(name) >= 3 && strings.HasPrefix(strings.ToLower(d.String()), name) {
			return int32(d), true
		}
	}
	return 0, false
}

// timeFlag reads a time: with an offset from UTC, as the clocks of the zone show it, or "+30m" from now. "" is none.
func timeFlag(flag, text string, zone *time.Location, now time.Time) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	if rest, ok := strings.CutPrefix(text, "+"); ok {
		if d, err := time.ParseDuration(rest); err == nil && d >= 0 {
			return timestamppb.New(now.Add(d)), nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return timestamppb.New(t), nil
	}
	for _, form := range []string{"2006-01-02 15:04", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return timestamppb.New(dc.FirstMoment(t, zone)), nil
		}
	}
	return nil, badFlag(flag, text, "2026-12-24 18:00")
}

func badFlag(flag, text, example string) error {
	return dc.Errorf(dc.Invalid, "--%s %q can't be", flag, text).Fix("give it as %q", example)
}

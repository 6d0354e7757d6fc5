package dc

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// AlarmExpression is one condition of an alarm: exactly one of the three.
type AlarmExpression struct {
	Metric *MetricExpression `json:"metric,omitempty"`
	State  *StateExpression  `json:"state,omitempty"`
	Event  *EventExpression  `json:"event,omitempty"`
}

// MetricExpression compares what is measured.
type MetricExpression struct {
	Counter CounterID `json:"counter"`
	// PartOf makes the value a percentage of another counter's, in hundredths, where it is not 0.
	PartOf CounterID `json:"partOf,omitempty"`
	// Below turns the comparison round.
	Below bool `json:"below,omitempty"`
	// Yellow and Red are the thresholds in the counter's unit, or nil.
	Yellow *int64 `json:"yellow,omitempty"`
	Red    *int64 `json:"red,omitempty"`
	// Hold is how long a value must be beyond a threshold.
	Hold time.Duration `json:"hold,omitempty"`
}

// StateExpression compares a word.
type StateExpression struct {
	// Path is one of StatePaths of the kind.
	Path  string     `json:"path"`
	Not   bool       `json:"not,omitempty"` // the color is that of every other value
	Value string     `json:"value"`
	Color AlarmColor `json:"color"`
	// Hold is how long the word must stay.
	Hold time.Duration `json:"hold,omitempty"`
}

// EventExpression takes the color from an event.
type EventExpression struct {
	Type  EventType  `json:"type"`
	Color AlarmColor `json:"color"`
}

// The paths of states.
const (
	StateConnection = "runtime.connectionState" // of hosts, and of the machines on them
	StatePower      = "runtime.powerState"
	StatePaused     = "runtime.paused" // "true" for a machine that stands still, for a full datastore
	StateFault      = "runtime.fault"  // "true" for a machine that lost its power against everybody's will
	StateAccessible = "summary.accessible"
	StateAuthority  = "certificate.status" // of the data center's authority: "valid", "expiring" or "expired"
)

// StatePaths returns the paths of states that objects of a kind have.
func StatePaths(kind Kind) []string {
	switch kind {
	case KindHost:
		return []string{StateConnection}
	case KindVirtualMachine:
		return []string{StatePower, StatePaused, StateFault}
	case KindDatastore:
		return []string{StateAccessible}
	case KindFolder:
		return []string{StateAuthority}
	}
	return nil
}

func (e AlarmExpression) check(of Kind) *Error {
	switch {
	case e.Metric != nil && e.State == nil && e.Event == nil:
		return e.Metric.check(of)
	case e.State != nil && e.Metric == nil && e.Event == nil:
		for _, path := range StatePaths(of) {
			if path == e.State.Path && e.State.Hold >= 0 && e.State.Hold <= maxHold {
				return checkColor(e.State.Color)
			}
		}
		return Errorf(Invalid, "a %s has no state %q, or not for %v", of.Noun(), e.State.Path, e.State.Hold).Fix("name one of %v, and 0s to 24h", StatePaths(of))
	case e.Event != nil && e.Metric == nil && e.State == nil:
		if e.Event.Color == Green && e.Event.Type != "" {
			return nil
		}
		if e.Event.Type == "" {
			return Errorf(Invalid, "no event is named").Fix("give the name of its class, such as VmPoweredOffEvent")
		}
		return checkColor(e.Event.Color)
	}
	return Errorf(Invalid, "an expression is of a metric, of a state or of an event")
}

// maxHold is for how long a condition may have to be met.
const maxHold = 24 * time.Hour

func checkColor(c AlarmColor) *Error {
	if c == Yellow || c == Red {
		return nil
	}
	return Errorf(Invalid, "%q is no color of an alarm", c).Fix("choose yellow or red")
}

func (m *MetricExpression) check(of Kind) *Error {
	for _, id := range []CounterID{m.Counter, m.PartOf} {
		if id == 0 && m.Counter != 0 {
			continue
		}
		c, ok := CounterOf(id)
		if !ok {
			return Errorf(Invalid, "there is no counter %d", id).Fix(`name one that "hanok stats list" shows`)
		}
		has := false
		for _, kind := range c.Of {
			has = has || kind == of
		}
		if !has || c.Level > 2 {
			return Errorf(Invalid, "a %s has no alarms by %s", of.Noun(), c.FullName()).Fix(`name one that "hanok stats list" shows for it`)
		}
	}
	switch {
	case m.Yellow == nil && m.Red == nil:
		return Errorf(Invalid, "there is no threshold").Fix("give one for yellow, for red or for both")
	case m.Yellow != nil && m.Red != nil && (*m.Yellow > *m.Red) != m.Below:
		return Errorf(Invalid, "the threshold for red is no worse than that for yellow")
	case m.Hold < 0 || m.Hold > maxHold:
		return Errorf(Invalid, "a time of %v can't be", m.Hold).Fix("give 0s to 24h")
	}
	return nil
}

func (e AlarmExpression) level(now AlarmColor, tolerance int64, o Observation) Level {
	switch {
	case e.Metric != nil:
		return e.Metric.level(now, tolerance, o)
	case e.State != nil:
		value, known := o.States[e.State.Path]
		if known && (value == e.State.Value) != e.State.Not {
			return Level{Color: e.State.Color, Known: true, Hold: e.State.Hold}
		}
		return Level{Color: Green, Known: known}
	}
	return Level{Color: Green}
}

func (m *MetricExpression) level(now AlarmColor, tolerance int64, o Observation) Level {
	v, ok := m.value(o.Values)
	if !ok {
		return Level{Color: Green, Known: o.Resting}
	}
	beyond := func(threshold *int64, has bool) bool {
		if threshold == nil {
			return false
		}
		t := *threshold
		margin := int64(0)
		if has { // it goes back only when it is well back
			margin = int64(math.Abs(float64(t)) * float64(tolerance) / 10000)
		}
		if m.Below {
			return v < t+margin
		}
		return v > t-margin
	}
	switch {
	case beyond(m.Red, now == Red):
		return Level{Red, true, m.Hold}
	case beyond(m.Yellow, now != Green && now != ""):
		return Level{Yellow, true, m.Hold}
	}
	return Level{Color: Green, Known: true}
}

func (m *MetricExpression) value(values []CounterValue) (int64, bool) {
	var v, all int64
	found, foundAll := false, m.PartOf == 0
	for _, c := range values {
		if c.Counter == m.Counter {
			v, found = c.Value, true
		}
		if c.Counter == m.PartOf {
			all, foundAll = c.Value, true
		}
	}
	if !found || !foundAll {
		return 0, false
	}
	if m.PartOf == 0 {
		return v, true
	}
	if all <= 0 {
		return 0, false
	}
	return int64(float64(v) / float64(all) * 10000), true
}

// percents reports whether the thresholds are percentages.
func (m *MetricExpression) percents() bool {
	c, _ := CounterOf(m.Counter)
	return m.PartOf != 0 || c.Unit == Percent
}

// String returns the expression in the form that ParseAlarmExpression reads.
func (e AlarmExpression) String() string {
	switch {
	case e.Metric != nil:
		return "metric " + e.Metric.text()
	case e.State != nil:
		is := "is"
		if e.State.Not {
			is = "is-not"
		}
		s := fmt.Sprintf("state %s %s %s %s", e.State.Path, is, e.State.Value, e.State.Color)
		if e.State.Hold > 0 {
			s += " for " + e.State.Hold.String()
		}
		return s
	case e.Event != nil:
		return fmt.Sprintf("event %s %s", e.Event.Type, e.Event.Color)
	}
	return ""
}

func (m *MetricExpression) text() string {
	c, _ := CounterOf(m.Counter)
	s := c.FullName()
	if all, ok := CounterOf(m.PartOf); ok {
		s += " of " + all.FullName()
	}
	if m.Below {
		s += " below"
	} else {
		s += " above"
	}
	number := func(v int64) string {
		if m.percents() {
			return strconv.FormatFloat(float64(v)/100, 'f', -1, 64)
		}
		return strconv.FormatInt(v, 10)
	}
	if m.Yellow != nil {
		s += " " + number(*m.Yellow) + " yellow"
	}
	if m.Red != nil {
		s += " " + number(*m.Red) + " red"
	}
	if m.Hold > 0 {
		s += " for " + m.Hold.String()
	}
	return s
}

// ParseAlarmExpression reads an expression from its words:
//
//	metric cpu.usage.average above 75 yellow 90 red for 5m
//	metric disk.used.latest of disk.capacity.latest above 75 yellow 85 red
//	state runtime.connectionState is notResponding red for 1m
//	state runtime.powerState is-not poweredOn yellow
//	event VmPoweredOffEvent yellow
//
// Percentages are whole ones, with decimals if need be. The error is of kind Invalid.
func ParseAlarmExpression(text string) (AlarmExpression, error) {
	words := strings.Fields(text)
	fail := func(format string, args ...any) (AlarmExpression, error) {
		return AlarmExpression{}, Errorf(Invalid, "the expression %q: %s", text, fmt.Sprintf(format, args...)).
			Fix(`write "metric COUNTER above N yellow N red for 5m", "state PATH is VALUE red" or "event CLASS red"`)
	}
	if len(text) > 500 {
		text = text[:20] + "…"
		return fail("it is longer than 500 bytes")
	}
	switch {
	case (len(words) == 5 || len(words) == 7 && words[5] == "for") && words[0] == "state" && (words[2] == "is" || words[2] == "is-not"):
		state := &StateExpression{Path: words[1], Not: words[2] == "is-not", Value: words[3], Color: AlarmColor(words[4])}
		if len(words) == 7 {
			var err error
			if state.Hold, err = time.ParseDuration(words[6]); err != nil {
				return fail("%q is no time", words[6])
			}
		}
		return AlarmExpression{State: state}, nil
	case len(words) == 3 && words[0] == "event":
		return AlarmExpression{Event: &EventExpression{Type: EventType(words[1]), Color: AlarmColor(words[2])}}, nil
	case len(words) < 5 || words[0] != "metric":
		return fail("it is not complete")
	}
	m := &MetricExpression{}
	c, err := ParseCounter(words[1])
	if err != nil {
		return AlarmExpression{}, err
	}
	m.Counter, words = c.ID, words[2:]
	if words[0] == "of" {
		if c, err = ParseCounter(words[1]); err != nil {
			return AlarmExpression{}, err
		}
		m.PartOf, words = c.ID, words[2:]
	}
	if words[0] != "above" && words[0] != "below" {
		return fail("%q is neither above nor below", words[0])
	}
	m.Below, words = words[0] == "below", words[1:]
	for len(words) >= 2 {
		switch {
		case words[0] == "for":
			if m.Hold, err = time.ParseDuration(words[1]); err != nil {
				return fail("%q is no time", words[1])
			}
		case words[1] == string(Yellow), words[1] == string(Red):
			v, err := strconv.ParseFloat(words[0], 64)
			if err != nil || math.IsNaN(v) || math.Abs(v) > 1e15 {
				return fail("%q is no number", words[0])
			}
			if m.percents() {
				v *= 100
			}
			n := int64(math.Round(v))
			if words[1] == string(Red) {
				m.Red = &n
			} else {
				m.Yellow = &n
			}
		default:
			return fail("%q is not understood", words[0]+" "+words[1])
		}
		words = words[2:]
	}
	if len(words) > 0 {
		return fail("%q is not understood", words[0])
	}
	return AlarmExpression{Metric: m}, nil
}

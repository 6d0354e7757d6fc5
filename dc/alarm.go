package dc

import (
	"slices"
	"time"
)

// AlarmColor is how an object is by an alarm.
type AlarmColor string

// The colors, by vSphere's names: as it should be, a warning, an alert.
const (
	Green  AlarmColor = "green"
	Yellow AlarmColor = "yellow"
	Red    AlarmColor = "red"
)

// Alarm watches all objects of a kind.
type Alarm struct {
	ID AlarmID `json:"id"`
	Meta
	Spec AlarmSpec `json:"spec"`
}

// AlarmSpec says what an alarm watches. It is written by the manager's alarm service.
type AlarmSpec struct {
	// SystemName is vSphere's for one of its default alarms, "alarm.HostCPUUsageAlarm", and "" for a user's own.
	SystemName  string `json:"systemName,omitempty"`
	Description string `json:"description,omitempty"`
	// Disabled alarms watch nothing.
	Disabled bool `json:"disabled,omitempty"`
	// Of is the kind of the objects: one of AlarmKinds.
	Of Kind `json:"of"`
	// All lets the color be the best of all expressions, else it is the worst.
	All bool `json:"all,omitempty"`
	// Expressions are either all of events, or none of them is.
	Expressions []AlarmExpression `json:"expressions"`
	// Tolerance is how far a metric must have come back over a threshold for the color to go back, in hundredths of a percent of the
	// threshold: without it an alarm at the threshold would flap.
	Tolerance int64 `json:"tolerance,omitempty"`
}

// AlarmState is an object that an alarm has found not to be green. It is removed when the object is green again.
type AlarmState struct {
	ID AlarmStateID `json:"id"`
	Meta
	Alarm  AlarmID `json:"alarm"`
	Object ID      `json:"object"`
	// ObjectName and AlarmName are what they were called when the color changed last.
	ObjectName string     `json:"objectName"`
	AlarmName  string     `json:"alarmName"`
	Color      AlarmColor `json:"color"`
	// Since is when the color changed last.
	Since time.Time `json:"since"`
	// AcknowledgedBy is who has said that he takes care of it, or "", and Acknowledged when.
	AcknowledgedBy string    `json:"acknowledgedBy,omitempty"`
	Acknowledged   time.Time `json:"acknowledged,omitzero"`
}

func (*Alarm) Kind() Kind      { return KindAlarm }
func (*AlarmState) Kind() Kind { return KindAlarmState }

func (o *Alarm) Identity() ID      { return ID(o.ID) }
func (o *AlarmState) Identity() ID { return ID(o.ID) }

// Claims is the alarm's name.
func (o *Alarm) Claims() []string { return []string{"alarm/" + o.Name} }

// Claims is the alarm and the object: an object has one color by an alarm.
func (o *AlarmState) Claims() []string { return []string{AlarmStateClaim(o.Alarm, o.Object)} }

// AlarmStateClaim returns the claim of an object's color by an alarm.
func AlarmStateClaim(alarm AlarmID, object ID) string {
	return "alarmstate/" + string(alarm) + "/" + string(object)
}

// AlarmKinds returns the kinds of objects that alarms may be of.
func AlarmKinds() []Kind { return []Kind{KindHost, KindVirtualMachine, KindDatastore, KindFolder} }

const (
	maxExpressions = 16
	maxTolerance   = 5000
)

// CheckAlarm returns an error of kind Invalid unless an alarm of that name may have the spec.
func CheckAlarm(name string, s AlarmSpec) error {
	if err := CheckName(KindAlarm, name); err != nil {
		return err
	}
	object := Describe(KindAlarm, name)
	switch {
	case !slices.Contains(AlarmKinds(), s.Of):
		return Errorf(Invalid, "alarms of the kind %q can't be", s.Of).On(object).Fix("name one of the kinds %v", AlarmKinds())
	case len(s.Expressions) == 0 || len(s.Expressions) > maxExpressions:
		return Errorf(Invalid, "it has %d expressions", len(s.Expressions)).On(object).Fix("give 1 to %d", maxExpressions)
	case s.Tolerance < 0 || s.Tolerance > maxTolerance:
		return Errorf(Invalid, "a tolerance of %d hundredths of a percent can't be", s.Tolerance).On(object).Fix("give 0 to %d", maxTolerance)
	}
	events := 0
	for _, e := range s.Expressions {
		if err := e.check(s.Of); err != nil {
			return err.On(object)
		}
		if e.Event != nil {
			events++
		}
	}
	if events > 0 && (events < len(s.Expressions) || s.All) {
		return Errorf(Invalid, "events and states can't be in one alarm, nor can all of several events").On(object).Fix("make two alarms")
	}
	return nil
}

// OnEvents reports whether the alarm's color changes by events only.
func (s AlarmSpec) OnEvents() bool { return len(s.Expressions) > 0 && s.Expressions[0].Event != nil }

// Observation is what is known of one object at a moment.
type Observation struct {
	// Values are the newest of the whole object, or nil where none were measured lately.
	Values []CounterValue
	// Resting is set where the object can have no figures and needs none: a machine without power.
	Resting bool
	// States are the words for what can be asked for by a state expression, by its path.
	States map[string]string
}

// Level is what an expression makes of an observation, and how long it must last. Unknown levels change nothing.
type Level struct {
	Color AlarmColor
	Known bool
	Hold  time.Duration
}

// Level returns the color that the object should have by the expressions that look at what is, where it has the color now.
func (s AlarmSpec) Level(now AlarmColor, o Observation) Level {
	var out Level
	known := true
	for i, e := range s.Expressions {
		l := e.level(now, s.Tolerance, o)
		known = known && l.Known
		switch {
		case i == 0, s.All && l.Color.Below(out.Color), !s.All && out.Color.Below(l.Color):
			if s.All {
				l.Hold = max(l.Hold, out.Hold)
			}
			out = l
		case s.All:
			out.Hold = max(l.Hold, out.Hold)
		}
	}
	// One bad expression is enough for any of them; that nothing is bad, or all is, must be known of each.
	out.Known = known || !s.All && out.Color != Green
	return out
}

// Below reports whether c is better than d.
func (c AlarmColor) Below(d AlarmColor) bool { return c.rank() < d.rank() }

func (c AlarmColor) rank() int {
	switch c {
	case Red:
		return 2
	case Yellow:
		return 1
	}
	return 0
}

// ByEvent returns the color that an event of the type gives the object, and whether the alarm cares.
func (s AlarmSpec) ByEvent(t EventType) (AlarmColor, bool) {
	for _, e := range s.Expressions {
		if e.Event != nil && e.Event.Type == t {
			return e.Event.Color, true
		}
	}
	return "", false
}

package dc_test

import (
	"testing"
	"time"

	"hanok/dc"
)

func spec(t *testing.T, of dc.Kind, all bool, expressions ...string) dc.AlarmSpec {
	t.Helper()
	s := dc.AlarmSpec{Of: of, All: all, Tolerance: 400}
	for _, text := range expressions {
		e, err := dc.ParseAlarmExpression(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.String(); got != text {
			t.Errorf("%q became %q", text, got)
		}
		s.Expressions = append(s.Expressions, e)
	}
	if err := dc.CheckAlarm("test", s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAlarmLevel(t *testing.T) {
	cpu := func(hundredths int64) dc.Observation {
		return dc.Observation{Values: []dc.CounterValue{{Counter: dc.CPUUsage, Value: hundredths}}}
	}
	disk := dc.Observation{Values: []dc.CounterValue{{Counter: dc.DatastoreUsed, Value: 80}, {Counter: dc.DatastoreCapacity, Value: 100}}}
	usage := spec(t, dc.KindHost, false, "metric cpu.usage.average above 75 yellow 90 red for 5m0s")
	low := spec(t, dc.KindHost, false, "metric mem.consumed.average below 100 yellow 50 red")
	space := spec(t, dc.KindDatastore, false, "metric disk.used.latest of disk.capacity.latest above 75 yellow 85 red")
	onlyRed := spec(t, dc.KindHost, false, "metric cpu.usage.average above 90.5 red")
	power := spec(t, dc.KindVirtualMachine, false, "state runtime.powerState is-not poweredOn yellow", "state runtime.fault is true red")
	both := spec(t, dc.KindVirtualMachine, true, "metric cpu.usage.average above 50 yellow 80 red for 1m0s", "state runtime.powerState is poweredOn red")
	states := func(power, fault string) dc.Observation {
		return dc.Observation{States: map[string]string{dc.StatePower: power, dc.StateFault: fault}}
	}
	on := func(hundredths int64) dc.Observation {
		o := cpu(hundredths)
		o.States = map[string]string{dc.StatePower: "poweredOn"}
		return o
	}
	for _, test := range []struct {
		name string
		spec dc.AlarmSpec
		now  dc.AlarmColor
		o    dc.Observation
		want dc.Level
	}{
		{"quiet", usage, dc.Green, cpu(7500), dc.Level{Color: dc.Green, Known: true}},
		{"yellow", usage, dc.Green, cpu(7501), dc.Level{Color: dc.Yellow, Known: true, Hold: 5 * time.Minute}},
		{"red", usage, dc.Green, cpu(9001), dc.Level{Color: dc.Red, Known: true, Hold: 5 * time.Minute}},
		{"not well back from red", usage, dc.Red, cpu(8700), dc.Level{Color: dc.Red, Known: true, Hold: 5 * time.Minute}},
		{"well back from red", usage, dc.Red, cpu(8600), dc.Level{Color: dc.Yellow, Known: true, Hold: 5 * time.Minute}},
		{"yellow at the same value", usage, dc.Yellow, cpu(8700), dc.Level{Color: dc.Yellow, Known: true, Hold: 5 * time.Minute}},
		{"not well back from yellow", usage, dc.Yellow, cpu(7300), dc.Level{Color: dc.Yellow, Known: true, Hold: 5 * time.Minute}},
		{"well back from yellow", usage, dc.Yellow, cpu(7200), dc.Level{Color: dc.Green, Known: true}},
		{"nothing measured", usage, dc.Red, dc.Observation{}, dc.Level{Color: dc.Green}},
		{"without power", usage, dc.Red, dc.Observation{Resting: true}, dc.Level{Color: dc.Green, Known: true}},
		{"below", low, dc.Green, dc.Observation{Values: []dc.CounterValue{{Counter: dc.MemoryConsumed, Value: 49}}}, dc.Level{Color: dc.Red, Known: true}},
		{"below, nearly back", low, dc.Yellow, dc.Observation{Values: []dc.CounterValue{{Counter: dc.MemoryConsumed, Value: 103}}}, dc.Level{Color: dc.Yellow, Known: true}},
		{"part", space, dc.Green, disk, dc.Level{Color: dc.Yellow, Known: true}},
		{"part of nothing", space, dc.Green, dc.Observation{Values: []dc.CounterValue{{Counter: dc.DatastoreUsed, Value: 80}, {Counter: dc.DatastoreCapacity}}}, dc.Level{Color: dc.Green}},
		{"only red", onlyRed, dc.Green, cpu(9050), dc.Level{Color: dc.Green, Known: true}},
		{"only red", onlyRed, dc.Green, cpu(9051), dc.Level{Color: dc.Red, Known: true}},
		{"any, none", power, dc.Green, states("poweredOn", "false"), dc.Level{Color: dc.Green, Known: true}},
		{"any, one", power, dc.Green, states("poweredOff", "false"), dc.Level{Color: dc.Yellow, Known: true}},
		{"any, the worst", power, dc.Green, states("poweredOff", "true"), dc.Level{Color: dc.Red, Known: true}},
		{"any, one known", power, dc.Green, dc.Observation{States: map[string]string{dc.StateFault: "true"}}, dc.Level{Color: dc.Red, Known: true}},
		{"any, one unknown", power, dc.Red, dc.Observation{States: map[string]string{dc.StateFault: "false"}}, dc.Level{Color: dc.Green}},
		{"all, one", both, dc.Green, on(100), dc.Level{Color: dc.Green, Known: true}},
		{"all, the best", both, dc.Green, on(6000), dc.Level{Color: dc.Yellow, Known: true, Hold: time.Minute}},
		{"all, red", both, dc.Green, on(9000), dc.Level{Color: dc.Red, Known: true, Hold: time.Minute}},
		{"all, one unknown", both, dc.Red, cpu(9000), dc.Level{Color: dc.Green}},
	} {
		got := test.spec.Level(test.now, test.o)
		if !got.Known { // its color and time say nothing
			got.Hold, got.Color, test.want.Color = 0, "", ""
		}
		if got.Color == dc.Green {
			got.Hold, test.want.Hold = 0, 0
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestCheckAlarm(t *testing.T) {
	for _, test := range []struct {
		of          dc.Kind
		expressions []string
	}{
		{dc.KindHost, nil},
		{dc.KindTask, []string{"event TaskFailedEvent red"}},
		{dc.KindHost, []string{"metric disk.used.latest above 5 red"}},
		{dc.KindHost, []string{"metric cpu.usage.average above 90 yellow 80 red"}},
		{dc.KindHost, []string{"metric cpu.usage.average below 80 yellow 90 red"}},
		{dc.KindHost, []string{"metric cpu.usage.average above 90 red for -5m"}},
		{dc.KindHost, []string{"state runtime.powerState is poweredOn red"}},
		{dc.KindHost, []string{"state runtime.connectionState is connected green"}},
		{dc.KindHost, []string{"event HostConnectionLostEvent red", "state runtime.connectionState is connected red"}},
		{dc.KindHost, []string{"event HostConnectionLostEvent blue"}},
	} {
		s := dc.AlarmSpec{Of: test.of}
		for _, text := range test.expressions {
			e, err := dc.ParseAlarmExpression(text)
			if err != nil {
				t.Fatal(err)
			}
			s.Expressions = append(s.Expressions, e)
		}
		if err := dc.CheckAlarm("test", s); dc.KindOf(err) != dc.Invalid {
			t.Errorf("%s %q: %v", test.of, test.expressions, err)
		}
	}
	if err := dc.CheckAlarm("test", dc.AlarmSpec{Of: dc.KindHost, Expressions: []dc.AlarmExpression{{}}}); dc.KindOf(err) != dc.Invalid {
		t.Errorf("an empty expression: %v", err)
	}
}

func FuzzParseAlarmExpression(f *testing.F) {
	for _, text := range []string{"metric cpu.usage.average above 75 yellow 90.25 red for 5m0s", "metric disk.used.latest of disk.capacity.latest below 1 red",
		"state runtime.powerState is-not poweredOn yellow for 1h0m0s", "event VmPoweredOffEvent green", "", "metric cpu.usage.average of mem.usage.average", "metric", "event a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := dc.ParseAlarmExpression(text)
		if err != nil {
			if dc.KindOf(err) != dc.Invalid {
				t.Fatal(err)
			}
			return
		}
		again, err := dc.ParseAlarmExpression(e.String())
		if dc.CheckAlarm("a", dc.AlarmSpec{Of: dc.KindHost, Expressions: []dc.AlarmExpression{e}}) == nil && (err != nil || again.String() != e.String()) {
			t.Errorf("%q became %q, and that %q, %v", text, e, again, err)
		}
	})
}

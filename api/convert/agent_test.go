package convert_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// wire returns what is left of m after a journey.
func wire[T proto.Message](t *testing.T, m T) T {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out.(T)
}

// full returns a value in which every field is set.
func full[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func TestAgentRoundTrip(t *testing.T) {
	facts := full[dc.HostStatus]()
	got := convert.FromHostFacts(wire(t, convert.HostFacts(facts)))
	facts.Connection = ""
	if diff := cmp.Diff(facts, got); diff != "" {
		t.Error("host facts:", diff)
	}

	for _, a := range []dc.Assignment{{Machine: dc.Machine{ID: "vm-1"}}, full[dc.Assignment]()} {
		a.Machine.ID = "vm-1"
		if a.Power.Op != "" {
			a.Power.Op, a.Machine.Pools[0].ID = dc.RebootGuest, "resgroup-1"
		}
		got, err := convert.FromMachineAssignment(wire(t, convert.MachineAssignment(a)))
		if diff := cmp.Diff(a, got); err != nil || diff != "" {
			t.Error("assignment:", err, diff)
		}
	}

	for _, s := range []dc.VirtualMachineStatus{{}, full[dc.VirtualMachineStatus]()} {
		if s.Files != "" {
			s.Files, s.Power = dc.FilesFailed, dc.Suspended
			for _, f := range []*dc.Failure{s.FilesFailure, s.Paused, s.Outcome.Failure, s.Fault, s.Blocked, s.Configured.Failure} {
				f.Kind = dc.Exhausted
			}
		}
		got, err := convert.FromMachineStatus(wire(t, convert.MachineStatus(s)))
		if diff := cmp.Diff(s, got); err != nil || diff != "" {
			t.Error("status:", err, diff)
		}
	}
}

func TestAgentRefuses(t *testing.T) {
	assignment := func(change func(*agentv1.MachineAssignment)) error {
		a := convert.MachineAssignment(dc.Assignment{Machine: dc.Machine{ID: "vm-1"}})
		change(a)
		_, err := convert.FromMachineAssignment(a)
		return err
	}
	status := func(s *agentv1.MachineStatus) error {
		_, err := convert.FromMachineStatus(s)
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want dc.ErrorKind
	}{
		"no machine":   {assignment(func(a *agentv1.MachineAssignment) { a.Machine = nil }), dc.Invalid},
		"a path as ID": {assignment(func(a *agentv1.MachineAssignment) { a.Machine.Id = "vm-/../x" }), dc.Invalid},
		"operation":    {assignment(func(a *agentv1.MachineAssignment) { a.Power.Op = "explode" }), dc.Unsupported},
		"no power":     {assignment(func(a *agentv1.MachineAssignment) { a.Power = nil }), ""},
		"files":        {status(&agentv1.MachineStatus{Files: "lost"}), dc.Unsupported},
		"power":        {status(&agentv1.MachineStatus{Power: "half"}), dc.Unsupported},
		"no status":    {status(nil), ""},
	} {
		if got := dc.KindOf(test.err); got != test.want {
			t.Errorf("%s: %v, want the kind %q", name, test.err, test.want)
		}
	}
}

// TestSpeaksMachine: an agent of protocol 2 gets the machines that it can execute, those without disks and adapters among them.
func TestSpeaksMachine(t *testing.T) {
	plain := dc.UpgradeHardware(dc.Hardware{CPUs: 1, MemoryMB: 64}, "a")
	plain.InstanceUUID = "500f3a1e-3c1d-4f4e-9a57-0123456789ab"
	for name, test := range map[string]struct {
		change func(h *dc.Hardware)
		want   bool
	}{
		"nothing":                          {func(*dc.Hardware) {}, true},
		"no lists":                         {func(h *dc.Hardware) { h.Disks, h.NICs, h.Controllers = nil, nil, nil }, true},
		"empty lists":                      {func(h *dc.Hardware) { h.Disks, h.NICs, h.Controllers = []dc.Disk{}, []dc.NIC{}, []dc.Controller{} }, true},
		"a newer device":                   {func(h *dc.Hardware) { h.TPM = true }, false},
		"an adapter that it does not know": {func(h *dc.Hardware) { h.NICs = []dc.NIC{{Key: 4000, Type: dc.VMXNET3}} }, false},
	} {
		h := plain
		test.change(&h)
		m := dc.Machine{ID: "vm-1", Folder: "a", Hardware: h}
		if got := convert.SpeaksMachine(2, nil, m); got != test.want || !convert.SpeaksMachine(3, dc.HostFeatures(), m) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

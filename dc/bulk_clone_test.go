package dc

import (
	"testing"
	"time"
)

func TestCloneSpec(t *testing.T) {
	c := CloneSpec{Name: "{name}-{date}-{time}"}
	if got := c.At(time.Date(2026, 11, 24, 2, 5, 0, 0, time.UTC)).NameOf("web"); got != "web-20261124-0205" {
		t.Error(got)
	}
	two := make([]BulkObject, 2)
	for _, test := range []struct {
		bulk Bulk
		ok   bool
	}{
		{Bulk{Clone: &c}, true},
		{Bulk{Clone: &c, Objects: two}, true},
		{Bulk{}, false},
		{Bulk{Clone: &CloneSpec{Name: "one"}, Objects: two[:1]}, true},
		{Bulk{Clone: &CloneSpec{Name: "one"}, Objects: two}, false},
		{Bulk{Clone: &CloneSpec{Name: "a/{name}"}}, false},
		{Bulk{Clone: &CloneSpec{Name: "a", Template: true, PowerOn: true}}, false},
		{Bulk{Clone: &CloneSpec{Name: "a", Provisioning: "fat"}}, false},
	} {
		test.bulk.Op = BulkClone
		if test.bulk.Objects == nil {
			test.bulk.Objects = two[:1]
		}
		if err := CheckBulk(test.bulk); (err == nil) != test.ok || err != nil && KindOf(err) != Invalid {
			t.Errorf("%+v: %v", test.bulk.Clone, err)
		}
	}
}

func TestCommonChange(t *testing.T) {
	yes := true
	for _, test := range []struct {
		change HardwareChange
		want   bool
	}{
		{HardwareChange{}, false},
		{HardwareChange{CPUs: 2, MemoryMB: 1024, CPUHotAdd: &yes}, true},
		{HardwareChange{CPUs: 2, RemoveDisks: []int32{}, SetMedia: map[int32]Media{}}, true},
		{HardwareChange{CPUs: 2, RemoveDisks: []int32{2000}}, false},
		{HardwareChange{AddTPM: true}, false},
		{HardwareChange{CPUs: 2, Boot: BootChange{EnterSetup: &yes}}, false},
	} {
		if got := test.change.Common(); got != test.want {
			t.Errorf("%+v: %t", test.change, got)
		}
	}
}

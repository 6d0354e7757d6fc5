package dc

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// objects returns one object of every kind.
func objects() []Object {
	meta := Meta{Name: "n", Parent: "group-p"}
	return []Object{
		&Folder{ID: "group-1", Meta: meta}, &Datacenter{ID: "datacenter-1", Meta: meta}, &Cluster{ID: "domain-c1", Meta: meta},
		&Host{ID: "host-1", Meta: meta}, &ResourcePool{ID: "resgroup-1", Meta: meta}, &Datastore{ID: "datastore-1", Meta: meta},
		&PortGroup{ID: "network-1", Meta: meta}, &Image{ID: "image-1", Meta: meta}, &VirtualMachine{ID: "vm-1", Meta: meta},
		&Task{ID: "task-1", Meta: meta, Target: "vm-1"}, &Event{ID: "event-1", Meta: meta}, &User{ID: "user-1", Meta: meta},
		&Session{ID: "session-1", Meta: meta, TokenHash: "h"}, &JoinToken{ID: "join-1", Meta: meta, TokenHash: "h"},
		&Secret{ID: "secret-1", Meta: meta},
		&Role{ID: "role-1", Meta: meta},
		&Permission{ID: "permission-1", Meta: meta},
		&Group{ID: "usergroup-1", Meta: meta},
		&Sequence{ID: "sequence-1", Meta: meta},
		&Alarm{ID: "alarm-1", Meta: meta}, &AlarmState{ID: "alarmstate-1", Meta: meta},
		&TagCategory{ID: "tagcategory-1", Meta: meta}, &Tag{ID: "tag-1", Meta: meta},
		&CustomField{ID: "customfield-1", Meta: meta},
		&APIToken{ID: "apitoken-1", Meta: meta},
		&IdentitySource{ID: "identitysource-1", Meta: meta},
		&DeletionGuard{ID: TheDeletionGuard, Meta: meta},
		&ScheduledTask{ID: "schedule-1", Meta: meta},
	}
}

func TestEveryKindHasAnObject(t *testing.T) {
	var kinds []Kind
	for _, o := range objects() {
		kinds = append(kinds, o.Kind())
		if o.Identity().Kind() != o.Kind() {
			t.Errorf("%T: its ID %q is not of its kind %s", o, o.Identity(), o.Kind())
		}
		if o.Metadata().Name != "n" {
			t.Errorf("%T: Metadata is not the object's own", o)
		}
		if none := reflect.Zero(reflect.TypeOf(o)).Interface().(Object); none.Kind() != o.Kind() {
			t.Errorf("%T: Kind looks at the object", o)
		}
	}
	for _, o := range objects() {
		if empty := NewObject(o.Kind()); reflect.TypeOf(empty) != reflect.TypeOf(o) || !reflect.ValueOf(empty).Elem().IsZero() {
			t.Errorf("a new object of kind %s is the %T %[2]v", o.Kind(), empty)
		}
	}
	if o := NewObject("Unicorn"); o != nil {
		t.Errorf("a new object of no kind is %v", o)
	}
	if !slices.Equal(kinds, Kinds()) {
		t.Errorf("the objects are of the kinds %v, want %v", kinds, Kinds())
	}
}

func TestRevisionIsNotStored(t *testing.T) {
	for _, o := range objects() {
		o.Metadata().Revision = 4711
		data, err := json.Marshal(o)
		if err != nil || strings.Contains(string(data), "4711") {
			t.Errorf("%T: %s, %v", o, data, err)
		}
	}
}

func TestClaims(t *testing.T) {
	vm := &VirtualMachine{ID: "vm-1", Meta: Meta{Name: "hello", Parent: "group-1"}}
	placed := *vm
	placed.Spec.Datastore, placed.Spec.Folder = "datastore-1", "hello_1"
	placed.Spec.Pool = "resgroup-1"
	placed.Spec.Hardware.Disks = []Disk{{File: "hello_1/hello_1.vmdk"}, {File: "other/a.vmdk"}, {}}
	placed.Spec.Discarded = []string{"hello_1/gone.vmdk", "other/a.vmdk"}
	placed.Spec.Hardware.NICs = []NIC{{MAC: "52:54:00:00:00:01", PortGroup: "network-1"}, {MAC: "52:54:00:00:00:02", PortGroup: "network-1"}}
	tests := []struct {
		name string
		obj  Object
		want []string
	}{
		{"an inventory object", &Folder{Meta: Meta{Name: "vm", Parent: "datacenter-1"}}, []string{"name/datacenter-1/vm"}},
		{"a machine", vm, []string{"name/group-1/hello"}},
		{"a placed machine", &placed, []string{"name/group-1/hello", UseClaim("resgroup-1", "vm-1"), UseClaim("datastore-1", "vm-1"),
			"datastore/datastore-1/hello_1", "disk/datastore-1/hello_1/hello_1.vmdk", "disk/datastore-1/other/a.vmdk",
			"disk/datastore-1/hello_1/gone.vmdk", UseClaim("network-1", "vm-1"), "mac/52:54:00:00:00:01", "mac/52:54:00:00:00:02"}},
		{"a datastore", &Datastore{ID: "datastore-1", Meta: Meta{Name: "ds", Parent: "group-1"}, Spec: DatastoreSpec{Host: "host-1", Path: "/srv/ds"}},
			[]string{"name/group-1/ds", "path/host-1/srv/ds", UseClaim("host-1", "datastore-1")}},
		{"a queued task", &Task{Target: "vm-1", State: TaskQueued}, []string{TaskClaim("vm-1")}},
		{"a running task", &Task{Target: "vm-1", State: TaskRunning, Undoing: true}, []string{TaskClaim("vm-1")}},
		{"a successful task", &Task{Target: "vm-1", State: TaskSuccess}, nil},
		{"a failed task", &Task{Target: "vm-1", State: TaskError}, nil},
		{"a user", &User{Meta: Meta{Name: "admin"}}, []string{"user/admin"}},
		{"an image", &Image{Meta: Meta{Name: "starter"}}, []string{"image/starter"}},
		{"a session", &Session{TokenHash: "h"}, []string{"session/h"}},
		{"a join token", &JoinToken{TokenHash: "h"}, []string{"join/h"}},
		{"an event", &Event{}, nil},
		{"a secret", &Secret{}, nil},
	}
	for _, tt := range tests {
		if got := tt.obj.Claims(); !slices.Equal(got, tt.want) {
			t.Errorf("%s claims %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNamesOfDifferentParentsDoNotMeet(t *testing.T) {
	if a, b := NameClaim("group-1", "x"), NameClaim("group-2", "x"); a == b {
		t.Errorf("both claim %q", a)
	}
	if !strings.HasPrefix(NameClaim("group-1", "x"), ChildClaims("group-1")) {
		t.Error("a child's name claim does not begin with its parent's prefix")
	}
	if use := UseClaim("group-1", "vm-1"); !strings.HasPrefix(use, ChildClaims("group-1")) || use == NameClaim("group-1", "vm-1") {
		t.Errorf("the claim of a user is %q", use)
	}
	if strings.HasPrefix(NameClaim("group-12", "x"), ChildClaims("group-1")) {
		t.Error("one parent's prefix covers the children of another")
	}
}

func TestEveryKindHasANoun(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		noun := k.Noun()
		if noun != strings.ToLower(noun) || seen[noun] {
			t.Errorf("the noun of %s is %q", k, noun)
		}
		seen[noun] = true
	}
	if got := Describe(KindVirtualMachine, `a"b`); got != `virtual machine "a\"b"` {
		t.Errorf("got %s", got)
	}
}

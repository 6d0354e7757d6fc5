package convert_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hanok/api/convert"
	"hanok/dc"
)

func names(id dc.ID) string { return "name of " + string(id) }

// TestNothingIsLost converts objects in which every field is set and looks for fields of the messages that are not.
func TestNothingIsLost(t *testing.T) {
	unset := map[string]bool{ // what comes from elsewhere than the object
		"hanok.v1.Task.message": true, "hanok.v1.ResourcePool.runtime": true,
		"hanok.v1.VirtualMachine.hardware":   true, // too much for lists
		"hanok.v1.Task.results":              true, // so are these
		"hanok.v1.Host.guaranteed_memory_mb": true, // nothing, of less memory than the host keeps for itself
	}
	for _, kind := range append(convert.WatchKinds(), dc.KindUser) {
		t.Run(string(kind), func(t *testing.T) {
			o := filled(kind)
			var msg proto.Message
			if u, ok := o.(*dc.User); ok {
				msg = convert.User(u, "Admin", "company")
			} else if ds, ok := o.(*dc.Datastore); ok {
				msg = convert.Datastore(ds, &dc.DatastoreUsage{CapacityBytes: 2, FreeBytes: 1}, names)
			} else {
				msg = convert.Changed(o, names)
			}
			walk(msg.ProtoReflect(), func(f protoreflect.FieldDescriptor) {
				if !unset[string(f.FullName())] {
					t.Errorf("%s is not set", f.FullName())
				}
			})
		})
	}
}

func TestChange(t *testing.T) {
	vm := filled(dc.KindVirtualMachine)
	c := convert.Changed(vm, names)
	if c.Kind != "VirtualMachine" || c.Id != string(vm.Identity()) || c.Revision != vm.Metadata().Revision {
		t.Errorf("change %v does not name its object", c)
	}
	if c.GetVirtualMachine().GetHost() != names(dc.ID(vm.(*dc.VirtualMachine).Spec.Host)) {
		t.Errorf("host is %q", c.GetVirtualMachine().GetHost())
	}
	for _, secret := range []dc.Object{new(dc.User), new(dc.Session), new(dc.JoinToken), new(dc.Secret), new(dc.APIToken), new(dc.IdentitySource)} {
		if c := convert.Changed(secret, names); c != nil {
			t.Errorf("%s may be watched", secret.Kind())
		}
	}
	if c := convert.Deleted(dc.KindHost, "host-1", 7); c.Object != nil || c.Kind != "Host" || c.Id != "host-1" || c.Revision != 7 {
		t.Errorf("deletion is %v", c)
	}
}

func TestTaskPercent(t *testing.T) {
	steps := []string{"a", "b", "c", "d"}
	for _, tc := range []struct {
		task     dc.Task
		progress *convert.Progress
		want     int32
	}{
		{dc.Task{State: dc.TaskQueued}, nil, 0},
		{dc.Task{State: dc.TaskRunning, Steps: steps, Cursor: 3}, nil, 75},
		{dc.Task{State: dc.TaskRunning, Steps: steps, Cursor: 3}, &convert.Progress{Percent: 80}, 80},
		{dc.Task{State: dc.TaskSuccess, Steps: steps, Cursor: 4}, nil, 100},
		{dc.Task{State: dc.TaskError, Steps: steps}, nil, 0},
	} {
		if got := convert.Task(&tc.task, tc.progress).Percent; got != tc.want {
			t.Errorf("%s at step %d: %d %%, want %d", tc.task.State, tc.task.Cursor, got, tc.want)
		}
	}
}

func TestZeroTimesAreUnset(t *testing.T) {
	vm := convert.VirtualMachine(new(dc.VirtualMachine), names)
	for name, set := range map[string]bool{
		"created": vm.Created != nil, "booted": vm.Booted != nil, "power_request": vm.PowerRequest != nil,
		"power_outcome": vm.PowerOutcome != nil, "fault": vm.Fault != nil,
	} {
		if set {
			t.Errorf("%s is set", name)
		}
	}
	if ds := convert.Datastore(new(dc.Datastore), nil, names); ds.FreeBytes != nil {
		t.Error("the free space of a datastore without usage is set")
	}
}

// filled returns an object in which every field has a value.
func filled(kind dc.Kind) dc.Object {
	o := map[dc.Kind]dc.Object{
		dc.KindFolder: new(dc.Folder), dc.KindDatacenter: new(dc.Datacenter), dc.KindCluster: new(dc.Cluster),
		dc.KindResourcePool: new(dc.ResourcePool), dc.KindHost: new(dc.Host), dc.KindDatastore: new(dc.Datastore),
		dc.KindPortGroup: new(dc.PortGroup), dc.KindImage: new(dc.Image), dc.KindVirtualMachine: new(dc.VirtualMachine),
		dc.KindTask: new(dc.Task), dc.KindEvent: new(dc.Event), dc.KindUser: new(dc.User),
	}[kind]
	n := 0
	fill(reflect.ValueOf(o).Elem(), &n)
	return o
}

func fill(v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
		return
	}
	if v.Type() == reflect.TypeFor[dc.ShareLevel]() {
		v.SetString(string(dc.SharesCustom))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("no value for a " + v.Kind().String())
	}
}

// walk calls missing for every field of m, at any depth, that is not set.
func walk(m protoreflect.Message, missing func(protoreflect.FieldDescriptor)) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		oneof := f.ContainingOneof() != nil && !f.ContainingOneof().IsSynthetic()
		switch {
		case !m.Has(f) && oneof:
		case !m.Has(f):
			missing(f)
		case f.IsList() && f.Message() != nil:
			walk(m.Get(f).List().Get(0).Message(), missing)
		case f.Message() != nil && f.Message().ParentFile().Package() == "hanok.v1":
			walk(m.Get(f).Message(), missing)
		}
	}
}

package property

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hanok/facade/vsphere/wire"
)

// world is a folder with machines, whose changes are counted.
type world struct {
	*testing.T
	clock   int64
	folders map[string][]string // the machines in each
	names   map[string]string   // of machines
	touched []touch
	// forgets makes Touched remember nothing.
	forgets bool
	reads   int
	cache   *Cache
}

type touch struct {
	at         int64
	value      string
	structural bool
}

var (
	folderType  = NewType(mo.Folder{}, []string{"name", "childEntity"})
	machineType = NewType(mo.VirtualMachine{}, []string{"name", "summary", "effectiveRole"})
	knownTypes  = map[string]*Type{"Folder": folderType, "VirtualMachine": machineType, "ManagedEntity": NewType(mo.ManagedEntity{}, nil)}
)

func newWorld(t *testing.T, machines int) *world {
	w := &world{T: t, folders: map[string][]string{"group-1": {}}, names: map[string]string{}, cache: NewCache(1 << 20)}
	for i := range machines {
		w.add(fmt.Sprintf("vm-%03d", i))
	}
	return w
}

func (w *world) add(vm string) {
	w.names[vm] = "name of " + vm
	w.folders["group-1"] = append(w.folders["group-1"], vm)
	w.touch("group-1", true)
}

func (w *world) remove(vm string) {
	delete(w.names, vm)
	w.folders["group-1"] = slices.DeleteFunc(w.folders["group-1"], func(v string) bool { return v == vm })
	w.touch("group-1", true)
}

func (w *world) rename(vm, name string) {
	w.names[vm] = name
	w.touch(vm, false)
}

func (w *world) touch(value string, structural bool) {
	w.clock++
	w.touched = append(w.touched, touch{w.clock, value, structural})
}

func (w *world) Object(value string) Object {
	if _, ok := w.folders[value]; ok {
		return thing{w, value, folderType}
	}
	if _, ok := w.names[value]; ok {
		return thing{w, value, machineType}
	}
	return nil
}

func (w *world) Ref(value string) types.ManagedObjectReference {
	if strings.HasPrefix(value, "vm-") {
		return types.ManagedObjectReference{Type: "VirtualMachine", Value: value}
	}
	return types.ManagedObjectReference{Type: "Folder", Value: value}
}

func (w *world) Clock() int64 { return w.clock }

func (w *world) Touched(since int64) (values []string, structural, ok bool) {
	for _, t := range w.touched {
		if t.at > since {
			structural = structural || t.structural
			if !slices.Contains(values, t.value) {
				values = append(values, t.value)
			}
		}
	}
	return values, structural, !w.forgets
}

type thing struct {
	*world
	value string
	t     *Type
}

func (o thing) Ref() types.ManagedObjectReference { return o.world.Ref(o.value) }
func (o thing) Type() *Type                       { return o.t }

func (o thing) Value(property string) any {
	o.reads++
	switch {
	case property == "name":
		return o.names[o.value]
	case property == "childEntity":
		refs := []types.ManagedObjectReference{}
		for _, vm := range o.folders[o.value] {
			refs = append(refs, o.world.Ref(vm))
		}
		return refs
	case property == "summary":
		return types.VirtualMachineSummary{Config: types.VirtualMachineConfigSummary{Name: o.names[o.value], NumCpu: 2}}
	case property == "effectiveRole":
		return []int32{int32(len(o.names[o.value]))}
	}
	return nil
}

func (o thing) Stamp(property string) (int64, bool) {
	var at int64
	for _, t := range o.touched {
		if t.value == o.value {
			at = t.at
		}
	}
	return at, property != "effectiveRole"
}

func spec(paths ...string) *types.PropertyFilterSpec {
	return &types.PropertyFilterSpec{
		PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: paths}},
		ObjectSet: []types.ObjectSpec{{
			Obj: types.ManagedObjectReference{Type: "ManagedEntity", Value: "group-1"}, Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "down"}, Type: "Folder", Path: "childEntity",
				SelectSet: []types.BaseSelectionSpec{&types.SelectionSpec{Name: "down"}}}},
		}},
	}
}

func (w *world) spec(s *types.PropertyFilterSpec) *Spec {
	w.Helper()
	out, err := NewSpec(s, func(name string) *Type { return knownTypes[name] })
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// since asks for updates and returns what they say, as "kind object path=value".
func (w *world) since(c *Collector, version string, max int) ([]string, *Updates) {
	w.Helper()
	u, err := c.Since(w, Reader{w.cache, wire.Version{8}}, version, max)
	if err != nil {
		w.Fatal(err)
	}
	if u == nil {
		return nil, nil
	}
	var out []string
	for _, m := range regexp.MustCompile(`<objectSet>(.*?)</objectSet>`).FindAllStringSubmatch(string(u.XML), -1) {
		text := regexp.MustCompile(`<kind>|</kind>|<obj type="\w+">|</obj>|</name><op>assign</op>|</?changeSet>|<name>`).ReplaceAllString(m[1], " ")
		text = regexp.MustCompile(`<val [^>]*>|</val>|</?int>`).ReplaceAllString(text, "")
		out = append(out, strings.Join(strings.Fields(text), " "))
	}
	return out, u
}

func (w *world) want(have []string, want ...string) {
	w.Helper()
	if !slices.Equal(have, want) {
		w.Errorf("told %q, want %q", have, want)
	}
}

func TestUpdates(t *testing.T) {
	w := newWorld(t, 3)
	c := &Collector{}
	c.Add(&Filter{Value: "f", Spec: w.spec(spec("name", "summary.config.numCpu"))})

	have, u := w.since(c, "", 100)
	w.want(have, "enter vm-000 name name of vm-000 summary.config.numCpu 2", "enter vm-001 name name of vm-001 summary.config.numCpu 2",
		"enter vm-002 name name of vm-002 summary.config.numCpu 2")
	if have, u := w.since(c, u.Version, 100); u != nil {
		t.Error("told without a change:", have)
	}

	w.rename("vm-001", "another")
	w.touch("vm-002", false) // and nothing of it is another
	have, second := w.since(c, u.Version, 100)
	w.want(have, "modify vm-001 name another")

	w.remove("vm-000")
	w.add("vm-009")
	w.rename("vm-001", "a third")
	have, third := w.since(c, second.Version, 100)
	w.want(have, "leave vm-000", "enter vm-009 name name of vm-009 summary.config.numCpu 2", "modify vm-001 name a third")

	// The same once more, for a client that has not got the answer.
	have, _ = w.since(c, second.Version, 100)
	w.want(have, "leave vm-000", "enter vm-009 name name of vm-009 summary.config.numCpu 2", "modify vm-001 name a third")
	// And from before, with what is so now.
	have, _ = w.since(c, u.Version, 100)
	w.want(have, "leave vm-000", "enter vm-009 name name of vm-009 summary.config.numCpu 2", "modify vm-001 name a third")

	// What was not remembered is found all the same.
	w.rename("vm-002", "unheard")
	w.forgets = true
	have, _ = w.since(c, third.Version, 100)
	w.want(have, "modify vm-002 name unheard")

	if _, err := c.Since(w, Reader{w.cache, wire.Version{8}}, "77", 100); err == nil || !strings.Contains(err.Error(), `"77"`) {
		t.Error(err)
	}
	// A version is known as long as not too many came after it.
	for range keptStates {
		w.touch("vm-001", false)
		w.rename("vm-001", w.names["vm-001"]+"+")
		_, third = w.since(c, third.Version, 100)
	}
	if _, err := c.Since(w, Reader{w.cache, wire.Version{8}}, u.Version, 100); err == nil {
		t.Error("a version of long ago is known")
	}
}

func TestUpdatesInParts(t *testing.T) {
	w := newWorld(t, 25)
	c := &Collector{}
	c.Add(&Filter{Value: "f", Spec: w.spec(spec("name"))})
	seen := map[string]string{}
	version := ""
	for i := range 3 {
		have, u := w.since(c, version, 10)
		if u.Truncated != (i < 2) || len(have) != min(10, 25-10*i) {
			t.Fatalf("part %d: %d told, truncated %v", i, len(have), u.Truncated)
		}
		for _, text := range have {
			kind, rest, _ := strings.Cut(text, " ")
			vm, _, _ := strings.Cut(rest, " ")
			seen[vm] = kind
		}
		version = u.Version
		w.rename("vm-003", fmt.Sprint("during ", i)) // which was told already, and is told again at the end
		w.remove(fmt.Sprintf("vm-00%d", 5+i))        // which is told by now
		w.add(fmt.Sprintf("vm-10%d", i))
	}
	have, u := w.since(c, version, 100)
	if !slices.Contains(have, "modify vm-003 name during 2") || !slices.Contains(have, "enter vm-102 name name of vm-102") || u.Truncated {
		t.Errorf("%q", have)
	}
	for _, text := range have {
		kind, rest, _ := strings.Cut(text, " ")
		vm, _, _ := strings.Cut(rest, " ")
		seen[vm] = kind
	}
	for vm := range w.names {
		if seen[vm] == "" || seen[vm] == "leave" {
			t.Errorf("%s was %q", vm, seen[vm])
		}
	}
	for vm, kind := range seen {
		if w.names[vm] == "" && kind != "leave" {
			t.Errorf("%s is gone, and the last of it was %q", vm, kind)
		}
	}
}

func TestUpdatesOfWhatEachClientSees(t *testing.T) {
	w := newWorld(t, 2)
	c := &Collector{}
	c.Add(&Filter{Value: "f", Spec: w.spec(spec("effectiveRole"))})
	_, u := w.since(c, "", 100)
	w.touch("vm-000", false)
	if have, u := w.since(c, u.Version, 100); u != nil {
		t.Error("told without a change:", have)
	}
	w.rename("vm-000", "long")
	have, _ := w.since(c, u.Version, 100)
	w.want(have, "modify vm-000 effectiveRole 4")
}

func TestNewFilterIsTold(t *testing.T) {
	w := newWorld(t, 1)
	c := &Collector{}
	c.Add(&Filter{Value: "f", Spec: w.spec(spec("name"))})
	_, u := w.since(c, "", 100)
	grown := c.Grown()
	c.Add(&Filter{Value: "g", Spec: w.spec(spec("summary.config.numCpu"))})
	<-grown
	have, u := w.since(c, u.Version, 100)
	w.want(have, "enter vm-000 summary.config.numCpu 2")
	if !c.Remove("g") || c.Remove("g") {
		t.Error("a filter goes once")
	}
	w.rename("vm-000", "n")
	have, _ = w.since(c, u.Version, 100)
	w.want(have, "modify vm-000 name n")
}

func TestValuesAreReadOnce(t *testing.T) {
	w := newWorld(t, 10)
	for range 5 {
		c := &Collector{}
		c.Add(&Filter{Value: "f", Spec: w.spec(spec("name", "summary"))})
		w.since(c, "", 100)
	}
	if w.reads != 10*2+5 { // and the folder's children by each
		t.Error("read", w.reads)
	}
}

func TestSpecRefuses(t *testing.T) {
	known := func(name string) *Type { return knownTypes[name] }
	for want, s := range map[string]*types.PropertyFilterSpec{
		`"Cup" is no type`:              {PropSet: []types.PropertySpec{{Type: "Cup"}}},
		`no property "guest.nothing"`:   spec("guest.nothing"),
		`no selection is called "side"`: {ObjectSet: []types.ObjectSpec{{SelectSet: []types.BaseSelectionSpec{&types.SelectionSpec{Name: "side"}}}}},
		`neither of the two kinds`:      {ObjectSet: []types.ObjectSpec{{SelectSet: []types.BaseSelectionSpec{nil}}}},
		`two selections are called "a"`: {ObjectSet: []types.ObjectSpec{{SelectSet: []types.BaseSelectionSpec{
			&types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "a"}}, &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "a"}}}}}},
	} {
		if _, err := NewSpec(s, known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestRetrieve(t *testing.T) {
	w := newWorld(t, 5)
	gone := spec("name")
	gone.ObjectSet[0].Obj.Value = "group-9"
	if _, err := Retrieve(w, []*Spec{w.spec(gone)}); err == nil {
		t.Error("what is not there was retrieved")
	}
	gone.ReportMissingObjectsInResults = types.NewBool(true)
	both := spec("name")
	both.PropSet = append(both.PropSet, types.PropertySpec{Type: "ManagedEntity", PathSet: []string{"name", "overallStatus"}})
	both.ObjectSet = []types.ObjectSpec{{Obj: both.ObjectSet[0].Obj, SelectSet: both.ObjectSet[0].SelectSet}} // the folder itself, too
	r, err := Retrieve(w, []*Spec{w.spec(gone), w.spec(both)})
	if err != nil || r.Left() != 6 {
		t.Fatal(r, err)
	}
	w.remove("vm-004")
	var text strings.Builder
	for r.Left() > 0 {
		if err := r.Next(w, Reader{w.cache, wire.Version{8}}, 4, "objects", func(b []byte) error { text.Write(b); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(text.String(), "<objects>"); n != 5 || strings.Count(text.String(), "<name>name</name>") != 5 || strings.Contains(text.String(), "overallStatus") {
		t.Error(n, text.String())
	}
}

func TestCacheIsBounded(t *testing.T) {
	w := newWorld(t, 1000)
	w.cache = NewCache(20_000)
	c := &Collector{}
	c.Add(&Filter{Value: "f", Spec: w.spec(spec("summary"))})
	w.since(c, "", 2000)
	if w.cache.bytes > 20_000 || len(w.cache.kept) == 0 || len(w.cache.kept) > 100 {
		t.Error(w.cache.bytes, len(w.cache.kept))
	}
}

package property

import (
	"errors"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"sync"

	"hanok/facade/vsphere/wire"
)

// keptStates is how many versions back a client may ask for again: a client that several parts wait of has as many on the way.
const keptStates = 32

// Collector is one PropertyCollector's filters, and what its client has been told. It is safe for concurrent use.
type Collector struct {
	mu      sync.Mutex
	filters []*Filter
	// states are what each version stands for, the newest last, and next is the number of the next one.
	states []*state
	next   int64
	// grown is closed when a filter is added.
	grown chan struct{}
}

// Filter is one PropertyFilter.
type Filter struct {
	// Value is that of its reference.
	Value string
	Spec  *Spec
}

// state is what a client with one version has been told. It never changes.
type state struct {
	version string
	// clock is up to when it was told what changed, unless todo says otherwise.
	clock int64
	sets  map[*Filter]*set
}

// set is what a client has been told about one filter's objects.
type set struct {
	// values are the selected objects, in order of their values, with those that are still to be told.
	values []string
	// todo are what the answer before had no place for.
	todo []todo
	// sums are of the values that are not the same for all clients, by object and path: they have no time of change.
	sums map[sumKey]uint64
}

type todo struct {
	value string
	// since is up to when the client knows the object, or -1 where it does not.
	since int64
	gone  bool
}

type sumKey struct{ object, path string }

var seed = maphash.MakeSeed()

// Add puts a filter under the collector's.
func (c *Collector) Add(f *Filter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filters = append(c.filters, f)
	if c.grown != nil {
		close(c.grown)
		c.grown = nil
	}
}

// Grown returns a channel that is closed when a filter is added: there is something to tell then.
func (c *Collector) Grown() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.grown == nil {
		c.grown = make(chan struct{})
	}
	return c.grown
}

// Remove takes a filter away, by its reference's value, and reports whether it was there.
func (c *Collector) Remove(value string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.filters)
	c.filters = slices.DeleteFunc(c.filters, func(f *Filter) bool { return f.Value == value })
	return len(c.filters) < n
}

// Filters returns the filters.
func (c *Collector) Filters() []*Filter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.filters)
}

// InvalidVersionError says that a client asks for what follows a version that is not known any more, or never was.
type InvalidVersionError struct{ Version string }

func (e *InvalidVersionError) Error() string {
	return "the version " + strconv.Quote(e.Version) + " is not known: begin anew without one"
}

// Updates is what has changed since a version: a value to write, and the version that it leads to.
type Updates struct {
	Version string
	// Truncated says that there is more to tell at once.
	Truncated bool
	// XML has the elements "filterSet" (PropertyFilterUpdate).
	XML []byte
}

// Since returns what has changed in the picture since the version, or nil where nothing has. About max objects are told at a time. The
// first version is "". Errors: *InvalidVersionError, and those of Select.
func (c *Collector) Since(p Picture, reader Reader, version string, max int) (*Updates, error) {
	before, filters, err := c.stateOf(version)
	if err != nil {
		return nil, err
	}
	after := &state{clock: p.Clock(), sets: map[*Filter]*set{}}
	if slices.ContainsFunc(filters, func(f *Filter) bool { s := before.sets[f]; return s != nil && len(s.todo) > 0 }) {
		after.clock = before.clock // first the rest of what was found then
	}
	u := &Updates{}
	told := 0
	for _, f := range filters {
		t := teller{picture: p, reader: reader, filter: f, plan: plan{spec: f.Spec}, left: max - told}
		s, err := t.tell(before, after.clock)
		if err != nil {
			return nil, err
		}
		after.sets[f] = s
		told += t.told
		u.Truncated = u.Truncated || len(s.todo) > 0
		if len(t.xml) > 0 {
			u.XML = append(u.XML, `<filterSet><filter type="PropertyFilter">`...)
			u.XML = append(append(wire.AppendText(u.XML, f.Value), "</filter>"...), t.xml...)
			u.XML = append(u.XML, "</filterSet>"...)
		}
	}
	first := version == ""
	if len(u.XML) == 0 && !u.Truncated && !first {
		c.moveOn(before, after)
		return nil, nil
	}
	u.Version = c.remember(after)
	return u, nil
}

// stateOf returns what a client with the version knows, and the filters as they are now.
func (c *Collector) stateOf(version string) (*state, []*Filter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	filters := slices.Clone(c.filters)
	if version == "" {
		return &state{clock: -1}, filters, nil
	}
	for _, s := range c.states {
		if s.version == version {
			return s, filters, nil
		}
	}
	return nil, nil, &InvalidVersionError{version}
}

// remember makes a version of a state.
func (c *Collector) remember(s *state) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	s.version = strconv.FormatInt(c.next, 10)
	if len(c.states) == keptStates {
		c.states = slices.Delete(c.states, 0, 1)
	}
	c.states = append(c.states, s)
	return s.version
}

// moveOn makes a version stand for a later moment, up to which nothing has changed for its client.
func (c *Collector) moveOn(before, after *state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.states, before); i >= 0 {
		after.version = before.version
		c.states[i] = after
	}
}

// teller writes what has changed of one filter's objects.
type teller struct {
	picture Picture
	reader  Reader
	filter  *Filter
	plan    plan
	// left is how many more objects may be told, and told how many were.
	left, told int
	xml        []byte
	sums       map[sumKey]uint64
	ownSums    bool // else they are the state's before
}

// tell writes what is new since the state, and returns what the client then knows.
func (t *teller) tell(before *state, clock int64) (*set, error) {
	known := before.sets[t.filter]
	if known == nil {
		known = &set{}
		values, err := t.filter.Spec.Select(t.picture)
		if err != nil {
			return nil, err
		}
		for _, v := range values { // in the order in which they were met: what contains before what is in it
			known.todo = append(known.todo, todo{value: v, since: -1})
		}
		known.values = sorted(values)
	}
	t.sums = known.sums
	work := known.todo
	values := known.values
	if len(work) == 0 && clock > before.clock {
		var err error
		if values, work, err = t.changed(known, before.clock); err != nil {
			return nil, err
		}
	}
	for len(work) > 0 && t.left > 0 {
		if t.object(work[0]) {
			t.told++
			t.left--
		}
		work = work[1:]
	}
	return &set{values: values, todo: work, sums: t.sums}, nil
}

func sorted(values []string) []string {
	out := slices.Clone(values)
	slices.Sort(out)
	return out
}

// changed returns the objects that are selected now, and those that there may be something to tell about.
func (t *teller) changed(known *set, since int64) ([]string, []todo, error) {
	touched, structural, ok := t.picture.Touched(since)
	var work []todo
	values := known.values
	if !ok || structural {
		now, err := t.filter.Spec.Select(t.picture)
		var gone *NotFoundError
		if errors.As(err, &gone) {
			now, err = nil, nil // where it began is gone, and with it everything
		}
		if err != nil {
			return nil, nil, err
		}
		values = sorted(now)
		if slices.Equal(values, known.values) {
			values = known.values // one list for both versions
		}
		for _, v := range known.values {
			if _, there := slices.BinarySearch(values, v); !there {
				work = append(work, todo{value: v, gone: true})
			}
		}
		for _, v := range now {
			if _, there := slices.BinarySearch(known.values, v); !there {
				work = append(work, todo{value: v, since: -1})
			}
		}
	}
	if !ok {
		touched = values
	}
	for _, v := range touched {
		_, was := slices.BinarySearch(known.values, v)
		_, is := slices.BinarySearch(values, v)
		if was && is {
			work = append(work, todo{value: v, since: since})
		}
	}
	return values, work, nil
}

// object writes an element "objectSet" (ObjectUpdate) if there is something to tell, and reports whether there was.
func (t *teller) object(w todo) bool {
	o := t.picture.Object(w.value)
	if w.gone || o == nil {
		if w.since == -1 && !w.gone {
			return false // it came and went
		}
		t.xml = append(t.xml, "<objectSet><kind>leave</kind>"...)
		t.xml = wire.Append(t.xml, t.reader.Version, "obj", t.picture.Ref(w.value), false)
		t.xml = append(t.xml, "</objectSet>"...)
		return true
	}
	start := len(t.xml)
	kind, something := "modify", false
	if w.since == -1 {
		kind, something = "enter", true
	}
	t.xml = append(append(append(t.xml, "<objectSet><kind>"...), kind...), "</kind>"...)
	t.xml = wire.Append(t.xml, t.reader.Version, "obj", o.Ref(), false)
	for _, path := range t.plan.of(o.Type()) {
		xml, changed := t.reader.Cache.get(o, path, t.reader.Version)
		if _, shared := o.Stamp(path.Property); !shared {
			changed = t.compare(w, path, xml)
		}
		if w.since >= 0 && changed <= w.since || w.since == -1 && xml == nil {
			continue
		}
		something = true
		t.xml = appendName(append(t.xml, "<changeSet>"...), path)
		t.xml = append(append(append(t.xml, "<op>assign</op>"...), xml...), "</changeSet>"...)
	}
	if !something {
		t.xml = t.xml[:start]
		return false
	}
	t.xml = append(t.xml, "</objectSet>"...)
	return true
}

// compare returns a time after what the client knows where the value is another one than it was told, and 0 otherwise.
func (t *teller) compare(w todo, p *Path, xml []byte) int64 {
	key, sum := sumKey{w.value, p.Text}, maphash.Bytes(seed, xml)
	if old, ok := t.sums[key]; ok && old == sum {
		return 0
	}
	if !t.ownSums {
		t.sums, t.ownSums = maps.Clone(t.sums), true
		if t.sums == nil {
			t.sums = map[sumKey]uint64{}
		}
	}
	t.sums[key] = sum
	return t.picture.Clock() + 1
}

// Package check compares what a data center promises with what is really there: the raw keys of the store, and what each
// host's inspector sees of processes, of QEMU and of disks. It says which promise is broken, on which object, and what to do;
// it mends nothing. It trusts no other package of the manager: it decodes the store's keys by itself, and reads the manager's
// view only to compare it with them. That the hosts and the store are looked at while they move is what Service deals with;
// all else here is functions of what was found.
//
// Package doctor has the ordinary checks. The native facade offers both together, as "hanok doctor --deep".
package check

import (
	"cmp"
	"fmt"
	"slices"

	"hanok/dc"
)

// Promise names something that always holds. The words stay: scripts look for them.
type Promise string

// The promises, in the order in which they are reported.
const (
	Examined   Promise = "examined"
	Objects    Promise = "objects"
	References Promise = "references"
	Claims     Promise = "claims"
	Tasks      Promise = "tasks"
	Reads      Promise = "reads"
	Executions Promise = "executions"
	Power      Promise = "power"
	Hardware   Promise = "hardware"
	Writers    Promise = "writers"
	Rights     Promise = "rights"
	Files      Promise = "files"
	Records    Promise = "records"
	Tombstones Promise = "tombstones"
	Orphans    Promise = "orphans"
)

// promises are all promises with their words.
var promises = []struct {
	promise Promise
	says    string
}{
	{Examined, "every host can be examined"},
	{Objects, "every object in the store can be read and is where its key says"},
	{References, "what an object refers to exists"},
	{Claims, "the claims in the store are exactly those of its objects"},
	{Tasks, "a task that has ended says so and how, and an open one has a target for itself"},
	{Reads, "what the manager reads is what the store has"},
	{Executions, "a machine is executed by one process, on its own host, if and only if it has power"},
	{Power, "a machine's power is what is reported, and nothing was done that nobody asked for"},
	{Hardware, "a guest has the hardware that its machine has"},
	{Writers, "a disk is open for writing in the process of its machine only, which has locked it"},
	{Rights, "a process that executes a machine has no rights"},
	{Files, "a machine's files are there, in a folder of its own, each disk in its full length"},
	{Records, "what a host has written down agrees with the store"},
	{Tombstones, "what was deleted is gone"},
	{Orphans, "no host has a machine that nobody knows"},
}

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	Problem Severity = "problem" // a promise is broken
	Warning Severity = "warning" // something to look at, which no program has done wrong
)

// Finding is a promise that is broken on one object.
type Finding struct {
	Promise  Promise
	Severity Severity
	// ID is the object's in the store, or "" for what has none; Object is what a user knows it by.
	ID     dc.ID
	Object string
	// Message says what was found, Remedy what to do about it.
	Message, Remedy string

	// revision is that of the object, where it has one. passing is set for what may be a difference between two moments:
	// it counts only if it is found in enough rounds one after the other, at the same revision.
	revision int64
	passing  bool
}

// Result is what became of one promise.
type Result struct {
	Promise Promise
	// Says is the promise in words.
	Says string
	// Examined is how many things were looked at, and Note what else is to be said of that, or "".
	Examined int
	Note     string
	// Findings are by their severity and object; none where the promise is kept.
	Findings []Finding
}

// collector gathers the results of one round.
type collector struct {
	examined map[Promise]int
	notes    map[Promise]string
	// findings are in how many rounds, up to this one, without a gap.
	findings map[Finding]int
}

func newCollector() *collector {
	return &collector{examined: map[Promise]int{}, notes: map[Promise]string{}, findings: map[Finding]int{}}
}

// subject is what a finding is about.
type subject struct {
	id       dc.ID
	object   string
	revision int64
}

func subjectOf(o dc.Object) subject {
	m := o.Metadata()
	return subject{id: o.Identity(), object: dc.Describe(o.Kind(), cmp.Or(m.Name, string(o.Identity()))), revision: m.Revision}
}

// certain adds a problem that needs no second look: everything that shows it is of one moment.
func (c *collector) certain(p Promise, s subject, remedy, format string, args ...any) {
	c.add(Finding{Promise: p, Severity: Problem, ID: s.id, Object: s.object, Message: fmt.Sprintf(format, args...), Remedy: remedy,
		revision: s.revision})
}

// problem adds one that counts if it is found again.
func (c *collector) problem(p Promise, s subject, remedy, format string, args ...any) {
	c.add(Finding{Promise: p, Severity: Problem, ID: s.id, Object: s.object, Message: fmt.Sprintf(format, args...), Remedy: remedy,
		revision: s.revision, passing: true})
}

// warning is problem for a Warning.
func (c *collector) warning(p Promise, s subject, remedy, format string, args ...any) {
	c.add(Finding{Promise: p, Severity: Warning, ID: s.id, Object: s.object, Message: fmt.Sprintf(format, args...), Remedy: remedy,
		revision: s.revision, passing: true})
}

func (c *collector) add(f Finding) { c.findings[f] = 1 }

// follow counts the round before, which may be nil, in.
func (c *collector) follow(before *collector) {
	if before == nil {
		return
	}
	for f := range c.findings {
		c.findings[f] += before.findings[f]
	}
}

// settled reports whether another round would change nothing: what may pass was found in as many rounds as it takes.
func (c *collector) settled() bool {
	for f, rounds := range c.findings {
		if f.passing && rounds < enough {
			return false
		}
	}
	return true
}

// results returns what counts of what was found, by promises.
func (c *collector) results() []Result {
	all := make([]Result, len(promises))
	index := map[Promise]int{}
	for i, p := range promises {
		all[i] = Result{Promise: p.promise, Says: p.says, Examined: c.examined[p.promise], Note: c.notes[p.promise]}
		index[p.promise] = i
	}
	for f, rounds := range c.findings {
		if f.passing && rounds < enough {
			continue
		}
		r := &all[index[f.Promise]]
		r.Findings = append(r.Findings, f)
	}
	for i := range all {
		slices.SortFunc(all[i].Findings, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Message, b.Message))
		})
	}
	return all
}

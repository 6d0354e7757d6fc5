package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The names of the ways, in the table and in doc/benchmarks.md.
const (
	nameBare    = "bare QEMU"
	nameDriver  = "Hanok's driver"
	nameHanok   = "Hanok"
	nameLibvirt = "virsh start"
)

// result is what one way took.
type result struct {
	name string
	took []reached
}

type results []result

// bound is what Hanok has to keep: at most this many times what another way takes.
type bound struct {
	other string
	most  float64
	// strict is whether the very bound is too much.
	strict bool
}

var bounds = []bound{{other: nameBare, most: 1.25}, {other: nameLibvirt, most: 1, strict: true}}

// milestone is one figure of a way.
type milestone struct {
	name string
	of   func(reached) time.Duration
	// free is whether no bound is set.
	free bool
}

var milestones = []milestone{
	{name: "running", of: func(r reached) time.Duration { return r.running }},
	{name: "told", of: func(r reached) time.Duration { return r.told }, free: true},
	{name: "first output", of: func(r reached) time.Duration { return r.output }},
}

// spread is where the figures of all turns are.
type spread struct{ least, median, most time.Duration }

// spread needs a turn at least.
func (r result) spread(m milestone) spread {
	var all []time.Duration
	for _, took := range r.took {
		all = append(all, m.of(took))
	}
	slices.Sort(all)
	return spread{least: all[0], median: (all[(len(all)-1)/2] + all[len(all)/2]) / 2, most: all[len(all)-1]}
}

func (rs results) named(name string) result {
	return rs[slices.IndexFunc(rs, func(r result) bool { return r.name == name })]
}

// ratio is that of the medians of a way and another one.
func (rs results) ratio(m milestone, way, other string) float64 {
	return float64(rs.named(way).spread(m).median) / float64(rs.named(other).spread(m).median)
}

// table shows the medians in milliseconds, the least and the most of all turns, and the medians' ratios, in Markdown.
func (rs results) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "| way\t")
	for _, m := range milestones {
		fmt.Fprintf(w, "| %s, ms\t| to %s\t| to %s\t", m.name, nameBare, nameLibvirt)
	}
	fmt.Fprintf(w, "|\n|%s\n", strings.Repeat(" ---\t|", 1+3*len(milestones)))
	for _, r := range rs {
		fmt.Fprintf(w, "| %s\t", r.name)
		for _, m := range milestones {
			s := r.spread(m)
			fmt.Fprintf(w, "| %.0f (%.0f to %.0f)\t", milliseconds(s.median), milliseconds(s.least), milliseconds(s.most))
			fmt.Fprintf(w, "| %.2f\t| %.2f\t", rs.ratio(m, r.name, nameBare), rs.ratio(m, r.name, nameLibvirt))
		}
		fmt.Fprintln(w, "|")
	}
	w.Flush()
	return b.String()
}

// check returns an error that names every bound that is broken.
func (rs results) check() error {
	var broken []error
	for _, b := range bounds {
		for _, m := range milestones {
			ratio := rs.ratio(m, nameHanok, b.other)
			switch {
			case m.free:
			case b.strict && ratio >= b.most:
				broken = append(broken, fmt.Errorf("%s: %.3f x %s, and should be less than %g x", m.name, ratio, b.other, b.most))
			case ratio > b.most:
				broken = append(broken, fmt.Errorf("%s: %.3f x %s, and should be at most %g x", m.name, ratio, b.other, b.most))
			}
		}
	}
	return errors.Join(broken...)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

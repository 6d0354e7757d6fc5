package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var counterColumns = []column[*hanokv1.Counter]{
	{"ID", func(o *hanokv1.Counter) string { return strconv.Itoa(int(o.Id)) }},
	{"Counter", (*hanokv1.Counter).GetName},
	{"Unit", (*hanokv1.Counter).GetUnit},
	{"Of", func(o *hanokv1.Counter) string { return strings.Join(o.Kinds, ", ") }},
	{"Meaning", (*hanokv1.Counter).GetSummary},
}

var seriesColumns = []column[*hanokv1.Series]{
	{"Counter", (*hanokv1.Series).GetCounter},
	{"Instance", (*hanokv1.Series).GetInstance},
	{"Unit", func(o *hanokv1.Series) string { return unitText(o.Unit) }},
	{"Samples", func(o *hanokv1.Series) string { return strconv.Itoa(len(o.Samples)) }},
	{"Newest", func(o *hanokv1.Series) string { return sampleText(o, len(o.Samples)-1) }},
	{"Lowest", func(o *hanokv1.Series) string { low, _ := extremes(o); return sampleText(o, low) }},
	{"Highest", func(o *hanokv1.Series) string { _, high := extremes(o); return sampleText(o, high) }},
	{"Course", chart},
}

// statsFlags are what `hanok stats show` is told.
type statsFlags struct {
	kind, instance string
	counters       []string
	interval       time.Duration
	since          time.Duration
	samples        int32
}

func (a *app) statsCommands() *cobra.Command {
	counters := a.client(command{use: "list", short: "List the counters", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.statistics.ListCounters(ctx, &hanokv1.ListCountersRequest{})
			if err != nil {
				return err
			}
			return list(a, res.Counters, counterColumns)
		}})
	var f statsFlags
	show := a.client(command{use: "show OBJECT", short: "Show what a virtual machine, host or datastore uses", args: cobra.ExactArgs(1), object: true,
		long: `Show what a virtual machine, host or datastore uses.

Its host remembers samples of 20 seconds for an hour. The manager keeps 5 minutes for a day, 30 minutes for a week and 2 hours for a
month, of whole objects. What was not measured, such as the network of a machine behind QEMU's own, is not shown. -o json has all samples.`,
		do: func(ctx context.Context, c *client, args []string) error { return a.showStats(ctx, c, args[0], f) }})
	flags := show.Flags()
	flags.StringVar(&f.kind, "kind", "vm", `"vm", "host" or "datastore"`)
	flags.StringSliceVar(&f.counters, "counter", nil, `only this counter, such as "cpu.usage.average"; may be given several times`)
	flags.StringVar(&f.instance, "instance", "", `only this part of the object, such as "scsi0:0"; "*": all of them`)
	flags.DurationVar(&f.interval, "interval", dc.SampleInterval, "20s, 5m, 30m or 2h")
	flags.DurationVar(&f.since, "since", 0, "only so much of the past (default: all)")
	flags.Int32Var(&f.samples, "samples", 0, "how many samples of each counter at most, the newest (default: all)")
	return group("stats", "Statistics: what machines, hosts and datastores use", counters, show)
}

// statKinds are the kinds by what the command line calls them.
var statKinds = map[string]dc.Kind{"vm": dc.KindVirtualMachine, "host": dc.KindHost, "datastore": dc.KindDatastore}

func (a *app) showStats(ctx context.Context, c *client, object string, f statsFlags) error {
	kind, ok := statKinds[f.kind]
	if !ok {
		return dc.Errorf(dc.Invalid, "there are no statistics of the kind %q", f.kind).Fix("use --kind vm, host or datastore")
	}
	req := &hanokv1.QueryStatisticsRequest{Kind: string(kind), Object: object, Counters: f.counters, Instance: f.instance,
		Interval: durationpb.New(f.interval), MaxSamples: f.samples}
	if f.since > 0 {
		req.Start = timestamppb.New(time.Now().Add(-f.since))
	}
	res, err := c.statistics.QueryStatistics(ctx, req)
	if err != nil {
		return err
	}
	return list(a, res.Series, seriesColumns)
}

// extremes returns the places of the lowest and the highest sample.
func extremes(s *hanokv1.Series) (low, high int) {
	for i, sample := range s.Samples {
		if sample.Value < s.Samples[low].Value {
			low = i
		}
		if sample.Value > s.Samples[high].Value {
			high = i
		}
	}
	return low, high
}

// sampleText returns the sample at the place as people read it.
func sampleText(s *hanokv1.Series, i int) string {
	if i < 0 || i >= len(s.Samples) {
		return ""
	}
	v := s.Samples[i].Value
	if s.Unit == string(dc.Percent) {
		return fmt.Sprintf("%d.%02d", v/100, v%100)
	}
	return strconv.FormatInt(v, 10)
}

func unitText(unit string) string {
	short := map[dc.Unit]string{dc.Percent: "%", dc.MegaHertz: "MHz", dc.Millisecond: "ms", dc.KiloBytes: "KB", dc.KiloBytesPerSecond: "KB/s",
		dc.Second: "s", dc.Number: "#"}
	if s, ok := short[dc.Unit(unit)]; ok {
		return s
	}
	return unit
}

// chartWidth is how many samples the course of a series shows, the newest.
const chartWidth = 40

// chart draws the newest samples between the lowest and the highest of them; percentages between none and all.
func chart(s *hanokv1.Series) string {
	samples := s.Samples[max(0, len(s.Samples)-chartWidth):]
	if len(samples) < 2 {
		return ""
	}
	var values []int64
	for _, sample := range samples {
		values = append(values, sample.Value)
	}
	low, high := slices.Min(values), slices.Max(values)
	if s.Unit == string(dc.Percent) {
		low, high = min(low, 0), max(high, 10000)
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range values {
		place := 0
		if high > low {
			place = int(float64(v-low) / float64(high-low) * float64(len(bars)-1))
		}
		b.WriteRune(bars[place])
	}
	return b.String()
}

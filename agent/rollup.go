package agent

import (
	"time"

	"hanok/dc"
)

// rollup makes the frames of the finest historical interval out of the samples. It is not safe for concurrent use.
type rollup struct {
	end    time.Time // of the interval under way
	order  []seriesKey
	series map[seriesKey]*sum
}

type sum struct {
	total, count, last int64
}

// add takes a sample in. When it is the first of a new interval, the frame of the one before is returned.
func (r *rollup) add(f dc.Frame) (done dc.Frame, ok bool) {
	period := dc.Intervals()[0].Period
	end := f.End.Truncate(period)
	if !end.Equal(f.End) {
		end = end.Add(period)
	}
	if !end.Equal(r.end) {
		done, ok = r.frame(), len(r.order) > 0
		*r = rollup{end: end, series: map[seriesKey]*sum{}}
	}
	for _, figure := range f.Figures {
		if !figure.Historical() {
			continue
		}
		s := r.series[keyOf(figure)]
		if s == nil {
			s = &sum{}
			r.series[keyOf(figure)] = s
			r.order = append(r.order, keyOf(figure))
		}
		s.total, s.count, s.last = s.total+figure.Value, s.count+1, figure.Value
	}
	return done, ok
}

func (r *rollup) frame() dc.Frame {
	f := dc.Frame{End: r.end, Period: dc.Intervals()[0].Period}
	for _, key := range r.order {
		s := r.series[key]
		f.Figures = append(f.Figures, dc.Figure{Object: key.object, Counter: key.counter, Instance: key.instance,
			Value: dc.RollUp(key.counter, s.total, s.count, s.last)})
	}
	return f
}

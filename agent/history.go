package agent

import (
	"encoding/binary"
	"time"

	"hanok/dc"
)

// history remembers frames for dc.RealTimeSpan, in some three bytes a figure. It is not safe for concurrent use.
type history struct {
	// keys are the series that there are, and index their places; a frame names them by these.
	keys  []seriesKey
	index map[seriesKey]int
	// frames are in the order of time.
	frames []packedFrame
}

// seriesKey is what a figure is of.
type seriesKey struct {
	object   dc.ID
	counter  dc.CounterID
	instance string
}

func keyOf(f dc.Figure) seriesKey { return seriesKey{f.Object, f.Counter, f.Instance} }

// packedFrame is a frame whose figures are pairs of varints: how far the place of the key is from the one before, and the value.
type packedFrame struct {
	end  time.Time
	data []byte
}

// spareKeys is how many keys of series that have ended are kept before they are thrown out.
const spareKeys = 4096

// add remembers a frame, and forgets what is older than the span.
func (h *history) add(f dc.Frame) {
	if h.index == nil {
		h.index = map[seriesKey]int{}
	}
	old := 0
	for old < len(h.frames) && !h.frames[old].end.After(f.End.Add(-dc.RealTimeSpan)) {
		old++
	}
	h.frames = append(h.frames[:0:0], h.frames[old:]...)
	h.frames = append(h.frames, h.pack(f))
	if len(h.keys) > 2*len(f.Figures)+spareKeys {
		h.compact()
	}
}

func (h *history) pack(f dc.Frame) packedFrame {
	data := make([]byte, 0, 3*len(f.Figures))
	last := 0
	for _, figure := range f.Figures {
		key := keyOf(figure)
		n, ok := h.index[key]
		if !ok {
			n = len(h.keys)
			h.keys, h.index[key] = append(h.keys, key), n
		}
		data = binary.AppendVarint(data, int64(n-last))
		data = binary.AppendVarint(data, figure.Value)
		last = n
	}
	return packedFrame{f.End, data}
}

// each calls visit for every figure of a frame.
func (h *history) each(f packedFrame, visit func(dc.Figure)) {
	place := 0
	for data := f.data; len(data) > 0; {
		step, n := binary.Varint(data)
		value, m := binary.Varint(data[n:])
		data = data[n+m:]
		place += int(step)
		key := h.keys[place]
		visit(dc.Figure{Object: key.object, Counter: key.counter, Instance: key.instance, Value: value})
	}
}

// compact throws out the keys that no frame names.
func (h *history) compact() {
	packed := history{index: map[seriesKey]int{}}
	for _, f := range h.frames {
		frame := dc.Frame{End: f.end}
		h.each(f, func(figure dc.Figure) { frame.Figures = append(frame.Figures, figure) })
		packed.frames = append(packed.frames, packed.pack(frame))
	}
	*h = packed
}

// query returns the series that q asks for, in the order in which they appear.
func (h *history) query(q dc.SeriesQuery) []dc.Series {
	out := []dc.Series{}
	places := map[seriesKey]int{}
	for _, f := range h.frames {
		if !q.Within(f.end) {
			continue
		}
		h.each(f, func(figure dc.Figure) {
			if !q.Wants(figure) {
				return
			}
			i, ok := places[keyOf(figure)]
			if !ok {
				i = len(out)
				places[keyOf(figure)] = i
				out = append(out, dc.Series{Counter: figure.Counter, Instance: figure.Instance})
			}
			out[i].Samples = append(out[i].Samples, dc.Sample{End: f.end, Value: figure.Value})
		})
	}
	for i := range out {
		out[i].Samples = q.Newest(out[i].Samples)
	}
	return out
}

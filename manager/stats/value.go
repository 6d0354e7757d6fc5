package stats

import (
	"encoding/binary"
	"fmt"

	"hanok/dc"
)

// A value of the database is the figures of one object in one interval, each as four varints: the counter, how many samples it is
// made of, their sum, and the moment of the last one in seconds since the interval's beginning, for counters of which the
// last counts.

// cell is one counter of a value.
type cell struct {
	counter      dc.CounterID
	count, sum   int64
	last, moment int64
}

// value is all cells of one object in one interval.
type value []cell

var errValue = fmt.Errorf("%w: a value makes no sense", errDamaged)

func appendValue(to []byte, v value) []byte {
	for _, c := range v {
		to = binary.AppendUvarint(to, uint64(c.counter))
		to = binary.AppendUvarint(to, uint64(c.count))
		counter, _ := dc.CounterOf(c.counter)
		if counter.Rollup == dc.RollupLatest {
			to = binary.AppendVarint(to, c.last)
			to = binary.AppendVarint(to, c.moment)
		} else {
			to = binary.AppendVarint(to, c.sum)
		}
	}
	return to
}

func parseValue(data []byte) (value, error) {
	var v value
	for len(data) > 0 {
		id, n := binary.Uvarint(data)
		if n <= 0 || id > 1<<31-1 {
			return nil, errValue
		}
		data = data[n:]
		count, n := binary.Uvarint(data)
		if n <= 0 || count == 0 || count > 1<<32 {
			return nil, errValue
		}
		data = data[n:]
		number, n := binary.Varint(data)
		if n <= 0 {
			return nil, errValue
		}
		data = data[n:]
		c := cell{counter: dc.CounterID(id), count: int64(count), sum: number}
		counter, _ := dc.CounterOf(c.counter)
		if counter.Rollup == dc.RollupLatest {
			moment, n := binary.Varint(data)
			if n <= 0 {
				return nil, errValue
			}
			data = data[n:]
			c.sum, c.last, c.moment = 0, number, moment
		}
		v = append(v, c)
	}
	return v, nil
}

// with returns v with the cells of o in it.
func (v value) with(o value) value {
next:
	for _, c := range o {
		for i := range v {
			if v[i].counter != c.counter {
				continue
			}
			v[i].count, v[i].sum = v[i].count+c.count, v[i].sum+c.sum
			if c.moment >= v[i].moment {
				v[i].last, v[i].moment = c.last, c.moment
			}
			continue next
		}
		v = append(v, c)
	}
	return v
}

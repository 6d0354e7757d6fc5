package dc

import (
	"slices"
	"testing"
)

func TestChooseNICSlots(t *testing.T) {
	for _, tt := range []struct {
		known map[int32]int32
		taken []int32
		want  []int32
	}{
		{nil, nil, []int32{160, 192, 224, 256, 1184, 1216, 1248, 1280, 2208, 2240}},
		{map[int32]int32{4000: 192}, []int32{160}, []int32{192, 224, 256, 1184, 1216, 1248, 1280, 2208, 2240, 2272}},
		{map[int32]int32{4001: 33}, []int32{0, 160, 192}, []int32{224, 33, 256, 1184, 1216, 1248, 1280, 2208, 2240, 2272}},
	} {
		got := ChooseNICSlots(tt.known, tt.taken)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v, %v: got %v, want %v", tt.known, tt.taken, got, tt.want)
		}
		h := goodHardware()
		h.RootPorts, h.NICSlots = true, got
		if err := CheckHardware(h); err != nil {
			t.Errorf("%v: %v", got, err)
		}
		// They never change.
		changed := h
		changed.NICSlots = slices.Clone(got)
		changed.NICSlots[9]++
		if err := CheckReconfigure(h, changed, PoweredOff); KindOf(err) != Invalid {
			t.Errorf("other slots: %v", err)
		}
	}
}

func TestCheckNICSlots(t *testing.T) {
	good := ChooseNICSlots(nil, nil)
	with := func(i int, slot int32) []int32 {
		slots := slices.Clone(good)
		slots[i] = slot
		return slots
	}
	for name, h := range map[string]Hardware{
		"too few": {RootPorts: true, NICSlots: good[:9]}, "without ports": {NICSlots: good}, "on the board": {RootPorts: true, NICSlots: with(3, 31)},
		"too large": {RootPorts: true, NICSlots: with(3, 8192)}, "twice": {RootPorts: true, NICSlots: with(3, good[0])},
	} {
		if err := CheckNICSlots(h); KindOf(err) != Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

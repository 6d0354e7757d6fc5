package hardware

import (
	"fmt"
	"strconv"

	"hanok/dc"
)

const slotKey = "pciSlotNumber"

// slots reads the PCI slots of the network adapters, by which a guest knows them. Where a slot is none that an adapter can have here, or
// none is said, the adapters have no slots.
func (r *reader) slots(h *dc.Hardware) {
	known := map[int32]int32{}
	for _, nic := range h.NICs {
		if slot := r.slot(fmt.Sprintf("ethernet%d.", nic.Key-dc.FirstNICKey)); slot != 0 {
			known[nic.Key] = slot
		}
	}
	if len(known) == 0 {
		return
	}
	var taken []int32
	for _, c := range h.Controllers {
		if b, ok := busOf(c.Key); ok {
			taken = append(taken, r.slot(fmt.Sprintf("%s%d.", b.word, c.Key-b.first)))
		}
	}
	numbered := *h
	numbered.RootPorts, numbered.NICSlots = true, dc.ChooseNICSlots(known, taken)
	if dc.CheckNICSlots(numbered) == nil {
		*h = numbered
	}
}

// slot returns the slot of a device, 0 for none: VMware writes -1 for one that it has not chosen yet.
func (r *reader) slot(device string) int32 {
	text, _ := r.c.Get(device + slotKey)
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int32(n)
}

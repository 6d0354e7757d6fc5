package dc

import (
	"fmt"
	"slices"
)

// minSlot is the smallest number of a slot behind one of VMware's bridges. Smaller ones are those of the places on the board.
const minSlot = 32

// maxSlot is the largest number that a slot of PCI Express has (PCI Express Base Specification, Slot Capabilities: 13 bits).
const maxSlot = 1<<13 - 1

// vmwareSlots are the numbers that VMware gives devices on PCI Express, in this order: those behind its bridges 4 to 7, and each of
// these has 8 functions. A number is 1024 times the function and 32 times the bridge after it.
func vmwareSlots() []int32 {
	var all []int32
	for function := range int32(8) {
		for bridge := range int32(4) {
			all = append(all, 1024*function+32*(bridge+5))
		}
	}
	return all
}

// ChooseNICSlots returns the slots of all network adapters that a machine may have: those that are known, by the adapters' keys, and for the
// others the first of VMware's that neither has and that are not taken by other devices.
func ChooseNICSlots(known map[int32]int32, taken []int32) []int32 {
	taken = slices.Clone(taken)
	for _, slot := range known {
		taken = append(taken, slot)
	}
	free := slices.DeleteFunc(vmwareSlots(), func(slot int32) bool { return slices.Contains(taken, slot) })
	all := make([]int32, MaxNICs)
	for i := range all {
		slot, ok := known[FirstNICKey+int32(i)]
		if !ok {
			slot, free = free[0], free[1:]
		}
		all[i] = slot
	}
	return all
}

// CheckNICSlots returns an error of kind Invalid for numbers that slots can't have.
func CheckNICSlots(h Hardware) error {
	if h.NICSlots == nil {
		return nil
	}
	if len(h.NICSlots) != MaxNICs || !h.RootPorts {
		return badField("nicSlots", fmt.Sprintf("%d adapters have numbers of slots", len(h.NICSlots)), fmt.Sprintf("give %d, with root ports, or none", MaxNICs))
	}
	for i, slot := range h.NICSlots {
		field := fmt.Sprintf("nicSlots[%d]", i)
		if slot < minSlot || slot > maxSlot {
			return badField(field, fmt.Sprintf("%d is out of range", slot), fmt.Sprintf("give %d to %d", minSlot, maxSlot))
		}
		if slices.Contains(h.NICSlots[:i], slot) {
			return badField(field, fmt.Sprintf("%d is another adapter's", slot), "give each adapter a slot of its own")
		}
	}
	return nil
}

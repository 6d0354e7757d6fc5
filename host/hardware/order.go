package hardware

import (
	"fmt"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/internal/vmx"
)

// VMware's order is one of kinds of devices, with one of the disks beside it; each adapter is a kind of its own.
const (
	bootKey = "bios.bootOrder"
	hddKey  = "bios.hddOrder"
)

// place is a device that the firmware can start a guest from.
type place struct {
	key  int32
	name string // scsi0:0
	kind string // hdd
}

// places returns what the machine can start from, in the order of the kinds and keys.
func places(h dc.Hardware) []place {
	var all []place
	for _, d := range h.Disks {
		all = append(all, place{d.Key, d.Instance(), "hdd"})
	}
	for _, d := range h.Drives {
		if d.Type == dc.CDROM {
			all = append(all, place{d.Key, strings.TrimSuffix(unitName(d.Controller, d.Unit), "."), "cdrom"})
		} else {
			all = append(all, place{d.Key, fmt.Sprintf("floppy%d", d.Unit), "floppy"})
		}
	}
	for _, n := range h.NICs {
		name := fmt.Sprintf("ethernet%d", n.Key-dc.FirstNICKey)
		all = append(all, place{n.Key, name, name})
	}
	return all
}

// writeOrder writes VMware's order, and ours beside it where VMware's says less.
func writeOrder(c *vmx.Config, h dc.Hardware) {
	boot, hdd := orderWords(h, h.Boot.Order)
	setOrDelete(c, bootKey, boot)
	setOrDelete(c, hddKey, hdd)
	if slices.Equal(vmwareOrder(h, boot, hdd), h.Boot.Order) {
		c.Delete(ours + bootKey)
		return
	}
	var names []string
	for _, key := range h.Boot.Order {
		for _, p := range places(h) {
			if p.key == key {
				names = append(names, p.name)
			}
		}
	}
	setOrDelete(c, ours+bootKey, strings.Join(names, ","))
}

// orderWords returns an order in VMware's words. Keys of no device are left out.
func orderWords(h dc.Hardware, order []int32) (boot, hdd string) {
	var kinds, disks []string
	all := places(h)
	for _, key := range order {
		i := slices.IndexFunc(all, func(p place) bool { return p.key == key })
		if i < 0 {
			continue
		}
		if !slices.Contains(kinds, all[i].kind) {
			kinds = append(kinds, all[i].kind)
		}
		if all[i].kind == "hdd" {
			disks = append(disks, all[i].name)
		}
	}
	return strings.Join(kinds, ","), strings.Join(disks, ",")
}

// readOrder returns the order that c says: ours, if VMware's is still the one that was written with it.
func readOrder(c *vmx.Config, h dc.Hardware) []int32 {
	boot, _ := c.Get(bootKey)
	hdd, _ := c.Get(hddKey)
	if names, ok := c.Get(ours + bootKey); ok {
		var order []int32
		all := places(h)
		for name := range strings.SplitSeq(names, ",") {
			if i := slices.IndexFunc(all, func(p place) bool { return p.name == name }); i >= 0 && !slices.Contains(order, all[i].key) {
				order = append(order, all[i].key)
			}
		}
		if b, d := orderWords(h, order); b == boot && d == hdd {
			return order
		}
	}
	return vmwareOrder(h, boot, hdd)
}

// vmwareOrder reads VMware's words, those of old versions too. Words that it doesn't know it leaves out: VMware does so.
func vmwareOrder(h dc.Hardware, boot, hdd string) []int32 {
	var order []int32
	all := places(h)
	add := func(which func(p place) bool) {
		for _, p := range all {
			if which(p) && !slices.Contains(order, p.key) {
				order = append(order, p.key)
			}
		}
	}
	boot, _ = strings.CutPrefix(strings.ToLower(boot), "allow:")
	for word := range strings.SplitSeq(boot, ",") {
		switch word = strings.TrimSpace(word); word {
		case "hd", "hdd", "disk":
			before := len(order)
			for name := range strings.SplitSeq(strings.ToLower(hdd), ",") {
				add(func(p place) bool { return p.kind == "hdd" && p.name == strings.TrimSpace(name) })
			}
			if len(order) == before {
				add(func(p place) bool { return p.kind == "hdd" })
			}
		case "cd", "cdrom":
			add(func(p place) bool { return p.kind == "cdrom" })
		case "fd", "floppy":
			add(func(p place) bool { return p.kind == "floppy" })
		case "net":
			add(func(p place) bool { return strings.HasPrefix(p.kind, "ethernet") })
		default:
			add(func(p place) bool { return p.kind == word })
		}
	}
	return order
}

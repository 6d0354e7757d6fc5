package qemu

import (
	"fmt"
	"slices"

	"hanok/dc"
)

// cards are QEMU's models of network adapters. A NIC without a type is one of virtio.
var cards = map[dc.NICType]string{
	"": "virtio-net-pci", dc.VirtioNet: "virtio-net-pci", dc.VMXNET3: "vmxnet3", dc.E1000E: "e1000e", dc.E1000: "e1000",
}

// nics have a boot ROM only where the boot order names them: reading it takes a sixth of the time to the guest's first instruction.
func (c Command) nics(hostname string) []string {
	var a []string
	for _, nic := range c.Machine.NICs {
		a = append(a, cables(c.attachment(nic.Key), hostname)...)
		a = append(a, "-device", c.card(nic))
	}
	return a
}

// card returns the option of a NIC.
func (c Command) card(nic dc.NIC) string {
	card := c.device(cards[nic.Type], nicID(nic.Key), slotNIC+int(nic.Key-dc.FirstNICKey))
	if slices.Contains(c.Machine.Boot.Order, nic.Key) {
		card += fmt.Sprintf(",bootindex=%d", bootIndex(c.Machine.Hardware, nic.Key))
	} else {
		card += ",romfile="
	}
	return fmt.Sprintf("%s,mac=%s,netdev=net%d", card, nic.MAC, nic.Key)
}

// attachment returns what the NIC with the key is connected to.
func (c Command) attachment(key int32) dc.Attachment {
	i := slices.IndexFunc(c.NICs, func(a dc.Attachment) bool { return a.Key == key })
	if i < 0 {
		return dc.Attachment{Key: key}
	}
	return c.NICs[i]
}

// unplugged returns the NICs without a cable, by their QEMU names.
func (c Command) unplugged() []string {
	var names []string
	for _, nic := range c.Machine.NICs {
		if !nic.Connected || !c.attachment(nic.Key).UserMode {
			names = append(names, nicID(nic.Key))
		}
	}
	return names
}

func nicID(key int32) string { return fmt.Sprintf("nic%d", key) }

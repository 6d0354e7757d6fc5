package hardware

import (
	"fmt"
	"testing"

	"hanok/dc"
	"hanok/internal/vmx"
)

// TestForeignIsAllowed: what others write passes the rules for machines, once it has what a registration gives it.
func TestForeignIsAllowed(t *testing.T) {
	for name := range foreign {
		c, err := vmx.Parse([]byte(readFile(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Read(c)
		if err != nil {
			t.Fatal(err)
		}
		h := m.Hardware
		h.UUID, h.InstanceUUID = "420f3a1e-3c1d-4f4e-9a57-0123456789ab", "500f3a1e-3c1d-4f4e-9a57-0123456789ab"
		for i := range h.Disks {
			h.Disks[i].CapacityBytes, h.Disks[i].Provisioning = 1<<30, dc.Thin
		}
		for i := range h.NICs {
			h.NICs[i].PortGroup, h.NICs[i].MAC = "network-1", fmt.Sprintf("52:54:00:00:00:%02x", i)
		}
		if err := dc.CheckHardware(h); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGuestsHaveWords: every guest that a machine can be made for is the same one when its .vmx is read.
func TestGuestsHaveWords(t *testing.T) {
	for _, g := range dc.GuestSystems() {
		if word := vmx.GuestOS(g.ID); vmx.GuestID(word) != g.ID {
			t.Errorf("%s is %q in a .vmx, which is %s", g.ID, word, vmx.GuestID(word))
		}
	}
}

// Package usernet connects machines' NICs to the user-mode network that is built into their own hypervisor process: each
// machine gets an address by DHCP and may open connections to wherever its host may; nobody can open one to it. It needs
// no privilege and changes nothing on the host, and so it is what port groups mean until the data plane fills them.
//
// A NIC that gets another port group while its machine has power is moved by the hypervisor: the network before ends, with all that was
// under way in it.
//
// It makes no packets itself and no switch: two machines on one port group do not see each other. The agent calls it as
// its Network.
package usernet

import (
	"context"

	"hanok/dc"
)

// Network is the user-mode network. The zero value is ready for use, by any number of goroutines.
type Network struct{}

// Plug returns one attachment a NIC, in their order. It cannot fail, and makes nothing.
func (Network) Plug(ctx context.Context, m dc.Machine) ([]dc.Attachment, error) {
	attachments := make([]dc.Attachment, len(m.NICs))
	for i, nic := range m.NICs {
		attachments[i] = dc.Attachment{Key: nic.Key, UserMode: nic.PortGroup != "", Network: string(nic.PortGroup)}
	}
	return attachments, nil
}

// Unplug has nothing to remove: the network goes with the machine's process.
func (Network) Unplug(ctx context.Context, m dc.Machine) error { return nil }

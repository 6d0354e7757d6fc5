package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"hanok/dc"
	"hanok/internal/qmp"
)

// QEMU can't give a card another network, but it can put another cable into a hub. So each NIC is on a hub of its own, whose other
// socket has the cable to the NIC's network. The network is named for what it is, so that an agent which finds a machine again can
// tell. A machine that an older version started has the network behind the card itself, where it stays until the power is off.

// cables returns the hub of a NIC, and the cable to what it is attached to, if it is to anything.
func cables(at dc.Attachment, hostname string) []string {
	a := []string{"-netdev", fmt.Sprintf("hubport,id=%s,hubid=%d", networkID(nicID(at.Key)), at.Key)}
	if at.UserMode {
		wire := escape(wireID(at))
		a = append(a, "-netdev", fmt.Sprintf("user,id=%s,ipv6=off,hostname=%s", wire, hostname),
			"-netdev", fmt.Sprintf("hubport,id=%s,hubid=%d,netdev=%s", cableID(at.Key), at.Key, wire))
	}
	return a
}

// networkID is the name of what a card is connected to: its socket of the hub.
func networkID(name string) string { return "net" + strings.TrimPrefix(name, "nic") }

// cableID is the name of the hub's other socket, and wireID that of the network which the cable leads to.
func cableID(key int32) string       { return fmt.Sprintf("cable%d", key) }
func wireID(at dc.Attachment) string { return wirePrefix(at.Key) + at.Network }
func wirePrefix(key int32) string    { return fmt.Sprintf("wire%d.", key) }

// wiring is what a QEMU has between the cards and the networks.
type wiring struct {
	// plugged are the networks that the cables lead to, by the keys of the NICs.
	plugged map[int32]string
	// wires are the names of all networks, those that no cable leads to included.
	wires []string
	// fixed are the NICs whose network can't be changed.
	fixed map[int32]bool
}

var (
	pluggedWire = regexp.MustCompile(`(?m)^ \\ cable(\d+): wire\d+\.([\w.-]*): index=`)
	anyWire     = regexp.MustCompile(`\b(wire\d+\.[\w.-]*): index=`)
	fixedWire   = regexp.MustCompile(`(?m)^ \\ net(\d+): index=\d+,type=user`)
)

// wiring asks QEMU for it, whose only word for it is a text.
func (m *machine) wiring(ctx context.Context) (wiring, error) {
	var text string
	if err := m.execute(ctx, "human-monitor-command", map[string]any{"command-line": "info network"}, &text); err != nil {
		return wiring{}, err
	}
	return parseWiring(text), nil
}

func parseWiring(text string) wiring {
	w := wiring{plugged: map[int32]string{}, fixed: map[int32]bool{}}
	key := func(digits string) int32 {
		n, _ := strconv.ParseInt(digits, 10, 32) // 0 is no NIC's
		return int32(n)
	}
	for _, found := range pluggedWire.FindAllStringSubmatch(text, -1) {
		w.plugged[key(found[1])] = found[2]
	}
	for _, found := range anyWire.FindAllStringSubmatch(text, -1) {
		w.wires = append(w.wires, found[1])
	}
	for _, found := range fixedWire.FindAllStringSubmatch(text, -1) {
		w.fixed[key(found[1])] = true
	}
	return w
}

// compare says which NICs are not on the networks that they are to be on.
func (w wiring) compare(m dc.Machine) []string {
	var said []string
	for _, n := range m.NICs {
		is, plugged := w.plugged[n.Key]
		switch want := string(n.PortGroup); {
		case w.fixed[n.Key]:
		case want != "" && !plugged:
			said = append(said, fmt.Sprintf("the network adapter %d is on no network, not on %s", n.Key, networkName(m, want)))
		case plugged && is != want:
			said = append(said, fmt.Sprintf("the network adapter %d is on %s, not on %s", n.Key, networkName(m, is), networkName(m, want)))
		}
	}
	return said
}

// networkName is what a network is called: its ID where its name is not known, and "no network" for none.
func networkName(m dc.Machine, network string) string {
	if name := m.Names[dc.ID(network)]; name != "" {
		return fmt.Sprintf("%q", name)
	}
	return cmp.Or(network, "no network")
}

// portGroup returns the network that a NIC of the machine was last asked to be on.
func (m *machine) portGroup(key int32) dc.PortGroupID {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.asked.NICs {
		if n.Key == key {
			return n.PortGroup
		}
	}
	return ""
}

// move puts the cable of a NIC into the network that it is to be on, if it is in another one. The card has no link meanwhile, and the
// network before is gone with all that was under way in it before there is another one: nothing passes between the two. Cut off
// anywhere, the NIC is on one of them or on none, and again goes on from there. The caller gives the link back.
func (c change) move(ctx context.Context, key int32) error {
	at, network := c.command.attachment(key), ""
	is, plugged := c.has.wiring.plugged[key]
	if at.UserMode {
		network = at.Network
	}
	if c.has.wiring.fixed[key] || plugged == at.UserMode && is == network {
		return nil
	}
	if err := c.m.execute(ctx, "set_link", map[string]any{"name": nicID(key), "up": false}, nil); err != nil {
		return err
	}
	if err := c.cut(ctx, key); err != nil {
		return err
	}
	return c.wire(ctx, at)
}

// cut takes a NIC's cable away, and the networks behind it.
func (c change) cut(ctx context.Context, key int32) error {
	if err := c.removeNetwork(ctx, cableID(key)); err != nil {
		return err
	}
	for _, wire := range c.has.wiring.wires {
		if strings.HasPrefix(wire, wirePrefix(key)) {
			if err := c.removeNetwork(ctx, wire); err != nil {
				return err
			}
		}
	}
	return nil
}

// wire puts a cable to its network into the hub of a NIC, which has none.
func (c change) wire(ctx context.Context, at dc.Attachment) error {
	if !at.UserMode {
		return nil
	}
	wire := map[string]any{"id": wireID(at), "type": "user", "ipv6": false, "hostname": hostnameOf(c.spec.Name)}
	if err := c.m.execute(ctx, "netdev_add", wire, nil); err != nil {
		return err
	}
	cable := map[string]any{"id": cableID(at.Key), "type": "hubport", "hubid": at.Key, "netdev": wireID(at)}
	return c.m.execute(ctx, "netdev_add", cable, nil)
}

// addNIC plugs a NIC in, after what it is connected to. What a change before has left of that without a NIC is replaced.
func (c change) addNIC(ctx context.Context, nic dc.NIC) error {
	if err := c.removeNetwork(ctx, networkID(nicID(nic.Key))); err != nil {
		return err
	}
	if err := c.cut(ctx, nic.Key); err != nil {
		return err
	}
	hub := map[string]any{"id": networkID(nicID(nic.Key)), "type": "hubport", "hubid": nic.Key}
	if err := c.m.execute(ctx, "netdev_add", hub, nil); err != nil {
		return err
	}
	if err := c.wire(ctx, c.command.attachment(nic.Key)); err != nil {
		return err
	}
	return c.plug(ctx, c.command.card(nic))
}

// removeNIC takes a NIC away, when the guest agrees, with what it is connected to.
func (c change) removeNIC(ctx context.Context, name string) error {
	if err := c.unplug(ctx, name); err != nil {
		return err
	}
	if err := c.removeNetwork(ctx, networkID(name)); err != nil {
		return err
	}
	key, err := strconv.ParseInt(strings.TrimPrefix(name, "nic"), 10, 32)
	if err != nil {
		return nil // none of ours, and it has no cable
	}
	return c.cut(ctx, int32(key))
}

// removeNetwork removes a part of a NIC's network, if that is there.
func (c change) removeNetwork(ctx context.Context, name string) error {
	err := c.m.execute(ctx, "netdev_del", map[string]any{"id": name}, nil)
	var refusal *qmp.Error
	if errors.As(err, &refusal) && refusal.Class == "DeviceNotFound" {
		return nil
	}
	return err
}

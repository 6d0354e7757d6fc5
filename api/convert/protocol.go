package convert

import (
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// The versions of the agent protocol. A data center is upgraded manager first, then its hosts: a manager speaks to agents of
// this version and of the one before, an agent to a manager of this version or a newer one.
const (
	// Protocol is the newest version, and the only one that an agent speaks.
	Protocol = 3
	// OldestProtocol is the oldest that a manager speaks.
	OldestProtocol = 2
	// ConfiguringProtocol is the oldest in which the hardware of a machine changes.
	ConfiguringProtocol = 3
)

// Hello returns the message that opens an agent's connection.
func Hello(facts dc.HostStatus, highestRevision int64) *agentv1.Hello {
	hello := &agentv1.Hello{Protocol: Protocol, OldestProtocol: Protocol, Facts: HostFacts(facts), HighestRevision: highestRevision}
	for _, f := range dc.HostFeatures() {
		hello.Features = append(hello.Features, string(f))
	}
	return hello
}

// FeaturesOf returns what the agent that says hello can do.
func FeaturesOf(hello *agentv1.Hello) []dc.HostFeature {
	if len(hello.GetFeatures()) == 0 {
		return dc.UnnamedFeatures()
	}
	var all []dc.HostFeature
	for _, f := range hello.Features {
		all = append(all, dc.HostFeature(f))
	}
	return all
}

// ChooseProtocol returns the highest version that this program as a manager and the agent that says hello both speak. Without
// one the error is of the kind Unsupported.
func ChooseProtocol(hello *agentv1.Hello) (int32, error) {
	newest, oldest := hello.GetProtocol(), hello.GetOldestProtocol()
	if oldest == 0 {
		oldest = newest
	}
	version := min(newest, Protocol)
	if version >= max(oldest, OldestProtocol) {
		return version, nil
	}
	if newest < OldestProtocol {
		return 0, dc.Errorf(dc.Unsupported, "the host speaks version %d of the agent protocol at most, this manager %d at least",
			newest, OldestProtocol).Fix("install this manager's program on the host")
	}
	return 0, dc.Errorf(dc.Unsupported, "the host speaks version %d of the agent protocol at least, this manager %d at most",
		oldest, Protocol).Fix("install the host's program on the manager: managers are upgraded first, then hosts")
}

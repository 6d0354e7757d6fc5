package dc

import "slices"

// HostFeature is something that the program of a host learned within one version of the agent protocol. One that has not learned it would
// not say so: it would leave out what it has no words for. So a host says what it can do, and is asked for nothing else.
type HostFeature string

// The features.
const (
	// FeatureRootPorts is hardware with root ports.
	FeatureRootPorts HostFeature = "rootPorts"
	// FeatureMoveNIC is that a network adapter gets another port group while its machine has power.
	FeatureMoveNIC HostFeature = "moveNIC"
	// FeatureManyUnits is units beyond those that a controller has in every hardware version.
	FeatureManyUnits HostFeature = "manyUnits"
	// FeatureAttachDisk is a disk that was there before its machine, and is never made anew.
	FeatureAttachDisk HostFeature = "attachDisk"
	// FeatureNICSlots is that network adapters are in slots with numbers.
	FeatureNICSlots HostFeature = "nicSlots"
)

// HostFeatures returns what hosts of this program can do.
func HostFeatures() []HostFeature {
	return []HostFeature{FeatureRootPorts, FeatureMoveNIC, FeatureManyUnits, FeatureAttachDisk, FeatureNICSlots}
}

// UnnamedFeatures returns what is taken for the features of a host that names none, since its program is older than the names.
func UnnamedFeatures() []HostFeature { return []HostFeature{FeatureRootPorts} }

// Features returns what a host must be able to do to execute the machine.
func (h Hardware) Features() []HostFeature {
	var all []HostFeature
	if h.RootPorts {
		all = append(all, FeatureRootPorts)
	}
	if h.NICSlots != nil {
		all = append(all, FeatureNICSlots)
	}
	many := func(controller, unit int32) bool {
		c, _ := classOf(controller)
		return unit >= c.units
	}
	if slices.ContainsFunc(h.Disks, func(d Disk) bool { return many(d.Controller, d.Unit) }) ||
		slices.ContainsFunc(h.Drives, func(d Drive) bool { return d.Type == CDROM && many(d.Controller, d.Unit) }) {
		all = append(all, FeatureManyUnits)
	}
	if slices.ContainsFunc(h.Disks, func(d Disk) bool { return d.Attached }) {
		all = append(all, FeatureAttachDisk)
	}
	return all
}

// ChangeFeatures returns what a host must be able to do to change a machine with power from old to h, besides h.Features.
func (h Hardware) ChangeFeatures(old Hardware) []HostFeature {
	moved := func(n NIC) bool {
		return slices.ContainsFunc(old.NICs, func(o NIC) bool { return o.Key == n.Key && o.PortGroup != n.PortGroup })
	}
	if slices.ContainsFunc(h.NICs, moved) {
		return []HostFeature{FeatureMoveNIC}
	}
	return nil
}

// HasAll reports whether all that is needed is among the features.
func HasAll(features, needed []HostFeature) bool {
	return !slices.ContainsFunc(needed, func(f HostFeature) bool { return !slices.Contains(features, f) })
}

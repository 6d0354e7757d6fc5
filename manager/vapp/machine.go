package vapp

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"hanok/dc"
	"hanok/internal/ovf"
	"hanok/manager/compute"
	"hanok/manager/vapp/hardware"
)

// machineOf returns the machine that is asked for, which of the package's disks each of its disks is, and what is other than the package
// says, each a sentence. Named are the port groups by name.
func machineOf(m *ovf.Machine, req Request, named map[string]dc.PortGroupID) (compute.CreateRequest, []int, []string, error) {
	out := req.Machine
	read, err := hardware.Read(m)
	if err == nil {
		err = connect(&read, m, req.Networks, named)
	}
	var known *dc.Error
	if errors.As(err, &known) {
		err = known.On(dc.Describe(dc.KindVirtualMachine, out.Name))
	}
	if err != nil {
		return out, nil, nil, err
	}
	out.Hardware, out.Annotation = &read.Hardware, cmp.Or(out.Annotation, m.Annotation)
	return out, read.Disks, read.Warnings, nil
}

// connect connects the adapters to port groups: those that are asked for, else those of their networks' names.
func connect(read *hardware.Machine, m *ovf.Machine, networks, named map[string]dc.PortGroupID) error {
	names := map[string]bool{"": true}
	for _, n := range m.Networks {
		names[n.Name] = true
	}
	for name := range networks {
		if !names[name] {
			return dc.Errorf(dc.Invalid, "the package has no network %q", name).Fix("name one of its networks: %s", networkNames(m))
		}
	}
	for i, network := range read.Networks {
		portGroup := cmp.Or(networks[network], networks[""], named[network])
		if portGroup == "" {
			return dc.Errorf(dc.Invalid, "the package's network %q has no port group", network).
				Fix("make a port group of that name, or say which one it is to be: NETWORK=PORTGROUP, or one port group for all")
		}
		read.Hardware.NICs[i].PortGroup = portGroup
	}
	return nil
}

func networkNames(m *ovf.Machine) string {
	var names []string
	for _, n := range m.Networks {
		names = append(names, fmt.Sprintf("%q", n.Name))
	}
	return cmp.Or(strings.Join(names, ", "), "it has none")
}

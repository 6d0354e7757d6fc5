package property

import (
	"errors"
	"reflect"
	"testing"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func TestPath(t *testing.T) {
	machine := NewType(mo.VirtualMachine{}, nil)
	config := &types.VirtualMachineConfigInfo{
		Hardware: types.VirtualHardware{NumCPU: 2, Device: []types.BaseVirtualDevice{
			&types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
				VirtualDevice: types.VirtualDevice{Key: 4000, UnitNumber: types.NewInt32(7)}, MacAddress: "00:50:56:00:00:01"}}},
		}},
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "a.b[]", Value: "v"}},
	}
	refs := []types.ManagedObjectReference{{Type: "Network", Value: "network-1"}}
	for path, c := range map[string]struct{ value, want any }{
		"name":                     {"n", "n"},
		"config.hardware.numCPU":   {config, int32(2)},
		"config.hardware.memoryMB": {config, int32(0)},
		"config.hardware.device[4000].macAddress":  {config, "00:50:56:00:00:01"},
		"config.hardware.device[4000].unitNumber":  {config, int32(7)},
		"config.hardware.device[4000].backing":     {config, nil},
		"config.hardware.device[1].macAddress":     {config, nil},
		"config.hardware.device[4000].nothingOfIt": {config, nil}, // another device may have it
		`config.extraConfig["a.b[]"].value`:        {config, "v"},
		"config.bootOptions.bootDelay":             {config, nil},
		"config.guestId":                           {config, nil},
		"config":                                   {(*types.VirtualMachineConfigInfo)(nil), nil},
		"network":                                  {refs, refs},
		`network["network-1"]`:                     {refs, refs[0]},
		"datastore":                                {[]types.ManagedObjectReference{}, []types.ManagedObjectReference{}},
		"summary.runtime.powerState":               {types.VirtualMachineSummary{Runtime: types.VirtualMachineRuntimeInfo{PowerState: "poweredOn"}}, types.VirtualMachinePowerStatePoweredOn},
	} {
		p, err := machine.Path(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if have := p.In(c.value); !reflect.DeepEqual(have, c.want) {
			t.Errorf("%s: %#v, want %#v", path, have, c.want)
		}
	}
	for _, path := range []string{"", ".", "nothing", "name.", "name.first", "name[1]", "config.nothing", "config..name", "config.hardware.device[", "config.hardware.device[]",
		"config.hardware.device.key", "config.hardware.device[1]x", `config.extraConfig["a]`, "Name", "self"} {
		var invalid *InvalidPathError
		if _, err := machine.Path(path); !errors.As(err, &invalid) || invalid.Path != path {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestTypeIs(t *testing.T) {
	cluster := NewType(mo.ClusterComputeResource{}, nil)
	for name, want := range map[string]bool{"ClusterComputeResource": true, "ComputeResource": true, "ManagedEntity": true, "ManagedObject": true, "Folder": false} {
		if cluster.Is(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

package store

import (
	"encoding/json"

	"hanok/dc"
)

// upgradeMachine gives a virtual machine of format 2 its hardware as it is written today.
func upgradeMachine(old []byte) ([]dc.Object, error) {
	vm := &dc.VirtualMachine{}
	if err := json.Unmarshal(old, vm); err != nil {
		return nil, err
	}
	vm.Spec.Hardware = dc.UpgradeHardware(vm.Spec.Hardware, vm.Spec.Folder)
	return []dc.Object{vm}, nil
}

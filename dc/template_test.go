package dc

import (
	"strings"
	"testing"
)

func TestCheckAtRest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(vm *VirtualMachine)
		text   string
	}{
		{"off", func(*VirtualMachine) {}, ""},
		{"a template", func(vm *VirtualMachine) { vm.Spec.Template = true }, ""},
		{"being deleted", func(vm *VirtualMachine) { vm.Spec.Deleted = true }, "it is being deleted"},
		{"no files yet", func(vm *VirtualMachine) { vm.Status.Files = "" }, "its files are not ready"},
		{"files missing", func(vm *VirtualMachine) { vm.Status.Files = FilesMissing }, "its files are missing"},
		{"on", func(vm *VirtualMachine) { vm.Status.Power = PoweredOn }, "it is powered on"},
		{"about to be on", func(vm *VirtualMachine) { vm.Spec.Power = PowerRequest{Generation: 1, Op: PowerOn} }, "it is powered on"},
		{"suspended", func(vm *VirtualMachine) { vm.Status.Power = Suspended }, "it is suspended"},
	} {
		vm := &VirtualMachine{Meta: Meta{Name: "hello"}, Status: VirtualMachineStatus{Files: FilesReady, Power: PoweredOff}}
		tt.change(vm)
		err := CheckAtRest(vm)
		if (err == nil) != (tt.text == "") || err != nil && (KindOf(err) != WrongState || !strings.Contains(err.Error(), tt.text)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestTemplateGetsNoPower(t *testing.T) {
	vm := &VirtualMachine{Meta: Meta{Name: "hello"}, Spec: VirtualMachineSpec{Template: true}, Status: VirtualMachineStatus{Files: FilesReady, Power: PoweredOff}}
	if err := CheckPower(vm, PowerOn); KindOf(err) != WrongState || !strings.Contains(err.Error(), "it is a template") {
		t.Errorf("got %v", err)
	}
}

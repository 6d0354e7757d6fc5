package dc

// CheckNoTemplate returns an error of kind WrongState for a template, which gets no power and no other hardware, and nil for every
// other machine.
func CheckNoTemplate(vm *VirtualMachine) error {
	if !vm.Spec.Template {
		return nil
	}
	return Errorf(WrongState, "it is a template").On(Describe(KindVirtualMachine, vm.Name)).
		Fix("deploy a virtual machine from it, or mark it as a virtual machine first")
}

// CheckAtRest returns nil for a machine, or template, whose files are there and stay as they are: it has no power, is not about to, and
// has no memory on its datastore. The error is of kind WrongState.
func CheckAtRest(vm *VirtualMachine) error {
	fail := func(message, remedy string) error {
		return Errorf(WrongState, "%s", message).On(Describe(KindVirtualMachine, vm.Name)).Fix("%s", remedy)
	}
	switch {
	case vm.Spec.Deleted:
		return fail("it is being deleted", "choose another one")
	case vm.Spec.Released:
		return fail("it is being unregistered", "choose another one")
	case vm.Status.Files == FilesMissing:
		return fail("its files are missing"+because(vm.Status.FilesFailure), "bring its files back to where they were")
	case vm.Status.Files != FilesReady:
		return fail("its files are not ready", "wait for the task that makes them")
	case vm.HasPower():
		return fail("it is powered on", "power it off first")
	case vm.Status.Power == Suspended:
		return fail("it is suspended", "power it on, and shut it down; or power it off, which loses what its memory holds")
	}
	return nil
}

package dc

// Share replaces the words that many machines have in common (states, types, the IDs of hosts, pools and networks) by what same
// returns for them, which must be equal. So that of 100,000 machines each word is in memory once. What is the machine's own stays.
func (o *VirtualMachine) Share(same func(string) string) {
	share(same, &o.Parent)
	spec, hw, status := &o.Spec, &o.Spec.Hardware, &o.Status
	share(same, &spec.Pool)
	share(same, &spec.Host)
	share(same, &spec.Datastore)
	share(same, &spec.Power.Op)
	share(same, &hw.GuestID)
	share(same, &hw.Firmware)
	share(same, &hw.Video.Model)
	for i := range hw.Controllers {
		share(same, &hw.Controllers[i].Type)
	}
	for i := range hw.Disks {
		share(same, &hw.Disks[i].Provisioning)
		share(same, &hw.Disks[i].Mode)
		share(same, &hw.Disks[i].Image)
	}
	for i := range hw.Drives {
		share(same, &hw.Drives[i].Type)
		share(same, &hw.Drives[i].Media.Datastore)
	}
	for i := range hw.NICs {
		share(same, &hw.NICs[i].Type)
		share(same, &hw.NICs[i].PortGroup)
	}
	for i := range hw.Inputs {
		share(same, &hw.Inputs[i])
	}
	share(same, &status.Files)
	share(same, &status.Power)
	share(same, &status.Guest.OS)
}

func share[T ~string](same func(string) string, word *T) { *word = T(same(string(*word))) }

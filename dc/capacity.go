package dc

import "fmt"

// HostReserveMB is the memory that a host with so much memory keeps for itself: its kernel, its services, the agent, and the
// manager where it runs there. It is a rule of our own: 256 MB, and a sixty-fourth for the kernel's own tables and caches.
func HostReserveMB(memoryMB int64) int64 { return 256 + memoryMB/64 }

// TotalMHz returns the clock rates of all cores together; 0 where the host has not said.
func (s HostStatus) TotalMHz() int64 {
	cores := s.CPUCores
	if cores == 0 {
		cores = s.CPUs
	}
	return int64(cores) * s.CPUMHz
}

// Guarantee returns what the host can guarantee to machines: nineteen twentieths of its CPU, and its memory without what it
// keeps for itself. A host that does not say how fast it is guarantees no CPU.
func (s HostStatus) Guarantee() Amount {
	reserved := s.ReservedMemoryMB
	if reserved == 0 {
		reserved = HostReserveMB(s.MemoryMB) // an agent of an older version
	}
	return Amount{CPUMHz: s.TotalMHz() * 19 / 20, MemoryMB: max(0, s.MemoryMB-reserved)}
}

// What QEMU 10 takes besides the guest's memory, in MB, as measured: 40 for itself with its devices, a third for each virtual
// CPU, what the graphics adapter shows, eight bytes of page table for each page of the guest, and under software emulation
// the cache of translated code and what finds things in it. Room for what is under way on disks and networks is added.
const (
	overheadProcessMB = 64
	overheadVideoMB   = 16
	overheadCPUMB     = 1
	overheadPageTable = 512 // of the guest's memory
	overheadTCGMB     = 96
	overheadTCGCPUMB  = 2
)

// OverheadMB returns the memory that executing a machine takes on its host besides the machine's own.
func OverheadMB(h Hardware, accelerator Accelerator) int64 {
	mb := overheadProcessMB + overheadVideoMB + overheadCPUMB*int64(h.CPUs) + (h.MemoryMB+overheadPageTable-1)/overheadPageTable
	if accelerator == TCG {
		mb += overheadTCGMB + overheadTCGCPUMB*int64(h.CPUs)
	}
	return mb
}

// Reserved returns what a machine reserves while it has power: its reservations and its overhead.
func (o *VirtualMachine) Reserved(accelerator Accelerator) Amount {
	c := o.Spec.Resources
	return Amount{CPUMHz: c.CPU.Reservation, MemoryMB: c.Memory.Reservation + OverheadMB(o.Spec.Hardware, accelerator)}
}

// Taken returns what a machine with power takes of its host that no other one may have. This is the one rule of how far memory
// is overcommitted: not at all. All of a machine's memory counts, reserved or not, since nothing can take any of it back from a
// guest or write it to a swap file yet. CPU that is not reserved is given to many.
func (o *VirtualMachine) Taken(accelerator Accelerator) Amount {
	return Amount{CPUMHz: o.Spec.Resources.CPU.Reservation, MemoryMB: o.Spec.Hardware.MemoryMB + OverheadMB(o.Spec.Hardware, accelerator)}
}

// AdmitOnHost returns nil where the host can hold the machine besides what others with power have taken of it. Else the error is
// of kind Exhausted, with an *Insufficient as its cause where something is short now. It names no object.
func AdmitOnHost(vm *VirtualMachine, host HostStatus, taken Amount) error {
	if err := Fits(vm.Spec.Hardware, host); err != nil {
		return err
	}
	cpu := vm.Spec.Resources.CPU.Reservation
	if most := int64(vm.Spec.Hardware.CPUs) * host.CPUMHz; cpu > most {
		remedy := fmt.Sprintf("reserve %d MHz at most, or give it more CPUs", most)
		if most == 0 {
			remedy = "install the manager's program on the host"
		}
		return &Error{Kind: Exhausted, Message: fmt.Sprintf("%d MHz are reserved, and %d CPUs have %d MHz there", cpu, vm.Spec.Hardware.CPUs, most),
			Remedy: remedy, Err: &Insufficient{false, cpu, most}}
	}
	return within(vm.Taken(host.Hypervisor.Accelerator), host.Guarantee().Minus(taken),
		"power off another virtual machine on this host, or use one with less memory or a smaller reservation")
}

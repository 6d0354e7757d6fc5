package qemu

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of the kernel's virtualization interface (linux/kvm.h).
const (
	kvmDevice           = "/dev/kvm"
	kvmVersion          = 12
	kvmGetAPIVersion    = 0xae00
	kvmCreateVM         = 0xae01
	kvmGetVCPUMmapSize  = 0xae04
	kvmCreateVCPU       = 0xae41
	kvmSetUserMemory    = 0x4020ae46
	kvmRun              = 0xae80
	kvmSetRegs          = 0x4090ae82
	kvmGetSregs         = 0x8138ae83
	kvmSetSregs         = 0x4138ae84
	kvmExitHalted       = 5
	kvmSregsSize        = 312
	kvmSregsSelector    = 12 // of the code segment, after its base and limit
	kvmExitReasonOffset = 8  // in struct kvm_run
)

// loop is 50,000 turns of an empty loop in real mode, then a halt: mov ecx, 50000; dec ecx; jnz; hlt. A processor with
// virtualization takes well below a millisecond, and so does software emulation.
var loop = []byte{0x66, 0xb9, 0x50, 0xc3, 0x00, 0x00, 0x66, 0x49, 0x75, 0xfc, 0xf4}

// slowLoop is the time from which on the loop tells that the processor does not execute the guest itself.
const slowLoop = 5 * time.Millisecond

// loopTimeout ends the loop on a host where it does not end.
const loopTimeout = time.Second

// timeKVM executes the loop in a virtual machine of its own and returns how long that took. It needs the right to open
// /dev/kvm.
func timeKVM() (time.Duration, error) {
	kvm, err := os.OpenFile(kvmDevice, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer kvm.Close()
	version, err := ioctl(int(kvm.Fd()), kvmGetAPIVersion, 0)
	if err != nil || version != kvmVersion {
		return 0, fmt.Errorf("its version is %d, not %d: %w", version, kvmVersion, err)
	}
	vm, err := ioctl(int(kvm.Fd()), kvmCreateVM, 0)
	if err != nil {
		return 0, fmt.Errorf("making a virtual machine: %w", err)
	}
	defer unix.Close(vm)
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(memory)
	copy(memory, loop)
	const address = 0x1000
	region := struct {
		slot, flags         uint32
		guest, size, memory uint64
	}{guest: address, size: 4096, memory: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	if _, err := ioctl(vm, kvmSetUserMemory, uintptr(unsafe.Pointer(&region))); err != nil {
		return 0, fmt.Errorf("giving it memory: %w", err)
	}
	cpu, err := ioctl(vm, kvmCreateVCPU, 0)
	if err != nil {
		return 0, fmt.Errorf("giving it a CPU: %w", err)
	}
	defer unix.Close(cpu)
	size, err := ioctl(int(kvm.Fd()), kvmGetVCPUMmapSize, 0)
	if err != nil {
		return 0, err
	}
	state, err := unix.Mmap(cpu, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(state)
	if err := prepareCPU(cpu, address); err != nil {
		return 0, fmt.Errorf("preparing its CPU: %w", err)
	}
	took, err := runCPU(cpu)
	if err != nil {
		return 0, fmt.Errorf("executing its CPU: %w", err)
	}
	if reason := *(*uint32)(unsafe.Pointer(&state[kvmExitReasonOffset])); reason != kvmExitHalted {
		return 0, fmt.Errorf("executing its CPU: it stopped for the reason %d instead of its halt", reason)
	}
	return took, nil
}

// prepareCPU lets the CPU begin at the address, in real mode.
func prepareCPU(cpu int, address uint64) error {
	var sregs [kvmSregsSize]byte
	if _, err := ioctl(cpu, kvmGetSregs, uintptr(unsafe.Pointer(&sregs))); err != nil {
		return err
	}
	clear(sregs[:8]) // the code segment's base
	clear(sregs[kvmSregsSelector : kvmSregsSelector+2])
	if _, err := ioctl(cpu, kvmSetSregs, uintptr(unsafe.Pointer(&sregs))); err != nil {
		return err
	}
	regs := struct {
		general     [16]uint64
		rip, rflags uint64
	}{rip: address, rflags: 2}
	_, err := ioctl(cpu, kvmSetRegs, uintptr(unsafe.Pointer(&regs)))
	return err
}

// runCPU executes the CPU until it halts.
func runCPU(cpu int) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	// A signal is what ends the execution from outside. The Go runtime is used to this one and ignores it.
	alarm := time.AfterFunc(loopTimeout, func() { unix.Tgkill(unix.Getpid(), thread, unix.SIGURG) })
	defer alarm.Stop()
	for start := time.Now(); ; {
		_, err := ioctl(cpu, kvmRun, 0)
		took := time.Since(start)
		if errors.Is(err, unix.EINTR) && took < loopTimeout {
			continue
		}
		return took, err
	}
}

func ioctl(fd int, request uint, arg uintptr) (int, error) {
	result, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), arg)
	if errno != 0 {
		return 0, errno
	}
	return int(result), nil
}

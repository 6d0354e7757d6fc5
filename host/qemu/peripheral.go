package qemu

import (
	"fmt"
	"math/bits"

	"hanok/dc"
)

// defaultVideoMB is the memory that QEMU gives a graphics adapter by itself.
const defaultVideoMB = 16

// video returns the graphics adapter. QEMU gives it a power of two in MB.
func video(v dc.Video) string {
	driver := "VGA"
	if v.Model == dc.VideoSVGA {
		driver = "vmware-svga"
	}
	adapter := device(driver, videoID, slotVideo)
	if mb := videoMB(v); mb != defaultVideoMB {
		adapter += fmt.Sprintf(",vgamem_mb=%d", mb)
	}
	return adapter
}

func videoMB(v dc.Video) int64 {
	if v.MemoryKB == 0 {
		return defaultVideoMB
	}
	return 1 << bits.Len64(uint64(max(1, (v.MemoryKB+1023)>>10)-1))
}

// serialPorts returns the ports by their keys, which are COM1 to COM4. The console's socket is there in any case, since the driver
// listens on it; it is behind one port at most.
func (c Command) serialPorts() []string {
	a := []string{"-chardev", "socket,id=serial,server=on,wait=off," + c.Serial}
	console := consoleOf(c.Machine.Hardware)
	for _, p := range c.Machine.SerialPorts {
		n := p.Key - dc.FirstSerialKey
		backend := "serial"
		if p.Key != console {
			backend = fmt.Sprintf("port%d", n)
			if file := c.Ports[p.Key]; file != "" {
				a = append(a, "-chardev", "file,id="+backend+",path="+file+",append=on")
			} else {
				a = append(a, "-chardev", "null,id="+backend)
			}
		}
		port := fmt.Sprintf("isa-serial,chardev=%s,id=serial%d", backend, n)
		if n > 0 || p.Key != console {
			port += fmt.Sprintf(",index=%d", n)
		}
		a = append(a, "-device", port)
	}
	return a
}

// consoleOf returns the key of the serial port that is the console: the first one that asks for it; 0 for none.
func consoleOf(h dc.Hardware) int32 {
	for _, p := range h.SerialPorts {
		if p.Console {
			return p.Key
		}
	}
	return 0
}

// inputs are QEMU's models of input devices.
var inputs = map[dc.InputType]string{dc.USBTablet: "usb-tablet", dc.USBKeyboard: "usb-kbd"}

// usb returns the USB controllers, and the input devices on the newest of them.
func usb(h dc.Hardware) []string {
	var a []string
	bus := ""
	for _, c := range h.Controllers {
		switch {
		case c.Type == dc.ControllerUSB:
			a = append(a, "-device", fmt.Sprintf("ich9-usb-ehci1,id=ehci0,bus=pcie.0,addr=%#x.7,multifunction=on", slotUSB))
			for n := range 3 {
				companion := fmt.Sprintf("ich9-usb-uhci%d,id=uhci%d,bus=pcie.0,addr=%#x.%d,masterbus=ehci0.0,firstport=%d", n+1, n, slotUSB, n, 2*n)
				if n == 0 {
					companion += ",multifunction=on"
				}
				a = append(a, "-device", companion)
			}
			if bus == "" {
				bus = "ehci0.0"
			}
		case c.Type == dc.ControllerXHCI:
			a = append(a, "-device", device("qemu-xhci", "xhci0", slotXHCI))
			bus = "xhci0.0"
		}
	}
	for i, input := range h.Inputs {
		a = append(a, "-device", fmt.Sprintf("%s,bus=%s,port=%d,id=input%d", inputs[input], bus, i+1, i))
	}
	return a
}

// watchdog returns the watchdog, which resets the machine.
func watchdog(w *dc.Watchdog) []string {
	if w == nil {
		return nil
	}
	return []string{"-device", device("i6300esb", "watchdog0", slotWatchdog), "-action", "watchdog=reset"}
}

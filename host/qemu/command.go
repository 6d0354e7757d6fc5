package qemu

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"hanok/dc"
)

// Where a machine's devices are on its PCI bus. The places follow from the devices' keys alone, so that a guest finds each device
// where it was, whatever else was added or removed.
const (
	slotVideo    = 0x01
	slotConsole  = 0x02 // virtio-serial, for the guest agent
	slotRandom   = 0x03
	slotBalloon  = 0x04
	slotWatchdog = 0x05
	slotNIC      = 0x06 // up to 0x0f: ten NICs, as in vSphere, or the root ports that they are behind
	slotSCSI     = 0x10 // up to 0x13: four controllers with sixteen addresses each, as in vSphere, or their root ports
	slotSATA     = 0x14 // up to 0x17
	slotNVMe     = 0x18 // up to 0x1b
	slotIDE      = 0x1c // one device with both controllers of a PC
	slotUSB      = 0x1d // USB 2.0 and its companions
	slotXHCI     = 0x1e // USB 3.1; the chip set's own devices follow
)

const (
	// videoID, agentPort, agentChardev and monitorID are the names of devices and back ends that QMP commands and events mention.
	videoID      = "video0"
	agentPort    = "agent0"
	agentChardev = "agent"
	// translationMB bounds the cache of translated code under software emulation, which QEMU would let grow to an eighth
	// of the host's memory for each machine.
	translationMB = 64
	// machineType is the board of machines that start. One that wakes up gets the one that it went to sleep on.
	machineType = "q35"
)

// Command says how to execute a machine. Files and sockets are named as QEMU is to open them: the driver gives
// descriptors; paths work as well, for a QEMU that is started by hand.
type Command struct {
	Machine     dc.Machine
	NICs        []dc.Attachment
	Accelerator dc.Accelerator
	// Type is the board: "q35", or a version of it.
	Type string
	// Monitor, Serial and Agent are what QEMU listens on: "fd=3" or "path=/tmp/qmp". Check is a second monitor, for who checks
	// the driver (host/inspect): a monitor serves one client at a time. It may be empty.
	Monitor, Serial, Agent, Check string
	// TPM is QEMU's connection to the machine's TPM, if it has one: "fd=5".
	TPM string
	// Disks has one file name for each disk of the machine, by its key, Media one for each drive with something in it that can be
	// opened, and Ports one for each serial port that writes to a file.
	Disks, Media, Ports map[int32]string
	// Modules are the memory that was added while the machine had power, in MB, in its order: part of Machine.MemoryMB. Only a machine
	// that wakes up has any.
	Modules []int64
	// Firmware and NVRAM are the code and the variables of EFI firmware; empty for BIOS.
	Firmware, NVRAM string
	// Files are the descriptors that QEMU inherits, for names such as "/dev/fdset/1".
	Files []InheritedFile
	// Incoming keeps the machine empty until it is given the memory to wake up with.
	Incoming bool
}

// InheritedFile is an open file that QEMU inherits.
type InheritedFile struct {
	// FD is its number in QEMU's process. QEMU opens it as /dev/fdset/SET.
	FD, Set int
	// Label is shown in process lists and means nothing to QEMU: where the file is.
	Label string
}

// Args returns QEMU's arguments. The machine's CPUs stand still until the monitor is told "cont". The same command gives the
// same arguments.
func (c Command) Args() []string {
	m := c.Machine
	hostname := hostnameOf(m.Name)
	a := []string{"-name", "guest=" + escape(m.Name) + ",debug-threads=on", "-uuid", m.UUID}
	for _, f := range c.Files {
		a = append(a, "-add-fd", fmt.Sprintf("fd=%d,set=%d,opaque=%s", f.FD, f.Set, escape(f.Label)))
	}
	a = append(a,
		"-nodefaults", "-no-user-config", "-S", "-msg", "timestamp=on",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-machine", c.board(), "-accel", c.accel(), "-cpu", "max",
		"-smp", topology(m.Hardware), "-m", c.memory(),
		"-smbios", "type=1,manufacturer=Hanok,product=Hanok Virtual Machine,uuid="+m.UUID,
		"-fw_cfg", "name=opt/hanok/hostname,string="+hostname,
		"-rtc", "base=utc", "-boot", boot(m.Boot),
		// A guest that ends stays until the driver has seen it: the reason would be lost with the process.
		"-action", "shutdown=pause,panic=pause", "-device", "pvpanic",
		"-display", "none", "-vnc", "none,share=force-shared", "-device", video(m.Video),
		"-chardev", "socket,id=monitor,server=on,wait=off,"+c.Monitor, "-mon", "chardev=monitor,mode=control",
	)
	a = append(a, c.serialPorts()...)
	a = append(a,
		"-chardev", "socket,id="+agentChardev+",server=on,wait=off,"+c.Agent,
		"-device", device("virtio-serial-pci", "console0", slotConsole),
		"-device", "virtserialport,bus=console0.0,nr=1,chardev="+agentChardev+",id="+agentPort+",name=org.qemu.guest_agent.0",
		"-object", "rng-builtin,id=random", "-device", device("virtio-rng-pci", "random0", slotRandom)+",rng=random",
		"-device", device("virtio-balloon-pci", "balloon0", slotBalloon),
	)
	if c.Check != "" {
		a = append(a, "-chardev", "socket,id=check,server=on,wait=off,"+c.Check, "-mon", "chardev=check,mode=control")
	}
	a = append(a, c.firmware()...)
	a = append(a, rootPorts(m.Hardware)...)
	a = append(a, c.modules()...)
	a = append(a, c.storage()...)
	a = append(a, c.nics(hostname)...)
	a = append(a, usb(m.Hardware)...)
	a = append(a, watchdog(m.Watchdog)...)
	a = append(a, c.chip()...)
	if c.Incoming {
		a = append(a, "-incoming", "defer")
	}
	return a
}

func (c Command) board() string {
	board := c.Type + ",usb=off,vmport=off,dump-guest-core=off"
	if c.Machine.Firmware == dc.EFI {
		board += ",pflash0=firmware,pflash1=nvram"
	}
	if c.Machine.Boot.Secure {
		board += ",smm=on" // guards the firmware's variables from the guest
	}
	return board
}

func (c Command) accel() string {
	if c.Accelerator == dc.TCG {
		return fmt.Sprintf("tcg,tb-size=%d", translationMB)
	}
	return string(c.Accelerator)
}

func (c Command) firmware() []string {
	if c.Machine.Firmware != dc.EFI {
		return nil // QEMU's own BIOS
	}
	a := []string{
		"-blockdev", option(node{Driver: "file", Name: "firmware", Filename: c.Firmware, ReadOnly: true}),
		"-blockdev", option(node{Driver: "file", Name: "nvram", Filename: c.NVRAM}),
	}
	if c.Machine.Boot.Secure {
		a = append(a, "-global", "driver=cfi.pflash01,property=secure,value=on")
	}
	return a
}

// node is a part of QEMU's block layer, as its JSON.
type node struct {
	Driver       string `json:"driver"`
	Name         string `json:"node-name"`
	Filename     string `json:"filename,omitempty"`
	ReadOnly     bool   `json:"read-only,omitempty"`
	Discard      string `json:"discard,omitempty"`
	DetectZeroes string `json:"detect-zeroes,omitempty"`
	File         *node  `json:"file,omitempty"`
}

func option(n node) string {
	text, err := json.Marshal(n)
	if err != nil {
		panic(err) // strings and booleans can be encoded
	}
	return string(text)
}

// device returns the option of a device at a place of its own on the root bus.
func device(driver, id string, slot int) string {
	return fmt.Sprintf("%s,id=%s,bus=pcie.0,addr=%#x", driver, id, slot)
}

// escape makes a text a value for QEMU's option parser, which splits at commas and reads two as one.
func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// hostnameOf makes the machine's name one that a host may have (RFC 1123): letters, digits and hyphens, 63 at most.
func hostnameOf(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := b.String()
	s = strings.TrimRight(s[:min(len(s), 63)], "-")
	return cmp.Or(s, "vm")
}

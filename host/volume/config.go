package volume

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/vmx"
)

const (
	// ownerKey is the key in a .vmx that names the machine whose folder it is. VMware ignores and keeps it.
	ownerKey = "hanok.id"
	// hardwareVersion is the virtual hardware that the files are written for: ESXi 7.0 U2 and later.
	hardwareVersion = "19"
)

// readConfig reads the .vmx, nil if there is none. The error of one that can't be understood is WrongState.
func readConfig(dir *beneath.Dir, n names) (*vmx.Config, []byte, error) {
	file, err := dir.Open(n.config(), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, vmx.MaxSize+1))
	if err != nil {
		return nil, nil, err
	}
	c, err := vmx.Parse(data)
	if err != nil {
		return nil, nil, dc.Errorf(dc.WrongState, "its configuration %s can't be read: %w", n.config(), err).
			Fix("mend the file, or put %s in its place", n.backup())
	}
	return c, data, nil
}

// ownerOf returns the machine whose folder this is, or "" for a folder that carries no machine's mark.
func ownerOf(dir *beneath.Dir, n names) (dc.VirtualMachineID, error) {
	c, _, err := readConfig(dir, n)
	if err != nil || c == nil {
		return "", err
	}
	id, _ := c.Get(ownerKey)
	return dc.VirtualMachineID(id), nil
}

// saveConfig brings the .vmx in line with m, and keeps the one before. What others wrote into it stays.
func saveConfig(dir *beneath.Dir, n names, m dc.Machine) error {
	c, before, err := readConfig(dir, n)
	if err != nil {
		return err
	}
	if c == nil {
		c = vmx.New()
	}
	if err := configure(c, n, m); err != nil {
		return err
	}
	after := c.Bytes()
	if bytes.Equal(before, after) {
		return nil
	}
	if before != nil {
		if err := dir.Write(n.backup(), before); err != nil {
			return err
		}
	}
	return dir.Write(n.config(), after)
}

// configure writes what is known of m into c. The devices are those that VMware would have to offer for the guest to
// find its disks and networks.
func configure(c *vmx.Config, n names, m dc.Machine) error {
	uuid, err := vmx.FormatUUID(m.UUID)
	if err != nil {
		return dc.Errorf(dc.Invalid, "its UUID: %w", err).On(describe(m))
	}
	c.Set("config.version", "8")
	c.Set("virtualHW.version", hardwareVersion)
	c.Set(ownerKey, string(m.ID))
	c.Set("displayName", m.Name)
	c.Set("guestOS", vmx.GuestOS(m.GuestID))
	c.Set("uuid.bios", uuid)
	c.Set("firmware", string(m.Firmware))
	c.Set("nvram", n.nvram())
	c.Set("memSize", strconv.FormatInt(m.MemoryMB, 10))
	c.Set("numvcpus", strconv.Itoa(m.CPUs))
	c.Set("cpuid.coresPerSocket", "1")
	c.Set("floppy0.present", "FALSE") // VMware adds one unless told not to
	c.Set("pciBridge0.present", "TRUE")
	for i := 4; i < 8; i++ { // the slots that VMware's PCI Express devices need
		bridge := fmt.Sprintf("pciBridge%d.", i)
		c.Set(bridge+"present", "TRUE")
		c.Set(bridge+"virtualDev", "pcieRootPort")
		c.Set(bridge+"functions", "8")
	}
	configureDisks(c, n, m)
	configureNICs(c, m)
	return nil
}

// configureDisks writes the disks, and forgets those that are no longer there.
func configureDisks(c *vmx.Config, n names, m dc.Machine) {
	used := map[string]bool{}
	for _, d := range m.Disks {
		bus, unit := d.Controller-dc.FirstSCSIKey, d.Unit
		controller := fmt.Sprintf("scsi%d.", bus)
		c.Set(controller+"present", "TRUE")
		c.Set(controller+"virtualDev", "pvscsi")
		disk := fmt.Sprintf("scsi%d:%d.", bus, unit)
		c.Set(disk+"present", "TRUE")
		c.Set(disk+"deviceType", "scsi-hardDisk")
		c.Set(disk+"fileName", n.descriptor(d))
		used[disk] = true
	}
	for n := range scsiBuses * unitsPerBus {
		disk := fmt.Sprintf("scsi%d:%d.", n/unitsPerBus, n%unitsPerBus)
		if kind, _ := c.Get(disk + "deviceType"); kind == "scsi-hardDisk" && !used[disk] {
			c.DeletePrefix(disk)
		}
	}
}

// configureNICs writes the network adapters, and forgets those that are no longer there.
func configureNICs(c *vmx.Config, m dc.Machine) {
	used := map[string]bool{}
	for _, nic := range m.NICs {
		card := fmt.Sprintf("ethernet%d.", nic.Key-dc.FirstNICKey)
		c.Set(card+"present", "TRUE")
		c.Set(card+"virtualDev", "vmxnet3")
		c.Set(card+"networkName", string(nic.PortGroup))
		c.Set(card+"addressType", "static")
		c.Set(card+"address", nic.MAC)
		c.Set(card+"checkMACAddress", "FALSE") // or VMware refuses addresses outside its own range
		used[card] = true
	}
	for i := range maxNICs {
		if card := fmt.Sprintf("ethernet%d.", i); !used[card] {
			c.DeletePrefix(card)
		}
	}
}

// describeDisk returns the descriptor of a disk. Its UUID follows from the machine and the key, so that one written anew
// is the same.
func describeDisk(n names, m dc.Machine, d dc.Disk) *vmx.Descriptor {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", m.ID, d.Key))
	return vmx.NewFlat(n.flat(d), d.CapacityBytes, hardwareVersion, [10]byte(sum[:10]))
}

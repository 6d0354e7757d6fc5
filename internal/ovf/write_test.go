package ovf

import (
	"reflect"
	"testing"
)

// TestEncode: what is written is read as the same machine.
func TestEncode(t *testing.T) {
	want := &Machine{Name: `a "web" <server> & more`, Annotation: "two\nlines & <more>", GuestID: "debian12_64Guest", OSType: 96, HardwareVersion: "vmx-19",
		CPUs: 4, CoresPerSocket: 2, MemoryMB: 2048, CPUHotAdd: true, MemoryHotAdd: true, Firmware: "efi", SecureBoot: true,
		Controllers: []Controller{{"200", IDE, "PIIX4", 0}, {"1000", SCSI, "VirtualSCSI", 0}, {"15000", SATA, "vmware.sata.ahci", 0}, {"31000", NVMe, "vmware.nvme.controller", 0}, {"3", USB, "vmware.usb.ehci", 0}},
		Disks: []Disk{{CapacityBytes: 1 << 30, PopulatedBytes: 12345, Format: StreamOptimized, File: "web-disk1.vmdk", Controller: "1000", Unit: 0},
			{CapacityBytes: 1 << 20, PopulatedBytes: -1, Format: StreamOptimized, Controller: "31000", Unit: 2}},
		Drives:      []Drive{{"cdrom", "200", 1}, {"floppy", "", 0}},
		NICs:        []NIC{{Model: "VmxNet3", Network: "VM Network"}, {Model: "E1000", Network: "VM Network", Disconnected: true}},
		SerialPorts: []SerialPort{{"Serial port 1"}}, Video: &Video{MemoryKB: 16384}, TPM: true, Watchdog: true,
		Networks: []Network{{"VM Network", "The VM Network network"}}, Extra: []Extra{{"hanok.scsi0.virtualDev", "virtio-scsi"}},
		Files: []File{{"file1", "web-disk1.vmdk", 5000}}}
	text := Encode(want)
	got, err := Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v\n%s", got, want, text)
	}
	want.Files[0].Size = -1
	if got, err := Parse(Encode(want)); err != nil || got.Files[0].Size != -1 {
		t.Errorf("a file of which the size is not known: %+v, %v", got, err)
	}
}

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hanok/internal/testhost"
	"hanok/internal/vmx"
)

// esxi is a .vmx in the style of ESXi's.
const esxi = `.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "14"
vmci0.present = "TRUE"
floppy0.present = "FALSE"
svga.vramSize = "8388608"
memSize = "256"
sched.cpu.units = "mhz"
scsi0.virtualDev = "pvscsi"
scsi0.present = "TRUE"
scsi0:0.deviceType = "scsi-hardDisk"
scsi0:0.fileName = "web 01.vmdk"
scsi0:0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "VM Network"
ethernet0.addressType = "vpx"
ethernet0.generatedAddress = "00:50:56:9A:11:22"
ethernet0.present = "TRUE"
displayName = "web 01"
annotation = "front end|0Aask Büro 4"
guestOS = "debian11-64"
uuid.bios = "56 4d 7f 2b 9a 0c 4e 11-8d 35 60 a1 b2 c3 d4 e5"
vc.uuid = "52 f3 c1 d0 77 aa 4b 2e-91 c8 0d 1e 2f 3a 4b 5c"
scsi0.pciSlotNumber = "160"
ethernet0.pciSlotNumber = "192"
`

// TestRegister boots a machine from a folder as ESXi would have left it, on VMware's devices, and lets it go again.
func TestRegister(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	dir := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, "x")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c.ok("datastore", "upload", path, "web/"+name)
	}
	c.story("a folder of ESXi's becomes a machine, boots, and is let go of", func(t *testing.T) {
		c.ok("vm", "stop", "hello")
		flat := filepath.Join(dir, "flat")
		c.ok("datastore", "download", "hello/hello-flat.vmdk", flat)
		info, err := os.Stat(flat)
		if err != nil {
			t.Fatal(err)
		}
		c.ok("datastore", "mkdir", "web")
		c.ok("datastore", "upload", flat, "web/web 01-flat.vmdk")
		put("web 01.vmdk", string(vmx.NewFlat("web 01-flat.vmdk", info.Size(), "14", [10]byte{1}).Bytes()))
		put("web 01.vmx", esxi)
		c.ok("vm", "register", "web/web 01.vmx")
		c.ok("vm", "start", "web 01")
		until(t, "the guest's address", func() bool { return len(c.machine("web 01").Addresses) > 0 })
		c.ok("vm", "stop", "web 01")
		c.ok("vm", "unregister", "web 01")
		after := filepath.Join(dir, "after.vmx")
		c.ok("datastore", "download", "web/web 01.vmx", after)
		text := read(t, after)
		for line := range strings.Lines(esxi) {
			if !strings.Contains(text, line) {
				t.Errorf("it does not say any more: %s", line)
			}
		}
		if strings.Contains(text, "hanok.id") {
			t.Error("it has a machine's mark still")
		}
	})
	original := filepath.Join(dir, "original.vmdk")
	c.story("a folder of Workstation's is refused with the way out, which leads there", func(t *testing.T) {
		out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicSparse", filepath.Join(dir, "flat"), original).CombinedOutput()
		if err != nil {
			t.Fatalf("qemu-img convert: %v\n%s", err, out)
		}
		c.ok("datastore", "mkdir", "ws")
		c.ok("datastore", "upload", original, "ws/ws.vmdk")
		path := filepath.Join(dir, "x")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(esxi, "web 01", "ws")), 0o600); err != nil {
			t.Fatal(err)
		}
		c.ok("datastore", "upload", path, "ws/ws.vmx")
		c.refused([]string{"file ws/ws.vmdk: it is a disk of Workstation's", "hanok datastore import FILE PATH"}, "vm", "register", "ws/ws.vmx")
		c.ok("datastore", "rm", "ws/ws.vmdk")
		c.ok("datastore", "import", original, "ws/ws.vmdk")
		c.ok("vm", "register", "ws/ws.vmx")
		c.ok("vm", "start", "ws")
		until(t, "the guest's address", func() bool { return len(c.machine("ws").Addresses) > 0 })
	})
	c.story("a disk that was imported comes to a machine with power, and goes and stays", func(t *testing.T) {
		c.ok("datastore", "mkdir", "disks")
		c.ok("datastore", "import", original, "disks/data.vmdk")
		c.ok("vm", "disk", "add", "ws", "--file", "[datastore1] disks/data.vmdk")
		if list := c.ok("vm", "device", "list", "ws"); !strings.Contains(list, "disks/data.vmdk") {
			t.Errorf("its devices are\n%s", list)
		}
		c.refused([]string{"disks/data.vmdk is its disk scsi0:1"}, "datastore", "rm", "disks")
		c.refused([]string{"the disk disks/data.vmdk is that of virtual machine", "ws"}, "vm", "disk", "add", "hello", "--file", "[datastore1] disks/data.vmdk")
		c.ok("vm", "disk", "remove", "ws", "2001", "--keep")
		c.ok("vm", "disk", "add", "hello", "--file", "[datastore1] disks/data.vmdk")
		c.ok("vm", "disk", "remove", "hello", "2001", "--keep")
		c.ok("vm", "stop", "ws")
		c.ok("vm", "delete", "ws")
		c.ok("vm", "create", "booted", "--disk-file", "[datastore1] disks/data.vmdk", "--network", "VM Network", "--power-on")
		until(t, "the guest's address", func() bool { return len(c.machine("booted").Addresses) > 0 })
	})
}

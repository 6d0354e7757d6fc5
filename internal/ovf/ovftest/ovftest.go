// Package ovftest makes packages of virtual machines as VMware and VirtualBox write them, for the tests of those who import packages.
// Nothing else calls it.
package ovftest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// Entry is one file of a package.
type Entry struct {
	Name, Text string
	// Kind is the type of the entry in an archive, zero for a file.
	Kind byte
}

//go:embed disk.vmdk.gz
var disk []byte

// DiskText is what the disk of Disk begins with; zeros follow, up to 1 MB.
const DiskText = "what the disk starts with"

// Disk returns a disk of 1 MB as a stream-optimized VMDK.
func Disk() string {
	r, err := gzip.NewReader(bytes.NewReader(disk))
	if err == nil {
		disk, err := io.ReadAll(r)
		if err == nil {
			return string(disk)
		}
	}
	panic(err) // it is part of the program
}

// VMware returns a descriptor as vSphere's export writes it: one CPU, 128 MB, a disk of the capacity in the file web-disk1.vmdk of the
// size at a PVSCSI controller, and a vmxnet3 adapter in the network "VM Network".
func VMware(size, capacity int64) Entry {
	return Entry{Name: "web.ovf", Text: fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:id="file1" ovf:href="web-disk1.vmdk" ovf:size="%d"/></References>
  <DiskSection><Info>Disks</Info><Disk ovf:capacity="%d" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="VM Network"/></NetworkSection>
  <VirtualSystem ovf:id="web">
    <Info>A machine</Info><Name>web</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest"><Info>The guest</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <System><vssd:ElementName>Family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType></System>
      <Item><rasd:ElementName>CPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>Memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>128</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI 0</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>Disk 1</rasd:ElementName><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:Connection>VM Network</rasd:Connection><rasd:ElementName>NIC 1</rasd:ElementName><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
    </VirtualHardwareSection>
    <AnnotationSection><Info>A note</Info><Annotation>the web server</Annotation></AnnotationSection>
  </VirtualSystem>
</Envelope>`, size, capacity)}
}

// VirtualBox returns a descriptor as VirtualBox writes it in version 2 of the format: like VMware's, with a disk of 2 MB at an AHCI
// controller in the file box-disk001.vmdk, and an E1000 adapter in the network "NAT".
func VirtualBox() Entry {
	return Entry{Name: "box.ovf", Text: `<?xml version="1.0"?>
<Envelope ovf:version="2.0" xmlns="http://schemas.dmtf.org/ovf/envelope/2" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/2" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:sasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_StorageAllocationSettingData.xsd" xmlns:epasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_EthernetPortAllocationSettingData.xsd" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:id="file1" ovf:href="box-disk001.vmdk"/></References>
  <DiskSection><Info>Disks</Info><Disk ovf:capacity="2097152" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="NAT"/></NetworkSection>
  <VirtualSystem ovf:id="box">
    <Info>A virtual machine</Info>
    <OperatingSystemSection ovf:id="96"><Info>The guest</Info><Description>Debian_64</Description></OperatingSystemSection>
    <VirtualHardwareSection>
      <System><vssd:ElementName>Family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType></System>
      <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>130</rasd:VirtualQuantity></Item>
      <Item><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>AHCI</rasd:ResourceSubType><rasd:ResourceType>20</rasd:ResourceType></Item>
      <StorageItem><sasd:AddressOnParent>0</sasd:AddressOnParent><sasd:HostResource>/disk/vmdisk1</sasd:HostResource><sasd:InstanceID>7</sasd:InstanceID><sasd:Parent>5</sasd:Parent><sasd:ResourceType>17</sasd:ResourceType></StorageItem>
      <EthernetPortItem><epasd:Connection>NAT</epasd:Connection><epasd:InstanceID>8</epasd:InstanceID><epasd:ResourceSubType>E1000</epasd:ResourceSubType><epasd:ResourceType>10</epasd:ResourceType></EthernetPortItem>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>`}
}

// Manifest returns the manifest of the files.
func Manifest(name string, files ...Entry) Entry {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "SHA256(%s)= %x\n", f.Name, sha256.Sum256([]byte(f.Text)))
	}
	return Entry{Name: name, Text: b.String()}
}

// Archive returns the files as an OVA.
func Archive(files ...Entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Size: int64(len(f.Text)), Mode: 0o644, Typeflag: f.Kind}
		if f.Kind != 0 && f.Kind != tar.TypeReg {
			h.Size, h.Linkname = 0, "/etc/shadow"
		}
		_ = w.WriteHeader(h) // to memory
		_, _ = io.WriteString(w, f.Text[:h.Size])
	}
	_ = w.Close()
	return b.Bytes()
}

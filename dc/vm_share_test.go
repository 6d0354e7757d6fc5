package dc_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"unsafe"

	"hanok/dc"
)

// TestShare decodes two machines that differ in nothing but what is their own, and looks at what they have in memory together.
func TestShare(t *testing.T) {
	machine := func(own string) *dc.VirtualMachine {
		return &dc.VirtualMachine{ID: dc.VirtualMachineID(own), Meta: dc.Meta{Name: own, Parent: "group-vm"},
			Spec: dc.VirtualMachineSpec{Pool: "resgroup-a", Host: "host-a", Datastore: "datastore-a", Folder: own, Power: dc.PowerRequest{Op: dc.PowerOn},
				Hardware: dc.Hardware{UUID: own, InstanceUUID: own, GuestID: "otherGuest", Firmware: dc.BIOS, Video: dc.Video{Model: dc.VideoSVGA},
					Controllers: []dc.Controller{{Type: dc.ControllerPVSCSI}}, Inputs: []dc.InputType{dc.USBTablet},
					Disks:  []dc.Disk{{Provisioning: dc.Thin, Mode: dc.Persistent, File: own, Image: "sha256:a"}},
					Drives: []dc.Drive{{Type: dc.CDROM, Media: dc.Media{Datastore: "datastore-b", Path: own}}},
					NICs:   []dc.NIC{{Type: dc.VMXNET3, MAC: own, PortGroup: "network-a"}}}},
			Status: dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOn, Guest: dc.Guest{Hostname: own, Addresses: []string{own}, OS: "Debian"}}}
	}
	known := map[string]string{}
	same := func(s string) string {
		if _, ok := known[s]; !ok {
			known[s] = s
		}
		return known[s]
	}
	var decoded []*dc.VirtualMachine
	for _, own := range []string{"vm-a", "vm-b"} {
		text, err := json.Marshal(machine(own))
		if err != nil {
			t.Fatal(err)
		}
		vm := &dc.VirtualMachine{}
		if err := json.Unmarshal(text, vm); err != nil {
			t.Fatal(err)
		}
		vm.Share(same)
		if !reflect.DeepEqual(vm, machine(own)) {
			t.Errorf("Share has changed %s: %+v", own, vm)
		}
		decoded = append(decoded, vm)
	}
	unshared(t, "VirtualMachine", reflect.ValueOf(decoded[0]).Elem(), reflect.ValueOf(decoded[1]).Elem())
}

// unshared reports words that are the same in a and b, and in memory twice.
func unshared(t *testing.T, path string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.String:
		if s := a.String(); s != "" && s == b.String() && unsafe.StringData(s) != unsafe.StringData(b.String()) {
			t.Errorf("%s: %q is in memory twice", path, s)
		}
	case reflect.Struct:
		for i := range a.NumField() {
			unshared(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Slice:
		for i := range a.Len() {
			unshared(t, path, a.Index(i), b.Index(i))
		}
	}
}

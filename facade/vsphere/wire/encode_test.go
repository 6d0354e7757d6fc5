package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

var newest = Version{255}

// library returns what govmomi's own encoder makes of a value.
func library(t *testing.T, value any) string {
	t.Helper()
	var out bytes.Buffer
	e := xml.NewEncoder(&out)
	if err := e.EncodeElement(types.DynamicProperty{Name: "p", Val: value}, xml.StartElement{Name: xml.Name{Local: "x"}}); err != nil {
		t.Fatal(err)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	// The library declares the namespace of xsi at each element, where an envelope does it once.
	s := strings.ReplaceAll(out.String(), ` xmlns:_XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance"`, "")
	return strings.ReplaceAll(s, `_XMLSchema-instance:type="`, `xsi:type="`)
}

func disk() types.BaseVirtualDevice {
	return &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key: 2000, ControllerKey: 1000, UnitNumber: types.NewInt32(0),
			DeviceInfo: &types.Description{Label: "Hard disk 1", Summary: "1,024 KB"},
			Backing: &types.VirtualDiskFlatVer2BackingInfo{
				VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{
					FileName: "[ds] a & b/<c>.vmdk", Datastore: &types.ManagedObjectReference{Type: "Datastore", Value: "datastore-1"},
				},
				DiskMode: "persistent", ThinProvisioned: types.NewBool(false),
			},
		},
		CapacityInKB: 1 << 40,
	}
}

func TestAppendIsTheLibrarys(t *testing.T) {
	at := time.Date(2026, 11, 24, 1, 2, 3, 456789000, time.UTC)
	for _, value := range []any{
		"text with <, >, &, \", ' and \t\n\r, ü and \x01", "", int32(-1), int64(1 << 40), true, int8(-3), float64(1.5), at,
		types.VirtualMachinePowerStatePoweredOn, types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-1"},
		types.ArrayOfManagedObjectReference{ManagedObjectReference: []types.ManagedObjectReference{{Type: "HostSystem", Value: "host-1"}, {}}},
		types.ArrayOfVirtualDevice{VirtualDevice: []types.BaseVirtualDevice{disk(), &types.VirtualVmxnet3{}, nil}},
		types.VirtualMachineConfigInfo{Name: "a", Modified: at, Hardware: types.VirtualHardware{NumCPU: 2, Device: []types.BaseVirtualDevice{disk()}},
			ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "k", Value: "v"}, &types.OptionValue{Key: "n", Value: int32(3)}}},
		types.VirtualMachineSummary{Runtime: types.VirtualMachineRuntimeInfo{BootTime: &at}, OverallStatus: types.ManagedEntityStatusGreen},
		types.LocalizedMethodFault{Fault: &types.NoPermission{Object: &types.ManagedObjectReference{Type: "Folder", Value: "group-1"}, PrivilegeId: "System.View"}},
		types.ArrayOfByte{Byte: types.ByteSlice{1, 0xff}},
		types.PerfEntityMetric{Value: []types.BasePerfMetricSeries{&types.PerfMetricIntSeries{Value: []int64{1, -1}}}},
		types.HostListSummary{}, types.ClusterConfigInfoEx{}, types.TaskInfo{Result: types.ManagedObjectReference{Type: "T", Value: "v"}},
	} {
		want := library(t, value)
		if have := string(Append(nil, newest, "x", types.DynamicProperty{Name: "p", Val: value}, false)); have != want {
			t.Errorf("%T:\nhave %s\nwant %s", value, have, want)
		}
	}
}

func TestAppendLeavesOutWhatIsNewer(t *testing.T) {
	v67 := Version{6, 7}
	for name, c := range map[string]struct {
		value        any
		old, without string
	}{
		"value": {types.HostCryptoState("pendingIncapable"), "", ""},
		"field": {types.AboutInfo{Name: "n", PatchLevel: "01"}, "<name>n</name>", "patchLevel"},
	} {
		have := string(Append(nil, v67, "x", c.value, false))
		if !strings.Contains(have, c.old) || c.without != "" && strings.Contains(have, c.without) {
			t.Errorf("%s: %s", name, have)
		}
		if all := string(Append(nil, newest, "x", c.value, false)); c.without != "" && !strings.Contains(all, c.without) {
			t.Errorf("%s of the newest: %s", name, all)
		}
	}
	// A type that extends one of 6.7 is written as that one.
	for name, since := range typeSince {
		typ, ok := types.TypeFunc()(name)
		if !ok || typ.Kind() != reflect.Struct || typ.NumField() == 0 || !typ.Field(0).Anonymous || typ.Field(0).Type.Name() != "VirtualDevice" {
			continue
		}
		value := reflect.New(typ).Elem()
		have := string(Append(nil, v67, "device", value.Interface(), true))
		if !strings.HasPrefix(have, `<device xsi:type="VirtualDevice">`) {
			t.Errorf("%s of %v: %s", name, since, have)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	value := types.DynamicProperty{Name: "config.hardware", Val: types.VirtualHardware{NumCPU: 2, Device: []types.BaseVirtualDevice{disk(), disk(), disk()}}}
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			out = Append(out[:0], newest, "x", value, false)
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var out bytes.Buffer
			e := xml.NewEncoder(&out)
			if err := e.EncodeElement(value, xml.StartElement{Name: xml.Name{Local: "x"}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package wire

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// TestAppendAny has the library read each list.
func TestAppendAny(t *testing.T) {
	for want, value := range map[string]any{
		"ArrayOfString":                 []string{"a", "b"},
		"ArrayOfInt":                    []int32{1},
		"ArrayOfManagedObjectReference": []types.ManagedObjectReference{{Type: "Folder", Value: "group-1"}},
		"ArrayOfVirtualDevice":          []types.BaseVirtualDevice{disk()},
		"ArrayOfPermission":             []types.Permission{},
		"xsd:string":                    "a",
		"VirtualMachinePowerState":      types.VirtualMachinePowerStatePoweredOn,
		"HostListSummary":               types.HostListSummary{},
	} {
		text := string(AppendAny(nil, newest, "val", value))
		if !strings.HasPrefix(text, `<val xsi:type="`+want+`">`) {
			t.Errorf("%s: %s", want, text)
		}
		d := xml.NewDecoder(strings.NewReader(`<p xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><name>n</name>` + text + `</p>`))
		d.TypeFunc = types.TypeFunc()
		var p types.DynamicProperty
		if err := d.Decode(&p); err != nil || p.Val == nil {
			t.Errorf("%s: %v in %s", want, err, text)
		}
	}
}

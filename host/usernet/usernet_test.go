package usernet

import (
	"slices"
	"testing"

	"hanok/dc"
)

func TestPlug(t *testing.T) {
	m := dc.Machine{Hardware: dc.Hardware{NICs: []dc.NIC{{Key: 4000, PortGroup: "network-1"}, {Key: 4003}, {Key: 4004, PortGroup: "network-1"}}}}
	want := []dc.Attachment{{Key: 4000, UserMode: true, Network: "network-1"}, {Key: 4003}, {Key: 4004, UserMode: true, Network: "network-1"}}
	for range 2 {
		if got, err := (Network{}).Plug(t.Context(), m); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if err := (Network{}).Unplug(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
}

package qemu

import (
	"slices"
	"testing"

	"hanok/dc"
	"hanok/host/cgroup"
)

func TestShares(t *testing.T) {
	d := &Driver{cfg: Config{CPUMHz: 2000}}
	m := tinyMachine()
	m.CPUs, m.MemoryMB = 2, 512
	m.Resources = dc.ResourceConfig{CPU: dc.Allocation{Level: dc.SharesHigh, Limit: 500}, Memory: dc.Allocation{Reservation: 128}}
	m.Pools = []dc.PoolShare{{ID: "resgroup-1", Config: dc.ResourceConfig{CPU: dc.Allocation{Level: dc.SharesLow, Limit: 3000}}}, {ID: "resgroup-2"}}
	overhead := dc.OverheadMB(m.Hardware, "")
	want := []cgroup.Share{
		{Name: "resgroup-1", CPUShares: 2000, CPULimit: 1.5},
		{Name: "resgroup-2", CPUShares: 4000},
		{Name: string(m.ID), CPUShares: 4000, CPULimit: 0.25, MemoryMin: (128 + overhead) << 20, MemoryMax: (512 + 4*overhead) << 20},
	}
	if got := d.shares(m); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestUnenforced(t *testing.T) {
	d := &Driver{cfg: Config{CPUMHz: 2000}} // a host without control groups
	m := tinyMachine()
	if got := d.unenforced(m); got != nil {
		t.Errorf("of a machine that asks for nothing: %q", got)
	}
	m.MemoryMB = 512
	m.Resources = dc.ResourceConfig{CPU: dc.Allocation{Level: dc.SharesLow, Reservation: 100, Limit: 500},
		Memory: dc.Allocation{Level: dc.SharesCustom, Shares: 1, Reservation: 64, Limit: 256}}
	m.Pools = []dc.PoolShare{{ID: "resgroup-1", Config: dc.ResourceConfig{Memory: dc.Allocation{Limit: 4096}}}}
	m.Names = map[dc.ID]string{"resgroup-1": "production"}
	want := []string{
		"Its CPU limit of 500 MHz is not enforced: the host has no cpu controller.",
		"Its CPU shares have no effect: the host has no cpu controller.",
		"Its memory limit of 256 MB is not enforced: nothing takes memory back from a guest yet.",
		"Its memory shares have no effect: no memory is given twice yet.",
		`The resource pool "production"'s memory limit of 4096 MB is not enforced: nothing takes memory back from a guest yet.`,
		"Its CPU reservation of 100 MHz is kept free of other reservations; when the CPUs are short, shares decide.",
		"Its memory reservation of 64 MB is kept free of other machines, not of other programs: the host has no memory controller.",
	}
	if got := d.unenforced(m); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	m.Resources.Memory.Limit = 512 // nothing that is not so anyway
	if got := d.unenforced(m); slices.ContainsFunc(got, func(s string) bool { return s == want[2] }) {
		t.Errorf("a limit of all its memory: %q", got)
	}
}

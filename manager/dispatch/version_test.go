package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/internal/pki"
	"hanok/manager/store"
)

// assigned returns the next assignment of a machine.
func (k *call) assigned() *agentv1.MachineAssignment {
	k.c.Helper()
	for {
		if a := k.receive().GetMachineAssignment(); a != nil {
			return a
		}
	}
}

// TestVersions: the newest version that both know is spoken, an older agent is given no machine that it would misunderstand, and
// who can't talk is refused and told what to install.
func TestVersions(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.machine("vm-01", p.id, "", "")
	classic := dc.UpgradeHardware(dc.Hardware{CPUs: 1, MemoryMB: 64, Disks: []dc.Disk{{Key: 2000, CapacityBytes: 1 << 20}},
		NICs: []dc.NIC{{Key: 4000, MAC: "52:54:00:00:00:01"}}}, "one")
	set := func(h dc.Hardware, generation int64) {
		c.vm("vm-01", func(vm *dc.VirtualMachine) {
			vm.Spec.Hardware, vm.Spec.Folder, vm.Spec.Power.Generation = h, "one", generation
		})
	}
	newer := classic
	newer.TPM = true
	set(classic, 1)
	k := p.dialWith(&agentv1.Hello{Protocol: 2})
	if a := k.assigned(); a.Power.Generation != 1 || len(a.Machine.Disks) != 1 || a.Machine.Nics[0].Mac == "" {
		t.Errorf("an agent of version 2 is given %v", a)
	}
	set(newer, 2)
	set(classic, 3)
	if a := k.assigned(); a.Power.Generation != 3 {
		t.Errorf("an agent of version 2 is given %v", a)
	}
	set(newer, 4)
	k = p.dialWith(&agentv1.Hello{Protocol: convert.Protocol + 7, OldestProtocol: 1})
	if a := k.assigned(); a.Power.Generation != 4 || !a.Machine.Hardware.GetTpm() {
		t.Errorf("it is given %v", a)
	}

	err := p.greet(&agentv1.Hello{Protocol: convert.Protocol + 1, OldestProtocol: convert.Protocol + 1}).end()
	c.kind(err, dc.Unsupported)
	if !strings.Contains(err.Error(), "managers are upgraded first") {
		t.Errorf("a newer agent hears %v", err)
	}
	if r := c.svc.Refused(); len(r) != 1 || r[0].Host != p.id || r[0].Failure.Kind != dc.Unsupported {
		t.Errorf("refused are %+v", r)
	}
	p.dial()
	if r := c.svc.Refused(); len(r) != 0 {
		t.Errorf("refused are %+v", r)
	}
}

// TestFeatures: an agent that has no words for a machine within its version of the protocol is not asked for it.
func TestFeatures(t *testing.T) {
	ported := dc.Hardware{RootPorts: true}
	for _, tt := range []struct {
		name           string
		named          []string
		executes, move bool
	}{
		{"none is named", nil, true, false},
		{"this program", convert.Hello(dc.HostStatus{}, 0).Features, true, true},
		{"others", []string{"what nobody knows"}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCenter(t, time.Minute)
			p := c.joinPuppet("box")
			if !c.svc.Executes(p.id, ported, "") || c.svc.Offers(p.id, nil) {
				t.Error("a host that is away may have all features, and offers none")
			}
			hello := convert.Hello(dc.HostStatus{}, 0)
			hello.Features = tt.named
			p.dialWith(hello)
			if got := c.svc.Executes(p.id, ported, ""); got != tt.executes {
				t.Errorf("executes root ports: %v", got)
			}
			if got := c.svc.Offers(p.id, []dc.HostFeature{dc.FeatureMoveNIC}); got != tt.move || !c.svc.Offers(p.id, nil) {
				t.Errorf("moves adapters: %v", got)
			}
		})
	}
}

// TestOldStore: a manager whose store was put back to an old copy talks to no host that knows better.
func TestOldStore(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	known := c.store.View().Revision()
	p.dialWith(convert.Hello(dc.HostStatus{}, known))

	ahead := c.store.View().Revision() + 100 // beyond what connecting writes
	err := p.greet(convert.Hello(dc.HostStatus{}, ahead)).end()
	c.kind(err, dc.WrongState)
	if !strings.Contains(err.Error(), "old copy") || !strings.Contains(err.Error(), "hanok restore --as-is") {
		t.Errorf("the host hears %v", err)
	}
	if r := c.svc.Refused(); len(r) != 1 || r[0].Host != p.id || !strings.Contains(r[0].Failure.Remedy, "restore --as-is") {
		t.Errorf("refused are %+v", r)
	}
	for c.store.View().Revision() < ahead {
		c.change(func(tx *store.Tx) {
			cl, err := store.Load[*dc.Cluster](tx, dc.ID(cluster))
			c.ok(err)
			tx.Put(cl)
		})
	}
	p.dialWith(convert.Hello(dc.HostStatus{}, ahead))
	if r := c.svc.Refused(); len(r) != 0 {
		t.Errorf("refused are %+v", r)
	}
}

// TestKnownIsSentWithNews: what is known of a machine goes with what is asked, and is no reason to ask again.
func TestKnownIsSentWithNews(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.machine("vm-01", p.id, "", "")
	k := p.dial()
	if a := k.assigned(); a.Known.GetFiles() {
		t.Errorf("of a new machine is known %v", a.Known)
	}
	k.report("vm-01", dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOff, Outcome: dc.PowerOutcome{Generation: 4}})
	c.untilVM("vm-01", "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	c.vm("vm-01", func(vm *dc.VirtualMachine) { vm.Name = "renamed" })
	if a := k.assigned(); a.Machine.Name != "renamed" || !a.Known.GetFiles() || a.Known.OutcomeGeneration != 4 {
		t.Errorf("the next assignment is %v", a)
	}
	if a := p.dial().assigned(); !a.Known.GetFiles() {
		t.Errorf("a new connection brings %v", a)
	}
}

// TestOrphanIsDescribed: all that an adoption needs is said of an orphan, unless its host's program is too old. Once it was
// adopted it is none.
func TestOrphanIsDescribed(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	k := p.dial()
	machine := dc.Machine{ID: "vm-01", Name: "lost", Datastore: "datastore-9", Folder: "lost", Hardware: dc.Hardware{
		UUID: "3f2b6a10-0000-4000-8000-000000000001", GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1, MemoryMB: 64,
		Controllers: []dc.Controller{{Key: dc.FirstSCSIKey, Type: dc.ControllerVirtio}},
		Disks:       []dc.Disk{{Key: dc.FirstDiskKey, Controller: dc.FirstSCSIKey, CapacityBytes: 1 << 20}}, NICs: []dc.NIC{{Key: dc.FirstNICKey, MAC: "52:54:00:00:00:01", PortGroup: "network-1"}}}}
	status := dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOn, Outcome: dc.PowerOutcome{Generation: 6}}
	send := func(r *agentv1.MachineReport) {
		k.send(&agentv1.AgentMessage{Message: &agentv1.AgentMessage_MachineReport{MachineReport: r}})
	}
	send(&agentv1.MachineReport{Id: "vm-01", Name: "lost", Status: convert.MachineStatus(status), Machine: convert.Machine(machine),
		DatastorePath: "/one", PowerGeneration: 7, Deleted: true})
	send(&agentv1.MachineReport{Id: "vm-02", Name: "old", Status: convert.MachineStatus(status)})
	send(&agentv1.MachineReport{Id: "vm-03", Name: "liar", Status: convert.MachineStatus(status), Machine: convert.Machine(machine)})
	c.eventually("orphans", func() bool { return len(c.svc.Orphans()) == 3 })
	want := []dc.Orphan{
		{Machine: machine, Path: "/one", Host: p.id, Generation: 7, Deleted: true, Status: status},
		{Machine: dc.Machine{ID: "vm-02", Name: "old"}, Host: p.id, Status: status},
		{Machine: dc.Machine{ID: "vm-03", Name: "liar"}, Host: p.id, Status: status},
	}
	if diff := cmp.Diff(want, c.svc.Orphans()); diff != "" {
		t.Error(diff)
	}
	c.machine("vm-01", p.id, "", "")
	c.machine("vm-02", "host-other", "", "")
	orphans := c.svc.Orphans()
	if len(orphans) != 2 || orphans[0].Machine.ID != "vm-02" || orphans[0].Owner != "host-other" {
		t.Errorf("after they came into the inventory the orphans are %+v", orphans)
	}
}

// TestJoinAsFormerHost: a host that the inventory does not know any more becomes a new one; one that it knows stays what it is.
func TestJoinAsFormerHost(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	token := c.token()
	_, err := c.joinFormer("again", token, p.id)
	c.kind(err, dc.Exists)
	if !strings.Contains(err.Error(), "hanok host token --host box") {
		t.Errorf("the host hears %v", err)
	}
	for former, want := range map[dc.HostID]bool{"host-gone": true, "": false} {
		answer, err := c.joinFormer("box"+string(former)+"2", token, former)
		c.ok(err)
		if answer.ReplacesFormer != want || dc.HostID(answer.HostId) == former {
			t.Errorf("%q has become %v", former, answer)
		}
		token = c.token()
	}
}

// joinFormer joins as a machine that was the host former, "" for none.
func (c *center) joinFormer(name, token string, former dc.HostID) (*agentv1.JoinResponse, error) {
	c.Helper()
	_, csr, err := pki.NewCSR()
	c.ok(err)
	secret, _, _ := strings.Cut(token, ".")
	answer, err := c.anonymous().api.Join(c.Context(), &agentv1.JoinRequest{Token: secret, Csr: csr, Name: name, FormerHostId: string(former)})
	return answer, convert.FromError(err)
}

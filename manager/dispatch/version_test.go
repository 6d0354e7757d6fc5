package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
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

// TestVersions: the newest version that both know is spoken, an older agent is told nothing that it would misunderstand, and
// who can't talk is refused and told what to install.
func TestVersions(t *testing.T) {
	c := newCenter(t, time.Minute)
	p := c.joinPuppet("box")
	c.machine("vm-01", p.id, "", "")
	c.vm("vm-01", func(vm *dc.VirtualMachine) { vm.Spec.Power = dc.PowerRequest{Generation: 1 << 40} })

	k := p.dialWith(&agentv1.Hello{Protocol: 1})
	if a := k.assigned(); a.Power.GetGeneration() != 0 || a.Power.GetOp() != "" {
		t.Errorf("an agent of version 1 is asked for %v", a.Power)
	}
	c.power("vm-01", dc.PowerOn)
	if a := k.assigned(); a.Power.Generation != 1<<40+1 || a.Power.Op != string(dc.PowerOn) {
		t.Errorf("an agent of version 1 is asked for %v", a.Power)
	}
	c.vm("vm-01", func(vm *dc.VirtualMachine) { vm.Spec.Power = dc.PowerRequest{Generation: 1 << 41} })
	k = p.dialWith(&agentv1.Hello{Protocol: convert.Protocol + 7, OldestProtocol: 1})
	if a := k.assigned(); a.Power.Generation != 1<<41 || a.Power.Op != "" {
		t.Errorf("it is asked for %v", a.Power)
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

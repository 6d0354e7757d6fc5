package main

import (
	"context"
	"fmt"
	"testing"

	"hanok/dc"
	"hanok/host/sim"
	"hanok/manager/store"
)

// Simulated hosts join, run machines, and go wrong as they are told to.
func TestSimulatedHosts(t *testing.T) {
	c := startCenter(t, sim.Options{})
	s := c.begin(t, false, "host", "sim", "12")
	s.stdout.await(t, "ready 12 hosts\n")
	for n := range 24 {
		c.must(t, "vm", "create", fmt.Sprint("vm", n), "--memory", "300G", "--disk", "1G", "--host", fmt.Sprintf("sim-%02d", n%12+1))
	}
	c.must(t, "vm", "start", "vm0")

	say := func(command, answer string) {
		t.Helper()
		if _, err := fmt.Fprintln(s.keys, command); err != nil {
			t.Fatal(err)
		}
		s.stdout.await(t, command+": "+answer+"\n")
	}
	say("crash vm0", "done")
	untilVM(t, c, "vm0", func(vm *dc.VirtualMachine) bool { return vm.Status.Fault != nil })
	c.must(t, "vm", "start", "vm0")
	before := untilVM(t, c, "vm0", func(vm *dc.VirtualMachine) bool { return vm.Status.Power == dc.PoweredOn }).Status.Booted
	say("reboot sim-01", "done")
	untilVM(t, c, "vm0", func(vm *dc.VirtualMachine) bool {
		return vm.Status.Power == dc.PoweredOn && vm.Status.Paused == nil && !vm.Status.Booted.Equal(before)
	})
	say("fill sim-01", "done")
	untilVM(t, c, "vm0", func(vm *dc.VirtualMachine) bool { return vm.Status.Paused != nil })
	say("free sim-01", "done")
	say("stop sim-02", "done")
	untilHost(t, c, "sim-02", dc.NotResponding)
	say("stop sim-02", "it is stopped already")
	say("start sim-02", "done")
	untilHost(t, c, "sim-02", dc.Connected)
	say("fill sim-99", `there is no host "sim-99" here`)
	say("melt sim-01", `no command "melt"; see --help`)
	say("help", "a command has two words; see --help")

	s.interrupt()
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

// untilVM returns a machine when it is as the test wants it.
func untilVM(t *testing.T, c *center, name string, done func(*dc.VirtualMachine) bool) *dc.VirtualMachine {
	t.Helper()
	vm, err := c.awaitVM(name, done)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func untilHost(t *testing.T, c *center, name string, connection dc.Connection) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := await(ctx, c.manager.Store, func(v *store.View) (*dc.Host, error) {
		for h := range store.List[*dc.Host](v) {
			if h.Name == name && h.Connection() == connection {
				return h, nil
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

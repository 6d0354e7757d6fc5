package soak

import (
	"errors"
	"fmt"
	"syscall"

	"hanok/api/hanok/v1"
	"hanok/test/chance"
	"hanok/test/netns"
)

// blow is one kind of what happens to a data center. It returns when what was killed is started again, but before all is as it was.
type blow struct {
	name string
	// weight is how often it is drawn.
	weight int
	strike func(s *soak, host string)
}

var blows = []blow{
	{"manager, while a task is open", 25, (*soak).killManager},
	{"manager, again while it starts", 8, (*soak).killManagerTwice},
	{"agent, while a task of its host is open", 25, (*soak).killAgent},
	{"agent, again while it starts", 8, (*soak).killAgentTwice},
	{"agent, while it resets a guest", 6, (*soak).killReset},
	{"QEMU, while its guest writes", 18, (*soak).killGuest},
	{"QEMU, while a task of its machine is open", 6, (*soak).killFlicker},
	{"manager's power, while a task is open", 4, (*soak).losePowerOfManager},
	{"host's power, while its guest writes", 4, (*soak).losePower},
}

func (s *soak) killManager(string) {
	s.amidst("", s.random)
	s.c.Service.Signal(syscall.SIGKILL)
	s.undisturbed("")
	s.c.StartManager()
	s.detach("")
}

func (s *soak) killManagerTwice(string) {
	s.amidst("", s.random)
	s.c.Service.Signal(syscall.SIGKILL)
	s.c.BeginManager()
	s.killStart(s.c.Manager, s.c.Service)
	s.c.StartManager()
	s.detach("")
}

// killStart kills what was just begun.
func (s *soak) killStart(on *netns.Machine, v *netns.Service) {
	on.AwaitProcess("hanok")
	chance.Moment(s.random, long)
	v.Signal(syscall.SIGKILL)
	s.undisturbed("")
}

func (s *soak) killAgent(host string) {
	s.amidst(host, s.random)
	s.c.Agents[host].Signal(syscall.SIGKILL)
	s.undisturbed("")
	s.c.StartAgent(host)
	s.detach(host)
}

func (s *soak) killAgentTwice(host string) {
	s.amidst(host, s.random)
	s.c.Agents[host].Signal(syscall.SIGKILL)
	s.c.BeginAgent(host)
	s.killStart(s.c.Hosts[host], s.c.Agents[host])
	s.c.StartAgent(host)
	s.detach(host)
}

// killReset asks for a reset of the host's guest, which is done once or not at all when its agent dies meanwhile. Its process stays.
func (s *soak) killReset(host string) {
	w := s.guests[host]
	s.attach(w)
	s.await(host)
	res, err := s.cl.Machines.PowerVirtualMachine(s.t.Context(), &hanokv1.PowerVirtualMachineRequest{VirtualMachine: w.name, Op: "reset"})
	if err != nil {
		servesAfterward.of(s.t).Fatalf("reset of %s: %v", w.name, err)
	}
	chance.Moment(s.random, brief)
	s.c.Agents[host].Signal(syscall.SIGKILL)
	s.undisturbed("")
	s.c.StartAgent(host)
	s.detach(host)
	if s.cl.Ended(s.t.Context(), res.Task.Id) == nil {
		tasksEnd.of(s.t).Fatalf("the reset of %s is unknown", w.name)
	}
	s.undisturbed("")
	s.reset(w)
}

// reset resets a guest for sure.
func (s *soak) reset(w *writer) {
	s.t.Helper()
	s.attach(w)
	s.until(servesAfterward, func() error {
		_, err := s.ask(w.name, "reset")
		return err
	})
	w.term.Discard() // it may have booted once before
	w.anew = false
	w.log.Resume(w.term)
}

func (s *soak) killGuest(host string) {
	w := s.guests[host]
	s.attach(w)
	w.log.Begun()
	chance.Moment(s.random, brief)
	s.kill(w.by)
	s.restart(w)
}

// restart powers a guest on whose process was killed, and reads what it has written.
func (s *soak) restart(w *writer) {
	s.t.Helper()
	s.until(servesAfterward, func() error {
		res, err := s.cl.Machines.GetVirtualMachine(s.t.Context(), &hanokv1.GetVirtualMachineRequest{VirtualMachine: w.name})
		if err == nil && res.VirtualMachine.PowerState != "poweredOff" {
			err = fmt.Errorf("the process of %s was killed, and it is %s", w.name, res.VirtualMachine.PowerState)
		}
		return err
	})
	s.powerOn(w.name)
	w.by = s.process(w.name)
	s.resume(w)
}

// killFlicker kills a machine that has power while somebody changes just that.
func (s *soak) killFlicker(host string) {
	name := flicker(host)
	s.until(servesAfterward, func() error {
		s.amidst(host, s.random)
		ps := s.processes()[name]
		if len(ps) == 0 {
			return errors.New("no machine of " + host + " but its guest ever has power")
		}
		s.disturb(name, func() { _ = syscall.Kill(ps[0].pid, syscall.SIGKILL) }) // it may have ended by itself
		return nil
	})
}

// losePowerOfManager takes the manager's power, and what its disk was not told to flush.
func (s *soak) losePowerOfManager(string) {
	s.amidst("", s.random)
	lost := s.c.Manager.PowerLoss(s.random.Uint64())
	s.t.Logf("the manager's disk has lost %d sectors", lost)
	s.undisturbed("")
	s.c.Manager.PowerOn()
	s.c.StartManager()
	s.detach("")
}

// losePower takes a host's power, and what its disk was not told to flush. Its machines are on afterwards if they were, and else are
// not.
func (s *soak) losePower(host string) {
	w := s.guests[host]
	s.attach(w)
	w.log.Begun()
	chance.Moment(s.random, brief)
	m := s.c.Hosts[host]
	lost := m.PowerLoss(s.random.Uint64())
	s.t.Logf("the disk of %s has lost %d sectors", host, lost)
	s.undisturbed(host)
	m.PowerOn()
	s.c.StartAgent(host)
	s.until(offStaysOff, func() error {
		if len(s.processes()[w.name]) == 0 {
			return fmt.Errorf("%s was on when %s lost its power, and is not started again", w.name, host)
		}
		return nil
	})
	w.by = s.process(w.name)
	s.resume(w)
}

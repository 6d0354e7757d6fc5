package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hanok/api/hanok/v1"
	"hanok/test/client"
	"hanok/test/guest"
	"hanok/test/netns"
)

// patience bounds every wait for something that a slow machine may take long over.
const patience = 2 * time.Minute

// diskSize is how large the disk of each machine is, with its data folder and datastore.
const diskSize = 4 << 30

// soak is a data center that runs and whose parts are killed.
type soak struct {
	t      *testing.T
	random *rand.Rand
	c      *netns.Center
	cl     *client.Client
	names  []string // of the hosts
	guests map[string]*writer
	*workers
}

// writer is a guest that writes its log, on the host that it is named after.
type writer struct {
	name, host string
	term       *guest.Terminal
	log        *guest.Log
	// by executes it.
	by process
	// away is set when the console has ended with the manager or the agent that it went through. anew is set when it was an agent
	// that did not see the guest boot: its successor's console shows nothing from before.
	away, anew bool
}

// newSoak makes a data center with the hosts of these names, each with a guest, and lets the workers begin.
func newSoak(t *testing.T, hosts []string, random *rand.Rand) *soak {
	site := netns.New(t)
	site.Program = cmp.Or(os.Getenv("HANOK_PROGRAM"), site.Program)
	machine := func(name string) *netns.Machine {
		m := site.Machine(name)
		m.AddDisk(filepath.Base(m.Data), diskSize)
		return m
	}
	s := &soak{t: t, random: random, c: netns.NewCenter(machine("manager")), names: hosts, guests: map[string]*writer{}}
	s.cl = s.c.Client()
	for _, host := range hosts {
		s.c.Join(machine(host))
		w := &writer{name: "writer-" + host, host: host}
		s.c.CreateGuest(w.name, host)
		s.guests[host] = w
	}
	for _, host := range hosts {
		w := s.guests[host]
		s.cl.Await(t, w.name, "has an address", client.HasAddress)
		w.term = s.console(w)
		w.log = guest.StartLog(w.term, w.name)
		w.by = s.process(w.name)
	}
	s.workers = newWorkers(t, s.cl, hosts, random)
	return s
}

// console opens the console of a guest, which is possible again soon after a kill.
func (s *soak) console(w *writer) *guest.Terminal {
	s.t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); client.Rest(s.t.Context()) {
		conn, err := s.cl.Connect(s.t.Context(), w.name, "serial")
		if err == nil {
			s.t.Cleanup(func() { _ = conn.Close() })
			return guest.NewTerminal(recordsStay.of(s.t), conn, conn)
		}
		last = err
	}
	servesAfterward.of(s.t).Fatalf("no console of %s: %v\n%s\n%s", w.name, last, s.c.Manager.Log(), s.c.Hosts[w.host].Log())
	return nil
}

// attach looks at a guest's log, through another console where the last one has ended.
func (s *soak) attach(w *writer) {
	s.t.Helper()
	if w.away {
		w.term, w.away = s.console(w), false
		w.log.Reattach(w.term, w.anew)
	}
}

// resume looks at a guest that boots, and starts its log again.
func (s *soak) resume(w *writer) {
	s.t.Helper()
	w.term, w.away, w.anew = s.console(w), false, false
	w.log.Resume(w.term)
}

// detach is called when the consoles have ended with the manager, or those of a host with its agent.
func (s *soak) detach(host string) {
	for _, w := range s.guests {
		w.away = w.away || host == "" || w.host == host
		w.anew = w.anew || w.host == host
	}
}

// processes returns what executes machines. Two for one of them would be a disaster at any time.
func (s *soak) processes() map[string][]process {
	s.t.Helper()
	all, err := processes(filepath.Dir(filepath.Dir(s.c.Manager.Data)))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, ps := range all {
		if len(ps) > 1 {
			oneWriter.of(s.t).Fatalf("machine %s is executed by %v", name, ps)
		}
	}
	return all
}

// process returns what executes a machine.
func (s *soak) process(name string) process {
	s.t.Helper()
	ps := s.processes()[name]
	if len(ps) != 1 {
		servesAfterward.of(s.t).Fatalf("machine %s has power, and is executed by %v", name, ps)
	}
	return ps[0]
}

// undisturbed checks that guests are executed by the processes that they were, all but those on a host that has lost its power.
func (s *soak) undisturbed(butOn string) {
	s.t.Helper()
	all := s.processes()
	for _, w := range s.guests {
		if w.host == butOn {
			continue
		}
		if ps := all[w.name]; len(ps) != 1 || ps[0] != w.by {
			s.filesAreThere(w.host, w.name)
			guestsOutlive.of(s.t).Fatalf("%s was executed by %v and is by %v\n%s", w.name, w.by, ps, s.c.Hosts[w.host].Log())
		}
	}
}

// filesAreThere checks that the files of a machine are, which nobody has deleted.
func (s *soak) filesAreThere(host, name string) {
	s.t.Helper()
	config := filepath.Join("datastore1", name, name+".vmx")
	if _, err := os.Stat(filepath.Join(s.c.Hosts[host].Data, config)); err != nil {
		absenceNoOrder.of(s.t).Fatalf("the files of machine %s are gone: %v\n%s", name, err, s.c.Hosts[host].Log())
	}
}

// until waits for something that nobody tells of. cond says what is not as it has to be, or nil.
func (s *soak) until(broken promise, cond func() error) {
	s.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = cond(); err == nil {
			return
		}
		if s.t.Failed() {
			s.t.FailNow()
		}
	}
	logs := s.c.Manager.Log()
	for _, name := range s.names {
		logs += "\n" + s.c.Hosts[name].Log()
	}
	broken.of(s.t).Fatalf("%v\n%s", err, logs)
}

// powerOn gives a machine power, whatever its state is, through the API.
func (s *soak) powerOn(name string) {
	s.t.Helper()
	s.until(servesAfterward, func() error {
		_, err := s.ask(name, "powerOn")
		return err
	})
}

// ask asks for a power operation and waits for its end.
func (s *soak) ask(name, op string) (*hanokv1.Task, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	res, err := s.cl.Machines.PowerVirtualMachine(ctx, &hanokv1.PowerVirtualMachineRequest{VirtualMachine: name, Op: op})
	if err != nil {
		return nil, err
	}
	task := s.cl.Ended(ctx, res.Task.Id)
	if task == nil {
		return nil, fmt.Errorf("%s of %s has not ended", op, name)
	}
	if task.State != "success" {
		return task, errors.New(task.Failure.GetMessage())
	}
	return task, nil
}

// kill kills a process.
func (s *soak) kill(p process) {
	s.t.Helper()
	if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
}

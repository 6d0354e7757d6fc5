package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hanok/api/hanok/v1"
)

// check lets the workers pause and looks at everything.
func (s *soak) check() {
	s.t.Helper()
	s.hold.Lock()
	defer s.hold.Unlock()
	for _, host := range s.names {
		s.await(host)
	}
	s.tasksEnded()
	s.writesAreThere()
	s.until(offStaysOff, s.powerIsRight)
	s.undisturbed("")
	for _, w := range s.guests {
		s.attach(w)
		w.log.Progress()
	}
	s.until(checkerFinds, s.doctor)
}

// await waits until a host is connected.
func (s *soak) await(host string) {
	s.t.Helper()
	s.until(servesAfterward, func() error {
		res, err := s.cl.Hosts.GetHost(s.t.Context(), &hanokv1.GetHostRequest{Host: host})
		if err == nil && res.Host.Connection != "connected" {
			err = fmt.Errorf("host %s is %s", host, res.Host.Connection)
		}
		return err
	})
}

// tasksEnded waits until no task is open, somebody's whom nobody answered included.
func (s *soak) tasksEnded() {
	s.t.Helper()
	s.until(tasksEnd, func() error {
		res, err := s.cl.Tasks.ListTasks(s.t.Context(), &hanokv1.ListTasksRequest{})
		if err != nil {
			return err
		}
		for _, task := range res.Tasks {
			if task.Completed == nil {
				return fmt.Errorf("%s of %s has not ended: it is at %q, %s", task.Type, task.Target, task.Steps[min(int(task.Cursor), len(task.Steps)-1)], task.Message)
			}
		}
		return nil
	})
}

// machines returns all machines.
func (s *soak) inventory() []*hanokv1.VirtualMachine {
	s.t.Helper()
	res, err := s.cl.Machines.ListVirtualMachines(s.t.Context(), &hanokv1.ListVirtualMachinesRequest{})
	if err != nil {
		servesAfterward.of(s.t).Fatal(err)
	}
	return res.VirtualMachines
}

// writesAreThere checks that everything is there that was acknowledged, once, and nothing that was removed.
func (s *soak) writesAreThere() {
	s.t.Helper()
	users, err := s.cl.Users.ListUsers(s.t.Context(), &hanokv1.ListUsersRequest{})
	if err != nil {
		servesAfterward.of(s.t).Fatal(err)
	}
	events, err := s.cl.Events.ListEvents(s.t.Context(), &hanokv1.ListEventsRequest{Limit: 1_000_000})
	if err != nil {
		servesAfterward.of(s.t).Fatal(err)
	}
	made := map[string]int{}
	for _, e := range events.Events {
		if e.Type == "VmCreatedEvent" {
			made[e.Target]++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	there := map[string]int{}
	for _, u := range users.Users {
		there[u.Name]++
	}
	s.compare("user", s.users, nil, there)
	there = map[string]int{}
	for _, vm := range s.inventory() {
		there[vm.Name]++
	}
	s.compare("machine", s.machines, s.gone, there)
	for name, n := range made {
		if n > 1 {
			tasksEnd.of(s.t).Errorf("machine %q was made %d times", name, n)
		}
	}
}

// compare checks what is there, and settles what became of that for which nobody has got an answer.
func (s *soak) compare(what string, known, gone map[string]bool, there map[string]int) {
	s.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		switch {
		case there[name] > 1:
			tasksEnd.of(s.t).Errorf("there are %d of %s %q", there[name], what, name)
		case known[name] && there[name] == 0:
			writesStay.of(s.t).Errorf("%s %q was acknowledged and is not there", what, name)
		case there[name] == 1:
			known[name] = true
		default:
			delete(known, name)
		}
	}
	for name := range gone {
		if there[name] > 0 {
			writesStay.of(s.t).Errorf("%s %q is there, and was deleted, or its making has failed", what, name)
		}
	}
}

// powerIsRight says which machine is not executed as its power state, and the last thing that was asked of it, say.
func (s *soak) powerIsRight() error {
	all := s.processes()
	s.mu.Lock()
	power := maps.Clone(s.power)
	s.mu.Unlock()
	for _, vm := range s.inventory() {
		if vm.FilesState == "ready" {
			s.filesAreThere(vm.Host, vm.Name)
		}
		runs := len(all[vm.Name]) == 1
		delete(all, vm.Name)
		if runs != (vm.PowerState == "poweredOn") {
			return fmt.Errorf("%s is %s, and a process executes it: %v", vm.Name, vm.PowerState, runs)
		}
		if want := power[vm.Name]; want != "" && vm.PowerState != want {
			return fmt.Errorf("%s was left %s, and is %s", vm.Name, want, vm.PowerState)
		}
	}
	if len(all) > 0 {
		return fmt.Errorf("there are processes of machines that nobody knows: %v", all)
	}
	return nil
}

// doctor asks the checker. A machine whose process was killed is a problem that it has to name, until it has power again.
func (s *soak) doctor() error {
	out, complaint, _ := s.c.Manager.Try("doctor", "--deep", "-o", "json")
	var checks []struct{ Name, Status, Message, Remedy string }
	if err := json.Unmarshal([]byte(out), &checks); err != nil {
		return fmt.Errorf("%w in %s%s", err, out, complaint)
	}
	var problems []error
	for _, c := range checks {
		if c.Status == "problem" && !s.mayBeLost(c.Name) {
			problems = append(problems, fmt.Errorf("%s: %s; next: %s", c.Name, c.Message, c.Remedy))
		}
	}
	return errors.Join(problems...)
}

// mayBeLost reports whether somebody took the power of the machine that a check is about.
func (s *soak) mayBeLost(check string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.disturbed {
		if n > 0 && s.power[name] == "" && check == fmt.Sprintf("virtual machine %q", name) {
			return true
		}
	}
	return false
}

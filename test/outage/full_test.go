package outage

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hanok/api/hanok/v1"
	"hanok/test/guest"
	"hanok/test/netns"
)

// until waits for something that nobody tells of.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is still not true that %s", patience, what)
		}
	}
}

// typing is a command that a user has typed and that has not ended yet.
type typing struct {
	s    *transcript
	args []string
	cmd  *exec.Cmd
	out  bytes.Buffer
	// complaint is complete when the command has ended.
	complaint bytes.Buffer
}

// begins types a command that will take long. ends waits for its end, and shows it.
func (s *transcript) begins(m *netns.Machine, args ...string) *typing {
	s.t.Helper()
	p := &typing{s: s, args: args, cmd: m.Command(append([]string{m.Program, "--data", m.Data}, args...)...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.complaint
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.text.WriteString("\n$ hanok " + strings.Join(args, " ") + " &\n")
	return p
}

func (p *typing) ends() {
	p.s.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	err := p.cmd.Wait()
	p.s.saw(p.args, " (which still waits)", p.out.String(), p.complaint.String(), err)
}

// The disks of a data center are full, one after the other: a datastore's, a host's, the manager's. What can't be done says so and is
// done when there is room again; all else works.
func TestFull(t *testing.T) {
	site := netns.New(t)
	manager := site.Machine("manager")
	disk := map[string]*netns.Disk{"manager": onDisk(manager, gigabyte)}
	c := netns.NewCenter(manager)
	alpha := site.Machine("alpha")
	disk["alpha"], disk["small"] = onDisk(alpha, 2*gigabyte), alpha.AddDisk("small", 256<<20)
	c.Join(alpha)
	manager.Hanok("datastore", "create", "small", "--host", "alpha", "--path", filepath.Join(disk["small"].Path, "datastore"))
	logs, cl := map[string]*guest.Log{}, c.Client()
	for name, datastore := range map[string]string{"large": "ds-alpha", "little": "small"} {
		manager.Hanok("vm", "create", name, "--host", "alpha", "--datastore", datastore, "--image", "starter", "--memory", "128M", "--power-on")
	}
	for _, name := range []string{"large", "little"} {
		c.Manager.Await("guest in "+name, func(out string) bool { return strings.Contains(out, "Hostname:") }, "vm", "get", name)
		logs[name] = guest.StartLog(guest.Open(t, cl, name), name)
	}
	pids := alpha.Pids(netns.QEMU)
	s := newTranscript(t, "full")
	list := func(pattern string, args ...string) { s.looksFor(pattern, manager, args...) }
	says := func(text string, args ...string) {
		t.Helper()
		until(t, "hanok "+strings.Join(args, " ")+" says "+text, func() bool {
			out, complaint, _ := manager.Try(args...)
			return strings.Contains(out+complaint, text)
		})
	}

	// doctor waits until the hosts have told how full their disks are by now.
	doctor := func(says, not string) {
		t.Helper()
		until(t, "doctor says "+says+" and not "+not, func() bool {
			out, _, _ := manager.Try("doctor")
			return strings.Contains(plain(out), says) && !strings.Contains(plain(out), not)
		})
	}

	s.chapter("The disk of the datastore small is full, and the guest of little writes.")
	disk["small"].Fill(0)
	says("paused", "vm", "get", "little")
	s.types(manager, "vm", "list")
	list("^(Name|State|Paused|Blocked|Fault)", "vm", "get", "little")
	doctor(`problem  datastore "small"`, `problem  datastore "ds-alpha"`)
	list("^problem", "doctor")
	s.types(manager, "vm", "create", "more", "--datastore", "small", "--disk", "1M", "--memory", "64M")
	logs["large"].Progress()
	s.chapter("There is room again.")
	disk["small"].Free()
	s.types(manager, "vm", "start", "little")
	logs["little"].Progress()
	s.types(manager, "vm", "list")

	s.chapter("The disk of the host alpha is full, with the datastore ds-alpha and what the agent keeps.")
	disk["alpha"].Fill(0)
	s.types(manager, "vm", "stop", "little")
	start := s.begins(manager, "vm", "start", "little")
	says("Blocked", "vm", "get", "little")
	says("Paused", "vm", "get", "large")
	list("^(Name|State|Paused|Blocked|Fault)", "vm", "get", "little")
	doctor(`problem  datastore "ds-alpha"`, `problem  datastore "small"`)
	list("^problem", "doctor")
	s.types(manager, "host", "list")
	s.chapter("There is room again.")
	disk["alpha"].Free()
	start.ends()
	s.types(manager, "vm", "start", "large")
	logs["large"].Progress()
	c.Manager.Await("guest in little", func(out string) bool { return strings.Contains(out, "Hostname:") }, "vm", "get", "little")
	logs["little"].Resume(guest.Open(t, cl, "little"))
	s.types(manager, "vm", "list")

	s.chapter("The disk of the manager is full, and somebody makes machines.")
	var made []string
	disk["manager"].Fill(0)
	for err := error(nil); err == nil; {
		name := fmt.Sprintf("made-%d", len(made))
		_, err = cl.Machines.CreateVirtualMachine(t.Context(), &hanokv1.CreateVirtualMachineRequest{Name: name, Host: "alpha", MemoryMb: 32,
			Annotation: strings.Repeat("so that the store needs room ", 3000)})
		if err == nil {
			made = append(made, name)
		}
		if len(made) > 500 {
			t.Fatal("a full disk takes everything")
		}
	}
	t.Logf("%d machines were acknowledged", len(made))
	s.text.WriteString("\n" + plain(c.Service.Ended()))
	s.types(manager, "vm", "list")
	run := []string{"manager", "run", "--listen", manager.Address + ":443"}
	disk["manager"].Fill(0)
	s.types(manager, run...)
	logs["large"].Note()
	if now := alpha.Pids(netns.QEMU); len(now) != 2 {
		t.Errorf("the guests are %v", now)
	}
	s.chapter("There is room again, and somebody starts the manager.")
	disk["manager"].Free()
	c.StartManager()
	c.AwaitHost("alpha", "connected")
	list("^(NAME|large|little) ", "vm", "list")
	list("^problem", "doctor")
	s.types(manager, "vm", "stop", "little")

	rows := c.Rows("vm")
	for _, name := range made {
		if _, ok := rows[name]; !ok {
			t.Errorf("the machine %s was acknowledged and is gone", name)
		}
	}
	logs["large"].Reattach(guest.Open(t, cl, "large"), false)
	logs["large"].Progress()
	logs["large"].Verify()
	if now := alpha.Pids(netns.QEMU); len(now) != 1 || now[0] != pids[0] && now[0] != pids[1] {
		t.Errorf("the guests were %v and are %v", pids, now)
	}
}

package netns

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is one machine of a site. It has power from the start. Its methods are for one goroutine at a time.
type Machine struct {
	Name string
	// Address is its IPv4 address on the switch.
	Address string
	// Data is the folder of its hanok. It is on the machine's disk, which outlives the loss of power.
	Data string
	// Program is the hanok that it runs, at first that of the site.
	Program string

	s    *Site
	port string // its end of the cable at the switch
	card string // the MAC address
	init *exec.Cmd
	// disks are those that it has of its own.
	disks []*Disk
}

// Machine adds a machine, with power.
func (s *Site) Machine(name string) *Machine {
	s.t.Helper()
	s.machines++
	m := &Machine{Name: name, Address: s.address(s.machines), s: s, port: fmt.Sprintf("site%d-%d", s.number, s.machines),
		card: fmt.Sprintf("02:00:00:4d:%02x:%02x", s.number, s.machines), Data: filepath.Join(s.dir, name, "data"), Program: s.Program}
	if err := os.MkdirAll(m.dir(), 0o700); err != nil {
		s.t.Fatal(err)
	}
	// What is mounted there later, the machine has in its own mount tree, too, until it is unmounted here.
	s.run("mount", "--bind", m.dir(), m.dir())
	s.run("mount", "--make-shared", m.dir())
	s.t.Cleanup(func() { s.run("umount", m.dir()) })
	m.PowerOn()
	s.t.Cleanup(m.PowerOff)
	return m
}

// dir is the folder that the machine's disks are in.
func (m *Machine) dir() string { return filepath.Join(m.s.dir, m.Name) }

// boot is what the machine's first process runs: mounts of its own, a boot ID of its own, and then it waits and reaps. It says
// "up" when it is ready.
const boot = `
set -eu
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs /run
hostname "$1"
mount --bind "$2" /proc/sys/kernel/random/boot_id
ip link set lo up
echo up
while :; do sleep 1000000 & wait $! || true; done
`

// PowerOn boots the machine. Nothing of an earlier boot runs.
func (m *Machine) PowerOn() {
	m.s.t.Helper()
	bootID := filepath.Join(m.dir(), "boot_id")
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid") // which is another one at each reading
	if err != nil {
		m.s.t.Fatal(err)
	}
	if err := os.WriteFile(bootID, id, 0o444); err != nil {
		m.s.t.Fatal(err)
	}
	m.init = exec.Command("unshare", "--fork", "--pid", "--kill-child", "--mount", "--propagation", "slave", "--net", "--uts", "bash", "-c", boot, "init", m.Name, bootID)
	m.init.Stderr = os.Stderr
	out, err := m.init.StdoutPipe()
	if err != nil {
		m.s.t.Fatal(err)
	}
	if err := m.init.Start(); err != nil {
		m.s.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		m.s.t.Fatalf("machine %s does not boot: %q, %v", m.Name, line, err)
	}
	cable := m.port + "m"
	// Its network card stays the same: the others know it.
	m.s.run("ip", "link", "add", m.port, "type", "veth", "peer", "name", cable, "address", m.card, "netns", m.pid())
	m.s.run("ip", "link", "set", m.port, "master", m.s.bridge(), "up")
	m.system("ip", "address", "add", m.Address+"/24", "dev", cable)
	m.system("ip", "link", "set", cable, "up")
}

// PowerOff takes the machine's power: everything on it ends at once, and is not asked.
func (m *Machine) PowerOff() {
	if m.init == nil {
		return
	}
	// Who is far away hears nothing of it.
	_ = exec.Command("ip", "link", "set", m.port, "down").Run()
	_ = m.init.Process.Kill() // unshare takes its child with it, and that one all others
	_ = m.init.Wait()
	m.init = nil
	// With its last process the machine's network goes, and with one end of the cable the other.
	_ = exec.Command("ip", "link", "delete", m.port).Run()
}

// pid returns the process ID of the machine's first process, as this machine sees it.
func (m *Machine) pid() string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", m.init.Process.Pid))
	if err != nil || len(data) == 0 {
		m.s.t.Fatalf("machine %s has no first process: %v", m.Name, err)
	}
	return strings.Fields(string(data))[0]
}

// Path returns where this program finds a path of the machine, which has power.
func (m *Machine) Path(path string) string { return filepath.Join("/proc", m.pid(), "root", path) }

// Cut takes the machine's cable out, and Plug puts it in again.
func (m *Machine) Cut()  { m.s.run("ip", "link", "set", m.port, "down") }
func (m *Machine) Plug() { m.s.run("ip", "link", "set", m.port, "up") }

// Command returns a command that runs on the machine, in a process group of its own.
func (m *Machine) Command(args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"--target", m.pid(), "--mount", "--net", "--pid", "--uts", "--"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// system runs a command on the machine that has to succeed.
func (m *Machine) system(args ...string) {
	m.s.t.Helper()
	if out, err := m.Command(args...).CombinedOutput(); err != nil {
		m.s.t.Fatalf("%s on %s: %v\n%s", strings.Join(args, " "), m.Name, err, out)
	}
}

// AwaitProcess waits until the machine has a process of the name; see Pids.
func (m *Machine) AwaitProcess(name string) {
	m.s.t.Helper()
	for deadline := time.Now().Add(patience); len(m.Pids(name)) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.s.t.Fatalf("no %s on %s\n%s", name, m.Name, m.Log())
		}
	}
}

// Pids returns the processes of a name on the machine, as this machine sees them. A name has 15 characters at most.
func (m *Machine) Pids(name string) (pids []int) {
	m.s.t.Helper()
	space := m.space()
	for _, pid := range processes() {
		dir := fmt.Sprintf("/proc/%d", pid)
		// What has ended since is none of them.
		data, _ := os.ReadFile(dir + "/comm")
		of, _ := os.Readlink(dir + "/ns/pid")
		if strings.TrimSpace(string(data)) == name && of == space {
			pids = append(pids, pid)
		}
	}
	return pids
}

// space returns what the processes of the machine have in common.
func (m *Machine) space() string {
	m.s.t.Helper()
	space, err := os.Readlink("/proc/" + m.pid() + "/ns/pid")
	if err != nil {
		m.s.t.Fatal(err)
	}
	return space
}

// processes returns all processes there are, of whatever machine.
func processes() (all []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

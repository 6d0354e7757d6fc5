package image

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hanok/internal/testhost"
)

// packages is where scripts/setup leaves the packages of the starter image.
const packages = "../.cache/image-packages"

// patience bounds a whole boot test on a machine that is slow and busy; nothing waits for it to pass.
const patience = 3 * time.Minute

func TestBuildIsReproducible(t *testing.T) {
	testhost.Require(t)
	build := func(out string) Info {
		t.Helper()
		info, err := Build(t.Context(), Config{Packages: packages, Out: out})
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := filepath.Join(t.TempDir(), "image")
	info := build(first)
	if info.Reused || info.SizeBytes != diskSize || info.Kernel == "" {
		t.Errorf("first build: %+v", info)
	}
	if other := build(filepath.Join(t.TempDir(), "other")); other != info {
		t.Errorf("the same packages made another image: %+v, first %+v", other, info)
	}
	if again := build(first); !again.Reused || again.Digest != info.Digest {
		t.Errorf("second build did not reuse the image: %+v, first %+v", again, info)
	}
	if err := os.Truncate(first, diskSize/2); err != nil {
		t.Fatal(err)
	}
	if mended := build(first); mended != info {
		t.Errorf("build over a damaged image: %+v, first %+v", mended, info)
	}
	if entries, err := os.ReadDir(filepath.Dir(first)); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v (%v), want the image and its record", entries, err)
	}
}

func TestStarterBoots(t *testing.T) {
	testhost.Require(t)
	image := filepath.Join(t.TempDir(), "image")
	if _, err := Build(t.Context(), Config{Packages: packages, Out: image}); err != nil {
		t.Fatal(err)
	}
	t.Run("virtio-blk", func(t *testing.T) { wholeStory(t, image) })
	for _, c := range []struct{ name, args, host string }{
		{"virtio-scsi", "-device virtio-scsi-pci -device scsi-hd,drive=disk", "hello"},
		{"pvscsi", "-device pvscsi -device scsi-hd,drive=disk -fw_cfg name=opt/hanok/hostname,string=given", "given"},
		{"ide", "-machine pc -device ide-hd,drive=disk", "hello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t, image, strings.Fields(c.args)...)
			g.serial.await(ReadyLine)
			g.serial.await(c.host) // before the prompt
			g.login()
			g.serial.enter("grep /data /proc/mounts")
			g.serial.await(`/dev/sda2 /data ext4 rw`)
			// The button this time: ACPI tells the guest.
			g.call(g.qmp, "system_powerdown", nil, nil)
			g.awaitExit()
		})
	}
}

// wholeStory boots, logs in, asks the agent, writes to the disk, reboots, finds it there and shuts down.
func wholeStory(t *testing.T, image string) {
	g := start(t, image, "-device", "virtio-blk-pci,drive=disk")
	g.serial.await(`hanok-starter: eth0 10\.0\.2\.15`)
	g.serial.await(ReadyLine)
	g.login()

	g.call(g.agent, "guest-ping", nil, nil)
	var name struct {
		Name string `json:"host-name"`
	}
	g.call(g.agent, "guest-get-host-name", nil, &name)
	if name.Name != "hello" {
		t.Errorf("host name %q, want the one that DHCP gave", name.Name)
	}
	var system struct {
		ID     string `json:"id"`
		Pretty string `json:"pretty-name"`
		Kernel string `json:"kernel-release"`
	}
	g.call(g.agent, "guest-get-osinfo", nil, &system)
	if system.ID != "hanok" || !strings.Contains(system.Pretty, system.Kernel) {
		t.Errorf("system %+v", system)
	}
	var nics []struct {
		Name      string `json:"name"`
		Addresses []struct {
			Type    string `json:"ip-address-type"`
			Address string `json:"ip-address"`
		} `json:"ip-addresses"`
	}
	g.call(g.agent, "guest-network-get-interfaces", nil, &nics)
	if text := fmt.Sprint(nics); !strings.Contains(text, "{eth0 [{ipv4 10.0.2.15}") {
		t.Errorf("interfaces %s, want eth0 with 10.0.2.15", text)
	}
	var frozen int
	g.call(g.agent, "guest-fsfreeze-freeze", nil, &frozen)
	g.call(g.agent, "guest-fsfreeze-thaw", nil, &frozen)
	if frozen < 1 {
		t.Error("the agent froze no file system, want /data")
	}

	g.serial.enter("dd if=/dev/urandom of=/data/written bs=1M count=4 2>/dev/null && sync && md5sum </data/written")
	written := g.serial.await(`([0-9a-f]{32})  -`)
	g.serial.enter("cd /; reboot")
	g.serial.await(ReadyLine)
	g.login()
	g.serial.enter("md5sum </data/written")
	if found := g.serial.await(`([0-9a-f]{32})  -`); found != written {
		t.Errorf("/data/written has %s after a reboot, %s before", found, written)
	}

	g.send(g.agent, "guest-shutdown", map[string]any{"mode": "powerdown"})
	g.awaitExit()
}

// guest is a running QEMU with the starter image in it.
type guest struct {
	t      *testing.T
	ctx    context.Context
	serial *terminal
	qmp    *peer
	agent  *peer
	exited chan error
}

// start boots a copy of the image, attached as the drive "disk", in 128 MB with a NIC that reaches nothing.
func start(t *testing.T, image string, args ...string) *guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	dir, err := os.MkdirTemp("", "boot") // a socket's path is at most 107 characters
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	disk := filepath.Join(dir, "disk")
	if output, err := exec.Command("cp", "--sparse=always", image, disk).CombinedOutput(); err != nil {
		t.Fatalf("copy the image: %v: %s", err, output)
	}
	socket := func(name string) string { return "unix:" + filepath.Join(dir, name) + ",server=on,wait=off" }
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", append([]string{
		"-nodefaults", "-machine", "q35", "-accel", "tcg", "-m", "128", "-display", "none", "-vga", "std",
		"-drive", "if=none,id=disk,format=raw,file=" + disk,
		"-netdev", "user,id=net,restrict=on,hostname=hello", "-device", "virtio-net-pci,netdev=net",
		"-serial", socket("serial"), "-qmp", socket("qmp"),
		"-device", "virtio-serial-pci", "-chardev", "socket,id=agent,server=on,wait=off,path=" + filepath.Join(dir, "agent"),
		"-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
		"-S", // until this test listens
	}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, ctx: ctx, exited: make(chan error, 1)}
	go func() {
		said, _ := io.ReadAll(stderr)
		err := cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, said)
		}
		g.exited <- err
	}()
	t.Cleanup(func() {
		cancel()
		<-g.exited
	})
	g.serial = &terminal{t: t, conn: g.dial(filepath.Join(dir, "serial"))}
	g.qmp = &peer{conn: g.dial(filepath.Join(dir, "qmp"))}
	g.agent = &peer{conn: g.dial(filepath.Join(dir, "agent"))}
	g.call(g.qmp, "qmp_capabilities", nil, nil)
	g.call(g.qmp, "cont", nil, nil)
	return g
}

// dial connects to a socket of a QEMU that may still be about to open it.
func (g *guest) dial(path string) net.Conn {
	g.t.Helper()
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			deadline, _ := g.ctx.Deadline()
			conn.SetDeadline(deadline)
			g.t.Cleanup(func() { conn.Close() })
			return conn
		}
		select {
		case err := <-g.exited:
			g.exited <- err
			g.t.Fatalf("QEMU ended before it opened %s: %v", filepath.Base(path), err)
		case <-g.ctx.Done():
			g.t.Fatalf("QEMU did not open %s: %v", filepath.Base(path), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// login logs root in on the serial port.
func (g *guest) login() {
	g.t.Helper()
	g.serial.await(`login: `)
	g.serial.enter("root")
	g.serial.await(`Password: `)
	g.serial.enter("hanok")
	g.serial.await(`# `)
}

// awaitExit waits for QEMU to end by itself.
func (g *guest) awaitExit() {
	g.t.Helper()
	select {
	case err := <-g.exited:
		g.exited <- err
		if err != nil {
			g.t.Fatalf("QEMU: %v", err)
		}
	case <-g.ctx.Done():
		g.t.Fatalf("the guest did not switch itself off; the serial port said:\n%s", g.serial.seen)
	}
}

// terminal is the other end of the guest's serial port.
type terminal struct {
	t    *testing.T
	conn net.Conn
	seen []byte // all that was read
	read int    // how much of it await has passed
}

// await reads until the pattern matches what has not been matched yet, and returns its first group, or all of it.
func (m *terminal) await(pattern string) string {
	m.t.Helper()
	wanted := regexp.MustCompile(pattern)
	chunk := make([]byte, 4096)
	for {
		if at := wanted.FindSubmatchIndex(m.seen[m.read:]); at != nil {
			last := len(at) - 2
			found := string(m.seen[m.read+at[last] : m.read+at[last+1]])
			m.read += at[1]
			return found
		}
		n, err := m.conn.Read(chunk)
		m.seen = append(m.seen, chunk[:n]...)
		if err != nil && n == 0 {
			m.t.Fatalf("await %q on the serial port: %v; it said:\n%s", pattern, err, m.seen)
		}
	}
}

// enter types a line.
func (m *terminal) enter(line string) {
	m.t.Helper()
	if _, err := io.WriteString(m.conn, line+"\n"); err != nil {
		m.t.Fatalf("type %q: %v", line, err)
	}
}

// peer speaks QMP's form of JSON, which the guest agent speaks too.
type peer struct {
	conn  net.Conn
	lines *bufio.Scanner
}

// send sends a command that has no answer.
func (g *guest) send(p *peer, command string, arguments any) {
	g.t.Helper()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(p.conn).Encode(request); err != nil {
		g.t.Fatalf("%s: %v", command, err)
	}
}

// call sends a command and reads its answer into result, if that is not nil; greetings and events are passed over.
func (g *guest) call(p *peer, command string, arguments, result any) {
	g.t.Helper()
	g.send(p, command, arguments)
	if p.lines == nil {
		p.lines = bufio.NewScanner(p.conn)
	}
	for p.lines.Scan() {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(p.lines.Bytes(), &answer); err != nil {
			g.t.Fatalf("%s: answer %q: %v", command, p.lines.Bytes(), err)
		}
		if answer.Error != nil {
			g.t.Fatalf("%s: %s", command, answer.Error)
		}
		if answer.Return != nil {
			if result != nil {
				if err := json.Unmarshal(answer.Return, result); err != nil {
					g.t.Fatalf("%s: answer %q: %v", command, answer.Return, err)
				}
			}
			return
		}
	}
	g.t.Fatalf("%s: no answer: %v", command, errors.Join(p.lines.Err(), g.ctx.Err()))
}

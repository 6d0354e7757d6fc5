package cgroup

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hanok/image"
	"hanok/internal/testhost"
)

// guestVariable is set where the tests run inside the guest.
const guestVariable = "HANOK_CGROUP_GUEST"

// TestVersion2 runs the other tests of this package in a guest whose kernel has all controllers in version 2, whatever this host
// has: it boots the starter image with a second disk that is an archive with the test program.
func TestVersion2(t *testing.T) {
	testhost.Require(t)
	if os.Getenv(guestVariable) != "" {
		return
	}
	dir := t.TempDir()
	disk, archive := filepath.Join(dir, "starter.img"), filepath.Join(dir, "tests.tar")
	if _, err := image.Build(t.Context(), image.Config{Packages: "../../.cache/image-packages", Out: disk}); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "cgroup.test")
	build := exec.Command("go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pack(t, program, archive)

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
		"-machine", "q35,vmport=off", "-cpu", "max", "-smp", "2", "-m", "512", "-device", "virtio-rng-pci", "-device", "virtio-scsi-pci",
		"-drive", "if=none,id=root,format=raw,file="+disk, "-device", "scsi-hd,drive=root,bootindex=1",
		"-drive", "if=none,id=tests,format=raw,readonly=on,file="+archive, "-device", "scsi-hd,drive=tests")
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	screen, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait()
	}()
	console := &console{t: t, screen: screen, keyboard: keyboard}
	console.await("login: ")
	console.enter("root")
	console.await("Password: ")
	console.enter("hanok")
	console.await("# ")
	// Which disk is sda depends on which one the kernel finds first: only one of them is an archive.
	console.enter("mkdir -p /tmp/t /sys/fs/cgroup; for d in /dev/sd?; do tar xf $d -C /tmp/t 2>/dev/null; done; mount -t cgroup2 none /sys/fs/cgroup; echo mount''ed $?")
	console.await("mounted ")
	console.enter("cd /tmp/t && " + testhost.Variable + "=1 " + guestVariable + "=1 ./cgroup.test -test.v -test.timeout 4m; echo end''ed $?")
	said := console.await("ended ") + console.await("\n")
	t.Logf("the guest said:\n%s", said)
	if !strings.Contains(said, "ended 0") || !strings.Contains(said, "cpu 2, memory 2") || strings.Contains(said, "SKIP") {
		t.Error("the tests have failed in the guest")
	}
}

// pack writes an archive with one program, as large as a disk may be.
func pack(t *testing.T, program, archive string) {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "cgroup.test", Mode: 0o755, Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out.Write(make([]byte, 1<<20-out.Len()%(1<<20)))
	if err := os.WriteFile(archive, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// console is a guest's serial port.
type console struct {
	t        *testing.T
	screen   io.Reader
	keyboard io.Writer
	seen     []byte
}

// await reads until the text comes, and returns everything up to it.
func (c *console) await(text string) string {
	c.t.Helper()
	chunk := make([]byte, 4096)
	for {
		if i := bytes.Index(c.seen, []byte(text)); i >= 0 {
			found := string(c.seen[:i+len(text)])
			c.seen = c.seen[i+len(text):]
			return found
		}
		n, err := c.screen.Read(chunk)
		c.seen = append(c.seen, chunk[:n]...)
		if err != nil {
			c.t.Fatalf("await %q: %v; the guest said:\n%s", text, err, c.seen)
		}
	}
}

func (c *console) enter(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.keyboard, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

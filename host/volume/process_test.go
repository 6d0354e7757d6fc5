package volume

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hanok/dc"
)

// roleVariable tells the test program to be another process: an agent that makes a machine or locks one, or the machine
// itself.
const roleVariable = "HANOK_VOLUME_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch role, path, _ := strings.Cut(os.Getenv(roleVariable), ":"); role {
	case "":
		os.Exit(m.Run())
	case "create":
		err = createSlowly(path)
	case "lock":
		err = lockAndStart(path)
	case "hold":
		err = hold()
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// process returns the test program in another role on the datastore at path.
func process(role, path string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role+":"+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// open mounts the datastore of another process.
func open(path string) (*Local, error) {
	l := NewLocal(slog.New(slog.DiscardHandler))
	return l, l.Mount(context.Background(), store, path)
}

// slowMachine has disks that take a while.
func slowMachine() dc.Machine {
	m := machine()
	m.Disks[1].CapacityBytes, m.Disks[1].Image = 8<<20, "sha256:2"
	return m
}

// createSlowly makes a machine, says each piece of progress, and goes on when it gets a byte.
func createSlowly(path string) error {
	l, err := open(path)
	if err != nil {
		return err
	}
	pause := func(what string) {
		io.WriteString(os.Stdout, what+"\n")
		io.ReadFull(os.Stdin, make([]byte, 1))
	}
	err = l.CreateMachine(context.Background(), slowMachine(), func(ctx context.Context, digest string) (io.ReadCloser, error) {
		pause("fetch")
		return fetchContent(ctx, digest)
	}, func(done, total int64) { pause("progress") })
	pause("end")
	return err
}

func TestCreateMachineGoesOnAfterAKill(t *testing.T) {
	for crash := 0; ; crash++ {
		l, path := mount(t)
		cmd := process("create", path)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		last := ""
		for range crash + 1 {
			if !lines.Scan() {
				t.Fatalf("the process ended after %q: %v", last, lines.Err())
			}
			if last = lines.Text(); last != "end" {
				in.Write([]byte{1})
			}
		}
		cmd.Process.Kill()
		cmd.Wait()

		dir := filepath.Join(path, "hello")
		for _, flat := range []string{"hello-flat.vmdk", "hello_1-flat.vmdk"} {
			if b, err := os.ReadFile(filepath.Join(dir, flat)); err == nil && !bytes.HasPrefix(b, content()) {
				t.Errorf("kill %d: %s has its name and not its content", crash, flat)
			}
		}
		create(t, l, slowMachine())
		wantList(t, dir, created...)
		if !strings.HasPrefix(read(t, filepath.Join(dir, "hello-flat.vmdk")), string(content())) {
			t.Errorf("kill %d: the disk is not the image", crash)
		}
		if last == "end" {
			if crash < 10 {
				t.Errorf("only %d moments were tried", crash)
			}
			return
		}
	}
}

// lockAndStart locks the machine and leaves the lock to a process that outlives this one.
func lockAndStart(path string) error {
	l, err := open(path)
	if err != nil {
		return err
	}
	f, err := l.Files(context.Background(), machine())
	if err != nil {
		return err
	}
	lock, err := f.Lock()
	if err != nil {
		return err
	}
	cmd := process("hold", path)
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	cmd.ExtraFiles = []*os.File{lock}
	return cmd.Start()
}

// hold keeps what it inherited until its input ends, and says when it has let go.
func hold() error {
	os.Stdout.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	io.Copy(io.Discard, os.Stdin)
	if err := os.NewFile(3, "lock").Close(); err != nil {
		return err
	}
	_, err := os.Stdout.WriteString("released\n")
	return err
}

func TestLockOutlivesTheLocker(t *testing.T) {
	l, path := mount(t)
	create(t, l, machine())
	cmd := process("lock", path)
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer inWrite.Close()
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer outRead.Close()
	cmd.Stdin, cmd.Stdout = inRead, outWrite
	err = cmd.Run() // returns when the locker has ended
	inRead.Close()
	outWrite.Close()
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(outRead)
	pid, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	f := files(t, l, machine())
	_, err = f.Lock()
	wantError(t, err, dc.Unavailable, "in use by process "+strings.TrimSpace(pid)+" (", "hello.vmx.lck")
	wantError(t, l.DeleteMachine(t.Context(), machine()), dc.Unavailable, "process "+strings.TrimSpace(pid))
	wantList(t, f.Path, append(append([]string{}, created[:3]...), "hello.vmx.lck", created[3], created[4])...)

	inWrite.Close()
	if line, err := out.ReadString('\n'); line != "released\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	lock, err := f.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Lock()
	wantError(t, err, dc.Unavailable, "in use")
	lock.Close()
	if err := l.DeleteMachine(t.Context(), machine()); err != nil {
		t.Error(err)
	}
	wantList(t, path)
}

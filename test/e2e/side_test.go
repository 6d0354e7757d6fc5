package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hanok/internal/testhost"
	"hanok/test/guest"
)

// TestSideBySide runs two data centers on one machine. Neither is disturbed by what happens to the other.
func TestSideBySide(t *testing.T) {
	testhost.Require(t)
	one, other := newCenter(t), newCenter(t)
	t.Run("start", func(t *testing.T) {
		for name, c := range map[string]*center{"one": one, "other": other} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				whole := c.t
				defer func() { c.t = whole }()
				c.t = t
				c.up()
			})
		}
	})
	if t.Failed() {
		return
	}
	pid, otherPID := one.qemu("hello"), other.qemu("hello")
	if pid == 0 || otherPID == 0 || pid == otherPID || one.machine("hello").ID == other.machine("hello").ID {
		t.Errorf("%s is process %d, %s is process %d", one.machine("hello"), pid, other.machine("hello"), otherPID)
	}

	t.Run("a login is good for one of them", func(t *testing.T) {
		login := one.firstLogin()
		env := []string{"HANOK_SERVER=" + other.firstLogin().URL, "HANOK_USERNAME=" + login.User, "HANOK_PASSWORD=" + login.Password}
		refused(t, append(env, "HANOK_CA="+filepath.Join(one.data, "ca.pem")), []string{"not one of a data center that is trusted here"}, "vm", "list")
		refused(t, append(env, "HANOK_CA="+filepath.Join(other.data, "ca.pem")), []string{"wrong user name or password"}, "vm", "list")
	})

	t.Run("one is removed", func(t *testing.T) {
		term := guest.Open(t, other.client(), "hello")
		term.Login()
		boot := term.Run(guest.BootID)
		refused(t, nil, []string{one.data, "runs on it already", "next: end that one with Ctrl-C first"}, "clean", "--data", one.data)
		one.signal(syscall.SIGINT)
		sockets := one.runFolder()
		if out, complaint, code := execute(t, nil, "", "clean", "--data", one.data); code != 0 {
			t.Fatal(out, complaint)
		}
		if _, err := os.Stat(one.data); err == nil || one.qemu("hello") != 0 {
			t.Errorf("of the one is left: %v, process %d", err, one.qemu("hello"))
		}
		if now := term.Run(guest.BootID); now != boot || other.qemu("hello") != otherPID {
			t.Errorf("the other was disturbed: its guest's boot was %s and is %s, its process %d and is %d", boot, now, otherPID, other.qemu("hello"))
		}
		other.ok("vm", "reset", "hello")
		term.Login()
		if _, err := os.Stat(sockets); !os.IsNotExist(err) {
			t.Errorf("the folder of its sockets, %s, is left: %v", sockets, err)
		}
	})
}

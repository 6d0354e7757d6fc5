// Package netns makes many machines out of one for tests: each has a network, a mount tree, processes, a host name and a boot of
// its own, as a host of a data center has, joined by one Ethernet switch; and each can lose its power, its link or its disk.
// What runs on them is the real program with real guests.
//
// It is used by tests that spread a data center over several hosts, and by test/dev. It needs what testhost.Require asks for: the
// switch and everything on it are inside the test run's own network namespace.
package netns

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"hanok/internal/testhost"
)

// TB is what a site needs of the test that it is part of: a *testing.T, or what a program has in its place. As there, Fatal and
// Fatalf don't return.
type TB interface {
	testhost.TB
	Cleanup(func())
	TempDir() string
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Site is a switch with machines.
type Site struct {
	t        TB
	root     string // of the checkout
	dir      string
	number   int // of all sites that there are
	machines int
	// Program is the hanok that machines run which are made from now on.
	Program string
}

// New makes a site that ends with the test. Program is bin/hanok of the checkout.
func New(t TB) *Site {
	t.Helper()
	return In(t, t.TempDir())
}

// In is New with the folder of the machines' disks, which stays: a later site with machines of the same names, made in the same
// order, finds them.
func In(t TB, dir string) *Site {
	t.Helper()
	testhost.Require(t)
	root, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{t: t, root: root, dir: dir, Program: filepath.Join(root, "bin", "hanok")}
	if _, err := os.Stat(s.Program); err != nil {
		t.Fatalf("%v: run make build first, or make test", err)
	}
	// Tests of other packages, which run beside this one, have sites of their own: the first number that is free is this one's.
	for s.number = range sites {
		var out []byte
		if out, err = exec.Command("ip", "link", "add", s.bridge(), "type", "bridge").CombinedOutput(); err == nil {
			break
		}
		err = fmt.Errorf("ip link add %s: %w\n%s", s.bridge(), err, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.run("ip", "link", "delete", s.bridge()) })
	s.run("ip", "address", "add", s.address(254)+"/24", "dev", s.bridge()) // so that this program reaches the machines, too
	s.run("ip", "link", "set", s.bridge(), "up")
	return s
}

// sites is how many there may be at once.
const sites = 100

// bridge is the name of the switch.
func (s *Site) bridge() string { return fmt.Sprintf("site%d", s.number) }

// address returns the address with a number on the switch.
func (s *Site) address(number int) string { return fmt.Sprintf("10.77.%d.%d", s.number, number) }

// ImagePackages is the folder with the packages of the starter image.
func (s *Site) ImagePackages() string {
	return filepath.Join(s.root, ".cache", "image-packages")
}

// checkout returns the root of the source tree that the test runs in.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("the test does not run in a checkout")
}

// run executes a command of the system, which has to succeed.
func (s *Site) run(args ...string) {
	s.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		s.t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Dev runs a data center of one manager and three hosts for somebody who works on Hanok: machines of test/netns with real agents
// and real guests. When a source changes it builds; what can't be built changes nothing, and else the manager is replaced first
// and then host after host, below guests that run on: the way of an upgrade. `make dev` calls it. It tests nothing by itself.
//
// Nothing of it reaches the network: it goes into namespaces of its own, and takes one socket along, which listens on the loopback
// address outside and whose connections it hands to the manager.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"hanok/internal/testhost"
)

func main() {
	data := flag.String("data", ".dev", "the folder of the machines' disks, which stays")
	port := flag.Int("port", 8443, "the port on 127.0.0.1 that leads to the manager")
	inside := flag.Bool("inside", false, "run in the namespaces; it is what dev starts itself with")
	flag.Parse()
	dir, err := filepath.Abs(*data)
	switch {
	case err != nil:
	case *inside:
		err = work(dir, *port)
	default:
		err = enter(dir, *port)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// namespaces is what the first process in them does. It is a shell, since that one has to reap what others leave; when it
// ends, all that runs there does.
const namespaces = `
set -eu
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs /run
ip link set lo up
status=0
"$@" || status=$?
exit "$status"
`

// enter runs this program again in namespaces of its own, with a socket that listens outside of them as its first extra file.
func enter(dir string, port int) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("it makes network namespaces, which takes root: call it by make dev")
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("%w: choose another one with make dev PORT=NUMBER", err)
	}
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the kernel counts the end of this thread as the end of the parent
	cmd := exec.Command("unshare", "--fork", "--pid", "--kill-child", "--mount", "--net", "bash", "-c", namespaces, "bash",
		self, "-inside", "-data", dir, "-port", fmt.Sprint(port))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), testhost.Variable+"=1")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{socket}
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // Ctrl-C is for the program inside, which gets it too
	return cmd.Run()
}

// work runs the data center until it is interrupted.
func work(dir string, port int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := newCenter(dir, port)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		fmt.Println("\ndev: stopped; the next make dev finds everything but the running guests, which it boots again")
		return nil
	}
}

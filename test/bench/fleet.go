package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"hanok/api/hanok/v1"
	"hanok/test/client"
)

// fleetSize says how large a data center of simulated hosts is measured, and with what.
type fleetSize struct {
	program, scratch string
	// machines are those of each host.
	hosts, machines int
}

// figure is one thing that was measured. most is its bound, in the same unit.
type figure struct {
	what       string
	took, most float64
	unit       string
}

// measureFleet measures a data center of 1,000 machines, and one of many hosts.
func measureFleet(ctx context.Context, size fleetSize) error {
	if size.hosts == 0 {
		return nil
	}
	work, err := os.MkdirTemp(size.scratch, "hanok-fleet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	small, err := measureSmall(ctx, size)
	if err != nil {
		return err
	}
	large, err := measureLarge(ctx, size, filepath.Join(work, "large"))
	if err != nil {
		return err
	}
	return printFigures(slices.Concat(small, large))
}

// simulation is a "hanok sim" that runs.
type simulation struct {
	cmd  *exec.Cmd
	addr string
}

// simulate starts one and returns when it is ready, and how long that took. data is its folder, or "" for one that goes with it.
func simulate(ctx context.Context, size fleetSize, data string, args ...string) (*simulation, time.Duration, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	args = append([]string{"sim", "-l", addr, "--data", data}, args...)
	cmd := exec.CommandContext(ctx, size.program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it says nothing before it is ready
		return nil, 0, errors.Join(fmt.Errorf("hanok %s: %w", strings.Join(args, " "), err), cmd.Wait())
	}
	took := time.Since(begin)
	go io.Copy(io.Discard, out)
	return &simulation{cmd: cmd, addr: addr}, took, nil
}

// stop ends it, and returns when it has ended.
func (s *simulation) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// freeAddress returns an address of the loopback interface that nobody listens on.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

var rssAnon = regexp.MustCompile(`RssAnon:\s*(\d+) kB`)

// memory returns the anonymous memory of the manager, in MB. Its hosts are another process.
func (s *simulation) memory() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	found := rssAnon.FindSubmatch(b)
	if found == nil {
		return 0, errors.New("the kernel does not say RssAnon")
	}
	kB, err := strconv.ParseFloat(string(found[1]), 64)
	return kB / 1024, err
}

// measureSmall measures 1,000 machines on ten hosts in a folder that goes with them.
func measureSmall(ctx context.Context, size fleetSize) ([]figure, error) {
	s, took, err := simulate(ctx, size, "", "-cluster", "2", "-host", "5", "-standalone-host", "0", "-vm", "500")
	if err != nil {
		return nil, err
	}
	memory, err := s.memory()
	return []figure{
		{"1,000 machines: hanok sim is ready", took.Seconds(), 5, "s"},
		{"1,000 machines: the manager's RssAnon", memory, 300, "MB"},
	}, errors.Join(err, s.stop())
}

// measureLarge measures a manager with many hosts.
func measureLarge(ctx context.Context, size fleetSize, data string) (all []figure, err error) {
	clusters := max(1, size.hosts/100)
	hosts := size.hosts / clusters
	s, took, err := simulate(ctx, size, data, "-cluster", fmt.Sprint(clusters), "-host", fmt.Sprint(hosts), "-standalone-host", "0", "-vm",
		fmt.Sprint(hosts*size.machines))
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%d hosts, %d machines: ", clusters*hosts, clusters*hosts*size.machines)
	all = append(all, figure{name + "hanok sim is ready", took.Seconds(), 0, "s"})
	ready, err := s.memory()
	if err == nil {
		all = append(all, figure{name + "the manager's RssAnon when it is ready", ready, 2048, "MB"})
		var more []figure
		more, err = measureClient(ctx, data, name)
		all = append(all, more...)
	}
	if err == nil {
		var after float64
		after, err = s.memory()
		all = append(all, figure{name + "RssAnon after all of that", after, 2048, "MB"})
	}
	if err := errors.Join(err, s.stop()); err != nil {
		return nil, err
	}
	start, err := measureStart(ctx, size, data)
	return append(all, figure{name + "start of the manager until a client is logged in", start, 10, "s"}), err
}

// fatal is a client's test, which ends the measurement by a panic.
type fatal struct{ ended []func() }

func (f *fatal) Helper()                   {}
func (f *fatal) Cleanup(end func())        { f.ended = append(f.ended, end) }
func (f *fatal) Fatal(args ...any)         { panic(fatalError(fmt.Sprint(args...))) }
func (f *fatal) Fatalf(s string, a ...any) { panic(fatalError(fmt.Sprintf(s, a...))) }
func (e fatalError) Error() string         { return string(e) }

type fatalError string

// logIn returns a client of the data center, and what is to be called at its end.
func logIn(data string) (c *client.Client, end func(), err error) {
	f := &fatal{}
	end = func() {
		for _, e := range f.ended {
			e()
		}
	}
	defer func() {
		if failed, ok := recover().(fatalError); ok {
			err = failed
		}
	}()
	return client.New(f, data), end, nil
}

// The numbers of turns.
const (
	listTurns   = 7
	changeTurns = 300
	createTurns = 200
)

// measureClient measures what a client sees: lists, and how soon a watcher hears of what others do.
func measureClient(ctx context.Context, data, name string) ([]figure, error) {
	c, end, err := logIn(data)
	if err != nil {
		return nil, err
	}
	defer end()
	whole, _, err := lists(ctx, c, false)
	if err != nil {
		return nil, err
	}
	summaries, machines, err := lists(ctx, c, true)
	if err != nil {
		return nil, err
	}
	w, err := watchMachines(ctx, c)
	if err != nil {
		return nil, err
	}
	defer w.end()
	changes, err := w.renames(ctx, c, machines)
	if err != nil {
		return nil, err
	}
	places, err := w.creations(ctx, c, machines[0].ResourcePoolId)
	if err != nil {
		return nil, err
	}
	syncs, err := syncs(data)
	if err != nil {
		return nil, err
	}
	return []figure{
		{name + "summaries of all machines, median", percentile(summaries, 50) / 1000, 1, "s"},
		{name + "all machines with all that is known of them, median", percentile(whole, 50) / 1000, 0, "s"},
		{name + "a change at its watcher, median", percentile(changes, 50), 0, "ms"},
		{name + "a change at its watcher, p99", percentile(changes, 99), 100, "ms"},
		{name + "a machine asked for and placed, at a watcher, median", percentile(places, 50), 0, "ms"},
		{name + "a machine asked for and placed, at a watcher, p99", percentile(places, 99), 0, "ms"},
		{name + "as many syncs of the disk alone as that has, median", percentile(syncs, 50), 0, "ms"},
		{name + "as many syncs of the disk alone as that has, p99", percentile(syncs, 99), 0, "ms"},
	}, nil
}

// lists returns how long lists of all machines took, and the last one.
func lists(ctx context.Context, c *client.Client, summary bool) (took []time.Duration, last []*hanokv1.VirtualMachine, err error) {
	for range listTurns {
		begin := time.Now()
		res, err := c.Machines.ListVirtualMachines(ctx, &hanokv1.ListVirtualMachinesRequest{Summary: summary})
		if err != nil {
			return nil, nil, err
		}
		took, last = append(took, time.Since(begin)), res.VirtualMachines
	}
	return took, last, nil
}

// percentile returns one of the times, in milliseconds.
func percentile(took []time.Duration, percent int) float64 {
	slices.Sort(took)
	return float64(took[min(len(took)-1, len(took)*percent/100)].Microseconds()) / 1000
}

// watcher follows the machines.
type watcher struct {
	seen chan *hanokv1.VirtualMachine
	end  func()
}

func watchMachines(ctx context.Context, c *client.Client) (*watcher, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.Watch.Watch(ctx, &hanokv1.WatchRequest{Kinds: []string{"VirtualMachine"}})
	if err != nil {
		cancel()
		return nil, err
	}
	w := &watcher{seen: make(chan *hanokv1.VirtualMachine, 1<<16), end: cancel}
	synced := make(chan struct{})
	go func() {
		defer close(w.seen)
		for fresh := true; stream.Receive(); {
			for _, change := range stream.Msg().Changes {
				if vm := change.GetVirtualMachine(); vm != nil && !fresh {
					w.seen <- vm
				}
			}
			if fresh && stream.Msg().Revision > 0 { // the last page of what there was
				fresh = false
				close(synced)
			}
		}
	}()
	select {
	case <-synced:
		return w, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// until returns when the watcher has heard of a machine what is wanted.
func (w *watcher) until(ctx context.Context, wanted func(*hanokv1.VirtualMachine) bool) error {
	for {
		select {
		case vm, ok := <-w.seen:
			if !ok {
				return errors.New("the watch has ended")
			}
			if wanted(vm) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// renames returns how long it took from each call that gives a machine another name until the watcher had it.
func (w *watcher) renames(ctx context.Context, c *client.Client, machines []*hanokv1.VirtualMachine) ([]time.Duration, error) {
	var took []time.Duration
	for n := range changeTurns {
		vm, name := machines[n*len(machines)/changeTurns], fmt.Sprint("renamed", n)
		begin := time.Now()
		if _, err := c.Machines.RenameVirtualMachine(ctx, &hanokv1.RenameVirtualMachineRequest{VirtualMachine: vm.Id, Name: name}); err != nil {
			return nil, err
		}
		if err := w.until(ctx, func(seen *hanokv1.VirtualMachine) bool { return seen.Id == vm.Id && seen.Name == name }); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// creations returns how long it took from each call that asks for a machine until the watcher knew its host: the service's checks,
// the transaction, the task's first step with the choice of the host, and its transaction.
func (w *watcher) creations(ctx context.Context, c *client.Client, pool string) ([]time.Duration, error) {
	var took []time.Duration
	for n := range createTurns {
		name := fmt.Sprint("placed", n)
		begin := time.Now()
		if _, err := c.Machines.CreateVirtualMachine(ctx, &hanokv1.CreateVirtualMachineRequest{Name: name, ResourcePool: pool, MemoryMb: 32,
			Disks: []*hanokv1.NewDisk{{CapacityBytes: 1 << 30}}}); err != nil {
			return nil, err
		}
		if err := w.until(ctx, func(vm *hanokv1.VirtualMachine) bool { return vm.Name == name && vm.HostId != "" }); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// placeSyncs is how many transactions a machine takes until it is placed, each of which waits for the disk.
const placeSyncs = 3

// syncs returns how long that many syncs of a file in the data folder take, one after the other, as often as machines were made.
func syncs(data string) ([]time.Duration, error) {
	f, err := os.CreateTemp(data, "sync-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	record := make([]byte, 4096) // about what etcd's log takes for a machine
	for range createTurns {
		begin := time.Now()
		for range placeSyncs {
			if _, err := f.Write(record); err != nil {
				return nil, err
			}
			if err := syscall.Fdatasync(int(f.Fd())); err != nil {
				return nil, err
			}
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// measureStart returns how many seconds a manager needs on the store of a data folder until a client is logged in.
func measureStart(ctx context.Context, size fleetSize, data string) (float64, error) {
	addr, err := freeAddress()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, size.program, "sim", "-l", addr, "--data", data)
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	}()
	for ctx.Err() == nil {
		first, err := client.FirstLogin(data)
		if err == nil && strings.HasSuffix(first.URL, addr) {
			if _, end, err := logIn(data); err == nil {
				end()
				return time.Since(begin).Seconds(), nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, ctx.Err()
}

// printFigures prints the table, and fails where a bound is not kept.
func printFigures(all []figure) error {
	fmt.Println()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(table, "| what\t| measured\t| at most\t|")
	fmt.Fprintln(table, "| ---\t| ---\t| ---\t|")
	var err error
	for _, f := range all {
		bound := "-"
		if f.most > 0 {
			bound = fmt.Sprintf("%g %s", f.most, f.unit)
			if f.took > f.most {
				err = errors.Join(err, fmt.Errorf("%s: %.1f %s, at most %g", f.what, f.took, f.unit, f.most))
			}
		}
		fmt.Fprintf(table, "| %s\t| %.1f %s\t| %s\t|\n", f.what, f.took, f.unit, bound)
	}
	return errors.Join(err, table.Flush())
}

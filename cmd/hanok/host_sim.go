package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"hanok/agent"
	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/host/inspect"
	"hanok/host/sim"
)

// simFlags are what `hanok host sim` is told.
type simFlags struct {
	cluster, datacenter, prefix string
	options                     sim.Options
}

func (a *app) hostSimCommand() *cobra.Command {
	var f simFlags
	cmd := a.client(command{use: "sim COUNT", short: "Run simulated hosts, which execute nothing, until interrupted", args: cobra.ExactArgs(1),
		long: `Run simulated hosts in this process until interrupted. Each joins the data center by the same protocol as a real one and has a
datastore; the machines on it exist in memory only and are gone with the process. It is for demonstrations, for trying
automation out and for measuring the manager.

Commands on standard input make things go wrong:

  crash VM       the process of a machine dies
  restart VM     the guest of a machine restarts itself
  hang VM        a guest does nothing any more of what it is asked
  fill HOST      the datastore of a host is full
  free HOST      and has space again
  stop HOST      a host's agent ends
  start HOST     and comes back
  reboot HOST    a host loses its power and comes back`,
		do: func(ctx context.Context, c *client, args []string) error {
			count, err := strconv.Atoi(args[0])
			if err != nil || count < 1 || count > 10_000 {
				return dc.Errorf(dc.Invalid, "%q is no number of hosts from 1 to 10000", args[0])
			}
			return a.simulate(ctx, c, count, f)
		}})
	flags := cmd.Flags()
	flags.StringVar(&f.cluster, "cluster", "", "the cluster of the hosts (default: the only one)")
	a.datacenterFlag(cmd, &f.datacenter)
	flags.StringVar(&f.prefix, "prefix", "sim-", "what the names of the hosts begin with")
	flags.DurationVar(&f.options.Copy, "copy-time", 0, "how long making a machine's files takes")
	flags.DurationVar(&f.options.Start, "start-time", 0, "how long a power-on takes")
	flags.DurationVar(&f.options.Boot, "boot-time", 0, "how long a guest takes until its agent answers")
	flags.DurationVar(&f.options.Stop, "stop-time", 0, "how long a power-off takes")
	flags.DurationVar(&f.options.Suspend, "suspend-time", 0, "how long suspending takes")
	flags.DurationVar(&f.options.Shutdown, "shutdown-time", 0, "how long a guest takes to shut down")
	a.completeFlag(cmd, "cluster", clusterNames)
	return cmd
}

// fleet is the simulated hosts of this process.
type fleet struct {
	a *app
	c *client // nil where nobody gives commands
	// manager is the manager's URL, and dir the folder of the hosts' own folders.
	manager, dir string
	log          *slog.Logger

	mu    sync.Mutex
	hosts map[string]*simHost
}

// simHost is one of them.
type simHost struct {
	world   *sim.World
	records *sim.Records
	// stop ends its agent and waits for that; nil while none runs.
	stop func()
}

// simulate runs count hosts until ctx ends.
func (a *app) simulate(ctx context.Context, c *client, count int, f simFlags) error {
	dir, err := os.MkdirTemp("", "hanok-sim-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if f.cluster == "" {
		if f.cluster, err = onlyCluster(ctx, c); err != nil {
			return err
		}
	}
	fl := &fleet{a: a, c: c, manager: c.server, dir: dir, log: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		hosts: map[string]*simHost{}}
	defer fl.close()
	digits := len(strconv.Itoa(count))
	for n := range count {
		name := fmt.Sprintf("%s%0*d", f.prefix, digits, n+1)
		if err := fl.add(ctx, name, f); err != nil {
			return fmt.Errorf("%s: %w", name, c.explain(err))
		}
	}
	fmt.Fprintf(a.stdout, "ready %d hosts\n", count)
	go fl.obey(ctx)
	<-ctx.Done()
	return nil
}

// add lets a host join, and gives it a datastore.
func (fl *fleet) add(ctx context.Context, name string, f simFlags) error {
	token, err := fl.c.hosts.CreateJoinToken(ctx, &hanokv1.CreateJoinTokenRequest{Cluster: f.cluster})
	if err != nil {
		return err
	}
	h := &simHost{world: sim.NewWorld(f.options), records: &sim.Records{}}
	fl.mu.Lock()
	fl.hosts[name] = h
	fl.mu.Unlock()
	id, err := fl.start(ctx, name, h, token.Token)
	if err != nil {
		return err
	}
	_, err = fl.c.datastores.CreateDatastore(ctx, &hanokv1.CreateDatastoreRequest{Datacenter: f.datacenter, Name: name + "-datastore",
		Host: string(id), Path: simPath})
	return err
}

// simPath is where each simulated host has its datastore.
const simPath = "/datastore1"

// start starts a host's agent and waits until it is connected.
func (fl *fleet) start(ctx context.Context, name string, h *simHost, token string) (dc.HostID, error) {
	drivers := h.world.Open()
	connected := make(chan dc.HostID, 1)
	facts := h.world.Facts()
	facts.Version = version
	agent, err := agent.New(agent.Config{
		Dir: filepath.Join(fl.dir, name), Manager: fl.manager, Token: token, Name: name, Facts: facts, Records: h.records,
		Hypervisor: drivers, Storage: drivers, Network: drivers, Meter: drivers, Inspector: inspect.Simulated{}, Log: fl.log,
		Connected: func(id dc.HostID) {
			select {
			case connected <- id:
			default: // somebody knows already
			}
		},
	})
	if err != nil {
		drivers.Close()
		return "", err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(running) }()
	select {
	case id := <-connected:
		h.stop = func() {
			drivers.Close() // what is in progress has no effect any more
			cancel()
			<-ended
		}
		return id, nil
	case err = <-ended:
	case <-ctx.Done():
		drivers.Close()
		cancel()
		<-ended
		return "", ctx.Err()
	}
	cancel()
	drivers.Close()
	return "", err
}

// close ends all agents.
func (fl *fleet) close() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for _, h := range fl.hosts {
		if h.stop != nil {
			h.stop()
			h.stop = nil
		}
	}
}

// obey carries out the commands on standard input.
func (fl *fleet) obey(ctx context.Context) {
	for lines := bufio.NewScanner(fl.a.stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		answer := "done"
		if err := fl.fail(ctx, words); err != nil {
			answer = err.Error()
		}
		fmt.Fprintf(fl.a.stdout, "%s: %s\n", lines.Text(), answer)
	}
}

// fail lets something go wrong, or right again.
func (fl *fleet) fail(ctx context.Context, words []string) error {
	if len(words) != 2 {
		return errors.New("a command has two words; see --help")
	}
	verb, name := words[0], words[1]
	if verb == "crash" || verb == "hang" || verb == "restart" {
		return fl.failMachine(ctx, verb, name)
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	h := fl.hosts[name]
	if h == nil {
		return fmt.Errorf("there is no host %q here", name)
	}
	switch verb {
	case "fill":
		h.world.Fill(simPath)
	case "free":
		h.world.Free(simPath)
	case "stop", "reboot":
		if h.stop == nil {
			return errors.New("it is stopped already")
		}
		h.stop()
		h.stop = nil
		if verb == "stop" {
			return nil
		}
		h.world.Reboot()
		_, err := fl.start(ctx, name, h, "")
		return err
	case "start":
		if h.stop != nil {
			return errors.New("it runs already")
		}
		_, err := fl.start(ctx, name, h, "")
		return err
	default:
		return fmt.Errorf("no command %q; see --help", verb)
	}
	return nil
}

func (fl *fleet) failMachine(ctx context.Context, verb, name string) error {
	res, err := fl.c.machines.GetVirtualMachine(ctx, &hanokv1.GetVirtualMachineRequest{VirtualMachine: name})
	if err != nil {
		return fl.c.explain(err)
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	h := fl.hosts[res.VirtualMachine.Host]
	if h == nil {
		return errors.New("it is on no host of this process")
	}
	id := dc.VirtualMachineID(res.VirtualMachine.Id)
	switch verb {
	case "crash":
		h.world.Crash(id, "killed on "+time.Now().UTC().Format(time.RFC3339))
	case "restart":
		h.world.RestartGuest(id)
	default:
		h.world.Hang(id)
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"hanok/dc"
	"hanok/host/sim"
	"hanok/internal/random"
	"hanok/manager"
	"hanok/manager/store"
)

// simCenterFlags are what `hanok sim` is told.
type simCenterFlags struct {
	model              simModel
	listen             string
	username, password string
	// temporary is whether the data folder goes with the process.
	temporary bool
}

func (a *app) simCommand() *cobra.Command {
	var f simCenterFlags
	cmd := &cobra.Command{Use: "sim", Short: "Start a whole data center on simulated hosts, for trying automation out", Args: cobra.NoArgs,
		Long: `Start a whole data center on simulated hosts, for trying automation out.

The manager is the real one, with its store; its hosts and their machines are simulated, execute nothing, and are behind the same
protocol as real hosts. The flags, the names and the defaults are those of govmomi's vcsim, and may be written with one dash as
there: hanok sim -dc 2 -vm 10. When it is ready it prints how to reach it, for the shell's eval:

  export GOVC_URL=https://USER:PASSWORD@ADDR:PORT/sdk GOVC_SIM_PID=PID
  export HANOK_SERVER=... HANOK_CA=... HANOK_USERNAME=... HANOK_PASSWORD=...

Without --data all of it is gone at the end (Ctrl-C). With it, the next start finds what there was, and the model flags count for
the first start only. "hanok host sim" adds simulated hosts to a data center that runs.`,
		Annotations: map[string]string{singleDash: "yes"}}
	flags := cmd.Flags()
	flags.SortFlags = false
	m := &f.model
	flags.IntVar(&m.datacenters, "dc", 1, "number of data centers")
	flags.IntVar(&m.clusters, "cluster", 1, "number of clusters in each data center")
	flags.IntVar(&m.hosts, "host", 3, "number of hosts in each cluster")
	flags.IntVar(&m.standalone, "standalone-host", 1, "number of hosts in each data center that are in no cluster")
	flags.IntVar(&m.machines, "vm", 2, "number of virtual machines in each resource pool")
	flags.IntVar(&m.datastores, "ds", 1, "number of datastores in each data center, on all of its hosts")
	flags.IntVar(&m.portGroups, "pg", 1, "number of port groups in each data center, besides \"VM Network\"")
	flags.IntVar(&m.folders, "folder", 0, "number of data centers that are in a folder, with a folder in each of theirs")
	flags.IntVar(&m.pools, "pool", 0, "number of resource pools in each cluster, besides its own")
	flags.IntVar(&m.apps, "app", 0, "number of vApps in each cluster (none yet)")
	flags.IntVar(&m.pods, "pod", 0, "number of datastore clusters in each data center (none yet)")
	flags.BoolVar(&m.autostart, "autostart", true, "power the virtual machines on")
	flags.StringVarP(&f.listen, "listen", "l", "127.0.0.1:8989", "where to serve, ADDR:PORT; port 0 chooses a free one")
	flags.StringVar(&f.username, "username", "user", "the user that may do everything")
	flags.StringVar(&f.password, "password", "", "its password, of 8 characters or more (default: a new one)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a.started = true
		return a.sim(cmd.Context(), f)
	}
	return cmd
}

// singleDash marks commands whose long flags may have one dash.
const singleDash = "single-dash"

// doubled gives the second dash to the long flags of a command that takes them with one.
func doubled(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd.Annotations[singleDash] == "" {
		return args
	}
	out := slices.Clone(args)
	for i, arg := range out {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && len(name) > 1 && cmd.Flag(name) != nil {
			out[i] = "-" + arg
		}
		if arg == "--" {
			break
		}
	}
	return out
}

// sim runs a simulated data center until ctx ends.
func (a *app) sim(ctx context.Context, f simCenterFlags) (err error) {
	if err := f.model.check(); err != nil {
		return err
	}
	f.temporary = a.data == ""
	if f.temporary {
		if a.data, err = os.MkdirTemp("", "hanok-sim-"); err != nil {
			return err
		}
	}
	data, err := prepareData(a.data)
	if err != nil {
		return err
	}
	defer data.close()
	if f.temporary {
		defer func() { err = errors.Join(err, data.remove(), os.Remove(data.path)) }()
	}
	if fileExists(data.file("agent")) || data.marker.Manager != "" || data.marker.Settled && !fileExists(data.file("sim")) {
		return wrongRole(data.path, "it has real hosts", "choose one of a simulation")
	}
	return a.runSim(ctx, data, f)
}

// runSim is runCenter for simulated hosts, which are a process of their own: what they need is not counted as the manager's, and
// they talk to it as any host does.
func (a *app) runSim(ctx context.Context, data *dataFolder, f simCenterFlags) (err error) {
	log, closeLog := data.openLog()
	defer closeLog()
	say := &stages{out: a.stderr}
	say.stage("opening the store in %s", data.path)
	st, err := store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: data.file("manager", "store"), Unsynced: f.temporary, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	m, err := newManager(ctx, data, st, true, log)
	if err != nil {
		return err
	}
	s, err := serve(data, m, f.listen, nil, log)
	if err != nil {
		return err
	}
	user, err := simLogin(ctx, data, m, s.url, f)
	if err != nil {
		s.stop()
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	part := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				fail(err)
			}
		})
	}
	defer func() {
		fail(nil)
		s.stop()
		parts.Wait()
	}()
	part(func(ctx context.Context) error { return watchStore(ctx, st) })
	part(s.run)
	part(m.Run)
	c := &simCenter{Manager: m, model: f.model}
	if err := a.settleSim(ctx, say, data, c, s.local, part); err != nil {
		return ended(ctx, err)
	}
	say.stage("ready")
	a.printSim(data, s.url, user)
	<-ctx.Done()
	return ended(ctx, nil)
}

// simLogin makes the user of a new simulation, or returns the login of one that there was.
func simLogin(ctx context.Context, data *dataFolder, m *manager.Manager, url string, f simCenterFlags) (login, error) {
	user := login{User: f.username, Password: f.password}
	if user.Password == "" {
		user.Password = random.Password()
	}
	if hasUsers(m.Store.View()) {
		if err := readJSON(data.file("first-login.json"), &user); err != nil {
			return user, err
		}
	} else if _, err := m.Access.Bootstrap(ctx, user.User, user.Password); err != nil {
		return user, err
	}
	user.URL = url
	return user, writeLogin(data, "first-login.json", user)
}

// settleSim starts the hosts, and makes the inventory of a new simulation.
func (a *app) settleSim(ctx context.Context, say *stages, data *dataFolder, c *simCenter, url string, part func(func(context.Context) error)) error {
	var plans []simHostPlan
	fresh := !data.marker.Settled
	if fresh {
		for range store.List[*dc.Datacenter](c.Store.View()) {
			return badData(data.path, "an earlier start on it was cut off")
		}
		say.stage("making the inventory")
		if err := c.build(ctx); err != nil {
			return err
		}
		var err error
		if plans, err = c.plan(ctx); err != nil {
			return err
		}
	} else {
		for h := range store.List[*dc.Host](c.Store.View()) {
			plans = append(plans, simHostPlan{Name: h.Name})
		}
	}
	say.stage("starting %d simulated hosts", len(plans))
	if err := a.startSimHosts(data, url, plans, fresh, part); err != nil {
		return err
	}
	if err := c.awaitHosts(ctx, len(plans)); err != nil {
		return err
	}
	if fresh {
		say.stage("making the virtual machines")
		if err := c.populate(ctx); err != nil {
			return err
		}
	}
	if err := c.awaitMachines(ctx, 0); err != nil || !fresh {
		return err
	}
	data.marker.Settled = true
	return writeMarker(data.path, data.marker)
}

// startSimHosts starts the process of the simulated hosts.
func (a *app) startSimHosts(data *dataFolder, url string, plans []simHostPlan, fresh bool, part func(func(context.Context) error)) error {
	args := []string{"sim-hosts", "--manager", url, "--dir", data.file("sim")}
	if !fresh {
		args = append(args, "--kept")
	}
	var env []string
	if a.child != nil {
		env = a.child(args)
	}
	hosts, err := sim.Start(args, env, a.stderr, a.stderr)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- hosts.Wait() }()
	part(func(ctx context.Context) error {
		select {
		case err := <-ended:
			return dc.Errorf(dc.Unavailable, "the simulated hosts have ended: %v", err)
		case <-ctx.Done():
			return errors.Join(hosts.Stop(), <-ended)
		}
	})
	return json.NewEncoder(hosts).Encode(plans)
}

// printSim prints how to reach the data center.
func (a *app) printSim(data *dataFolder, server string, user login) {
	u, err := url.Parse(server)
	if err != nil {
		u = &url.URL{Scheme: "https", Host: server}
	}
	u.User, u.Path = url.UserPassword(user.User, user.Password), "/sdk"
	fmt.Fprintf(a.stdout, "export GOVC_URL=%s GOVC_SIM_PID=%d\n", u, os.Getpid())
	fmt.Fprintf(a.stdout, "export HANOK_SERVER=%s HANOK_CA=%s HANOK_USERNAME=%s HANOK_PASSWORD=%s\n", server, shellQuoted(data.file("ca.pem")),
		shellQuoted(user.User), shellQuoted(user.Password))
}

// shellQuoted returns s as one word of a POSIX shell.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

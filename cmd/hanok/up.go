package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hanok/dc"
	"hanok/manager"
	"hanok/manager/store"
)

// upFlags are what `hanok up` and `hanok manager run` are told.
type upFlags struct {
	listen string
	// names are what others reach this machine by, besides the addresses that it knows itself.
	names         []string
	imagePackages string
	etcd          etcdSettings
	// host is whether this machine is a host of its data center, hello whether a new data center gets a first machine.
	host, hello bool
	// hostName is this machine's name as a host, or "" for its own.
	hostName string
}

func (f *upFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.listen, "listen", ":443", "where to serve, ADDR:PORT; port 0 chooses a free one")
	flags.StringSliceVar(&f.names, "name", nil, "a name or address that others reach this machine by (DNS, NAT), for its certificate; may be given several times")
	flags.StringVar(&f.imagePackages, "image-packages", ".cache/image-packages", "the packages that the starter image is made of")
	f.etcd.addFlags(flags)
}

func (a *app) upCommand() *cobra.Command {
	f := upFlags{host: true}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a data center: manager, store and this host's agent in one process",
		Long: `Start a data center: manager, store and this host's agent in one process.

At the first start it makes the inventory (a data center, a cluster, this host, a local datastore, a port group), the
starter image and a virtual machine "hello". Later starts find what there is. Ctrl-C stops the service and leaves virtual
machines running.`,
		Args: cobra.NoArgs,
	}
	f.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&f.hostName, "host-name", "", "at the first start: the name of this machine as a host (default: its own); "+
		"that of a host that is gone lets it take that one's place")
	cmd.Flags().BoolVar(&f.hello, "hello", true, "have a first virtual machine, \"hello\"")
	cmd.RunE = a.service(func(ctx context.Context) error { return a.up(ctx, f) })
	return cmd
}

func (a *app) managerCommands() *cobra.Command {
	var f upFlags
	run := &cobra.Command{
		Use:   "run",
		Short: "Run the manager of a data center, without a host on this machine",
		Long: `Run the manager of a data center, without a host on this machine.

It is the same as "hanok up" but for the host: others join with a token ("hanok host token").`,
		Args: cobra.NoArgs,
	}
	f.addFlags(run.Flags())
	run.RunE = a.service(func(ctx context.Context) error { return a.up(ctx, f) })
	return group("manager", "The manager of a data center", run)
}

// service returns what a command does that runs until it is interrupted, on the machine's usual data folder if no other is
// named.
func (a *app) service(run func(context.Context) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		a.started = true
		if a.data == "" {
			a.data = "/var/lib/hanok"
		}
		return run(cmd.Context())
	}
}

// up runs a data center until ctx ends, and says so when all of it has stopped.
func (a *app) up(ctx context.Context, f upFlags) error {
	if err := a.runCenter(ctx, f); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "\nstopped; virtual machines run on, and the next start finds them")
	return nil
}

// runCenter runs a data center until ctx ends, and then returns nil, or until one of its parts fails.
func (a *app) runCenter(ctx context.Context, f upFlags) (err error) {
	say := &stages{out: a.stdout}
	data, err := prepareData(a.data)
	if err != nil {
		return err
	}
	defer data.close()
	if data.marker.Manager != "" {
		return wrongRole(data.path, "it is a host's of the data center at "+data.marker.Manager, "start it with \"hanok host run\"")
	}
	if data.marker.Restoring != "" {
		return errUnfinished(data.path)
	}
	log, closeLog := data.openLog()
	defer closeLog()

	st, err := openStore(ctx, say, data, f.etcd, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	m, err := newManager(ctx, data, st, false, log)
	if err != nil {
		return err
	}
	s, err := serve(data, m, f.listen, f.names, log)
	if err != nil {
		return err
	}
	first, err := a.firstLogin(ctx, data, m, s.url)
	if err != nil {
		s.stop()
		return err
	}

	// From here on everything runs until ctx ends or one part fails; then all of it stops, in the order that it was started
	// in, backwards.
	ctx, fail := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	part := func(name string, run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				log.Error("stopping", "part", name, "err", err)
				fail(err)
			}
		})
	}
	defer func() {
		fail(nil)
		s.stop()
		parts.Wait()
	}()
	part("store", func(ctx context.Context) error { return watchStore(ctx, st) })
	part("server", s.run)
	part("manager", m.Run)
	part("first login", func(ctx context.Context) error { return forgetFirstLogin(ctx, data, st) })

	joined := make(chan dc.HostID, 1)
	if f.host {
		say.stage("starting this host's agent")
		token, err := joinToken(ctx, data, m, f.hostName)
		if err != nil {
			return ended(ctx, err)
		}
		config := hostConfig{manager: s.local, token: token, name: f.hostName, say: say, connected: func(id dc.HostID) {
			select {
			case joined <- id:
			default: // it is known already
			}
		}}
		host, err := startHost(data, config, log, part)
		if err != nil {
			return ended(ctx, err)
		}
		defer func() {
			fail(nil)
			host.close()
		}()
	}
	if err := settle(ctx, say, data, m, f, joined); err != nil {
		return ended(ctx, err)
	}
	a.welcome(say, data, m, s.url, first, f)
	<-ctx.Done()
	return ended(ctx, nil)
}

// garbage is how much memory may be taken beyond what is in use before garbage is collected, in percent of that (GOGC). Most of a
// manager's memory is the inventory, which stays: with Go's 100 percent a large one would take twice its size.
const garbage = 50

// newManager returns the manager of a data folder. A bare one begins without a first data center. Whoever has set GOGC is heeded.
func newManager(ctx context.Context, data *dataFolder, st *store.Store, bare bool, log *slog.Logger) (*manager.Manager, error) {
	if before := debug.SetGCPercent(garbage); before != 100 {
		debug.SetGCPercent(before)
	}
	return manager.New(ctx, manager.Config{Store: st, Images: data.file("manager", "images"), Statistics: data.file("manager", "statistics.db"),
		Audit: data.file("manager", "audit"), Bare: bare, Version: version, Log: log})
}

// ended returns why ctx ended if it did, since err is then only what followed.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// stages prints what the start is doing.
type stages struct {
	out   interface{ Write([]byte) (int, error) }
	start time.Time
}

func (s *stages) stage(format string, args ...any) {
	if s.start.IsZero() {
		s.start = time.Now()
	}
	fmt.Fprintf(s.out, "[%5.1f s] %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// welcome prints where everything is. The last line is for scripts.
func (a *app) welcome(say *stages, data *dataFolder, m *manager.Manager, url string, first login, f upFlags) {
	say.stage("ready")
	for h := range store.List[*dc.Host](m.Store.View()) {
		y := h.Status.Hypervisor
		fmt.Fprintf(a.stdout, "\n%s runs guests with %s %s, %s: %s\n", dc.Describe(dc.KindHost, h.Name), y.Name, y.Version, y.Accelerator, y.Reason)
		if y.Accelerator == dc.TCG {
			fmt.Fprintln(a.stdout, "LABS ONLY: emulation in software is slow and isolates nothing.")
		}
	}
	fmt.Fprintf(a.stdout, "\n  URL        %s\n  user       %s\n", url, firstUser)
	if fileExists(data.file("first-login.json")) {
		fmt.Fprintf(a.stdout, "  password   %s   (until you change it: hanok user password %s --password-stdin)\n", first.Password, firstUser)
	}
	hanok := strings.Join([]string{"bin/hanok", "--data", data.path}, " ")
	if exe, err := filepath.Abs("bin/hanok"); err != nil || !fileExists(exe) {
		hanok = "hanok --data " + data.path
	}
	next := []string{"vm list", "vm console hello      (root, password hanok; Ctrl-] leaves)", "doctor"}
	if !f.host {
		next = []string{"host token      (lets a machine join)", "host list", "doctor"}
	}
	fmt.Fprintln(a.stdout, "\nnext:")
	for _, command := range next {
		fmt.Fprintf(a.stdout, "  %s %s\n", hanok, command)
	}
	fmt.Fprintf(a.stdout, "\nready %s\n", url)
}

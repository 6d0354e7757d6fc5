package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/natefinch/lumberjack.v2"

	"hanok/dc"
	"hanok/manager"
	"hanok/manager/store"
)

// upFlags are what `hanok up` is told.
type upFlags struct {
	listen        string
	imagePackages string
	hello         bool
	etcd          etcdSettings
}

func (a *app) upCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a data center: manager, store and this host's agent in one process",
		Long: `Start a data center: manager, store and this host's agent in one process.

At the first start it makes the inventory (a data center, a cluster, this host, a local datastore, a port group), the
starter image and a virtual machine "hello". Later starts find what there is. Ctrl-C stops the service and leaves virtual
machines running.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&f.listen, "listen", ":443", "where to serve, ADDR:PORT; port 0 chooses a free one")
	cmd.Flags().StringVar(&f.imagePackages, "image-packages", ".cache/image-packages", "the packages that the starter image is made of")
	cmd.Flags().BoolVar(&f.hello, "hello", true, "have a first virtual machine, \"hello\"")
	f.etcd.addFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.started = true
		if a.data == "" {
			a.data = "/var/lib/hanok"
		}
		return a.up(cmd.Context(), f)
	}
	return cmd
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
	logs := &lumberjack.Logger{Filename: data.file("hanok.log"), MaxSize: 10, MaxBackups: 3}
	defer logs.Close()
	log := slog.New(slog.NewTextHandler(logs, nil))
	log.Info("starting", "version", version)

	st, err := openStore(ctx, say, data, f.etcd, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	m, err := manager.New(ctx, manager.Config{Store: st, Images: data.file("manager", "images"), Log: log})
	if err != nil {
		return err
	}
	s, err := serve(data, m, f.listen, log)
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

	say.stage("starting this host's agent")
	host, err := startHost(ctx, data, m, s.local, log, part)
	if err != nil {
		return ended(ctx, err)
	}
	defer func() {
		fail(nil)
		host.close()
	}()
	if err := settle(ctx, say, data, m, host, f); err != nil {
		return ended(ctx, err)
	}
	a.welcome(say, data, m, s.url, first)
	<-ctx.Done()
	return ended(ctx, nil)
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
func (a *app) welcome(say *stages, data *dataFolder, m *manager.Manager, url string, first login) {
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
	fmt.Fprintf(a.stdout, "\nnext:\n  %s vm list\n  %s vm console hello      (root, password hanok; Ctrl-] leaves)\n  %s doctor\n\nready %s\n", hanok, hanok, hanok, url)
}

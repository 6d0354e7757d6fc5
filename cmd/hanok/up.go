package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/natefinch/lumberjack.v2"

	"hanok/dc"
	"hanok/facade/native"
	"hanok/internal/durable"
	"hanok/internal/random"
	"hanok/manager"
	"hanok/manager/doctor"
	"hanok/manager/store"
)

// firstUser is the user that a new data center has.
const firstUser = "administrator"

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

// server is the one port that everything is served on.
type server struct {
	http *http.Server
	ln   net.Listener
	stop func()
	// url is for people, local for this host's own agent.
	url, local string
}

// serve listens. The connections wait until run.
func serve(data *dataFolder, m *manager.Manager, listen string, log *slog.Logger) (*server, error) {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, &dc.Error{Kind: dc.Unavailable, Object: "the address " + listen, Message: "can't listen there: " + errors.Unwrap(err).Error(), Err: err,
			Remedy: "choose another with LISTEN=ADDR:PORT"}
	}
	addr := ln.Addr().(*net.TCPAddr)
	names := addresses(addr)
	config, err := m.CA.ServerConfig(append(names, "localhost", "127.0.0.1", "::1"), time.Now)
	if err != nil {
		ln.Close()
		return nil, err
	}
	api := native.New(nativeBackend(nativeParts{
		store: m.Store, access: m.Access, inventory: m.Inventory, machines: m.Machines, tasks: m.Tasks, events: m.Events,
		usage: m.Hosts.Usage, system: nativeSystem{m.Doctor},
	}), log)
	agents := m.Hosts.Handler()
	mux := http.NewServeMux()
	mux.Handle("/hanok.agent.v1.AgentService/", agents)
	mux.Handle("/agent/", agents)
	mux.Handle("/", api.Handler())
	s := &server{ln: ln, http: native.NewHTTPServer(mux, config, log)}
	port := fmt.Sprint(addr.Port)
	s.url = "https://" + net.JoinHostPort(names[0], port)
	s.local = s.url
	if addr.IP.IsUnspecified() {
		s.local = "https://" + net.JoinHostPort("localhost", port)
	}
	s.stop = sync.OnceFunc(func() {
		api.Close()
		m.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			s.http.Close()
		}
		ln.Close()
	})
	if err := durable.WriteFile(data.file("ca.pem"), m.CA.PEM(), 0o644); err != nil {
		s.stop()
		return nil, dataError(data.path, err)
	}
	if err := writeLogin(data, "server.json", login{URL: s.url}); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// run serves until stop.
func (s *server) run(context.Context) error {
	if err := s.http.ServeTLS(s.ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// addresses returns the names that people reach addr by, the best first.
func addresses(addr *net.TCPAddr) []string {
	if !addr.IP.IsUnspecified() {
		return []string{addr.IP.String()}
	}
	var names []string
	all, _ := net.InterfaceAddrs() // without them there is still the loopback address
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	return append(names, "127.0.0.1")
}

// firstLogin makes the first user of a new data center and writes its login for the administrator, before the user exists: a
// crash in between leaves a password that is taken up at the next start, not a user whose password nobody knows.
func (a *app) firstLogin(ctx context.Context, data *dataFolder, m *manager.Manager, url string) (login, error) {
	path := data.file("first-login.json")
	first := login{User: firstUser, Password: random.Password()}
	if err := readJSON(path, &first); err == nil && first.URL == url && hasUsers(m.Store.View()) {
		return first, nil
	}
	first.URL = url
	if !hasUsers(m.Store.View()) || fileExists(path) {
		if err := writeLogin(data, "first-login.json", first); err != nil {
			return login{}, err
		}
	}
	if hasUsers(m.Store.View()) {
		return first, nil
	}
	_, err := m.Access.Bootstrap(ctx, first.User, first.Password)
	return first, err
}

func hasUsers(v *store.View) bool {
	for range store.List[*dc.User](v) {
		return true
	}
	return false
}

// forgetFirstLogin removes first-login.json when its password is no longer the user's.
func forgetFirstLogin(ctx context.Context, data *dataFolder, st *store.Store) error {
	for {
		v := st.View()
		initial := false
		for u := range store.List[*dc.User](v) {
			initial = initial || u.Initial
		}
		if !initial {
			return durable.Remove(data.file("first-login.json"))
		}
		if err := st.Wait(ctx, v.Revision()); err != nil {
			return err
		}
	}
}

func writeLogin(data *dataFolder, name string, l login) error {
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(data.file(name), append(b, '\n'), 0o600); err != nil {
		return dataError(data.path, err)
	}
	return nil
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

// nativeSystem is what the native facade asks about the installation.
type nativeSystem struct{ doctor *doctor.Service }

func (nativeSystem) Version() string { return version }

func (s nativeSystem) Doctor(ctx context.Context, by dc.Caller) ([]native.Check, error) {
	checks, err := s.doctor.Examine(ctx, by)
	out := make([]native.Check, len(checks))
	for i, c := range checks {
		out[i] = native.Check{Name: c.Name, Status: native.CheckStatus(c.Status), Message: c.Message, Remedy: c.Remedy}
	}
	return out, err
}

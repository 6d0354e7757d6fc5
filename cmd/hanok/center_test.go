package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hanok/agent"
	"hanok/api/convert"
	"hanok/dc"
	"hanok/host/inspect"
	"hanok/host/sim"
	"hanok/manager"
	"hanok/manager/store"
)

// center is a whole data center in this process: the manager over a store in memory, the server on the loopback address
// with the data center's own TLS, and an agent with a simulated host.
type center struct {
	manager *manager.Manager
	world   *sim.World
	// data is a folder for --data.
	data  string
	url   string
	first login
	// token is of a session of the first user.
	token string
	// stop ends all of it, and waits until it has ended. It may be called twice.
	stop func()
}

// startCenter starts a data center with the host "alpha", the datastore "datastore1" and the image "starter". It ends with
// the test.
func startCenter(t testing.TB, options sim.Options) *center {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.NewTextHandler(testWriter(t), nil))
	data := &dataFolder{path: t.TempDir()}
	c := &center{data: data.path, world: sim.NewWorld(options)}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	const content = "what a disk starts as"
	sum := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(sum[:])
	images := data.file("manager", "images")
	check(os.MkdirAll(images, 0o700))
	check(os.WriteFile(filepath.Join(images, digest), []byte(content), 0o600))

	st := store.OpenMemory()
	m, err := manager.New(ctx, manager.Config{Store: st, Images: images, Statistics: filepath.Join(t.TempDir(), "statistics.db"), Audit: t.TempDir(), Log: log})
	check(err)
	c.manager = m
	s, err := serve(data, m, "127.0.0.1:0", []string{"center.example"}, log)
	check(err)
	c.url = s.url
	c.first, err = new(app).firstLogin(ctx, data, m, s.url)
	check(err)
	c.token, _, err = m.Access.Login(ctx, "192.0.2.1", c.first.User, c.first.Password)
	check(err)

	var parts sync.WaitGroup
	part := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("a part of the data center ended: %v", err)
			}
		})
	}
	part(s.run)
	part(m.Run)
	part(func(ctx context.Context) error { return forgetFirstLogin(ctx, data, st) })
	clusters, err := m.Inventory.Clusters(dc.System)
	check(err)
	token, _, err := m.Agents.CreateJoinToken(ctx, dc.System, clusters[0].ID)
	check(err)
	drivers := c.world.Open()
	a, err := agent.New(agent.Config{
		Dir: data.file("agent"), Manager: s.url, Token: token, Name: "alpha", Facts: c.world.Facts(),
		Hypervisor: drivers, Storage: drivers, Files: sim.Files{Root: t.TempDir()}, Network: drivers, Meter: drivers, Inspector: inspect.Simulated{}, Log: log,
	})
	check(err)
	part(a.Run)
	c.stop = sync.OnceFunc(func() {
		cancel()
		s.stop()
		drivers.Close() // before the agent has stopped, which waits for a start in progress
		parts.Wait()
		st.Close()
	})
	t.Cleanup(c.stop)

	host, err := await(ctx, st, func(v *store.View) (*dc.Host, error) {
		for h := range store.List[*dc.Host](v) {
			if h.Status.Connection == dc.Connected {
				return h, nil
			}
		}
		return nil, nil
	})
	check(err)
	datacenters, err := m.Inventory.Datacenters(dc.System)
	check(err)
	ds, err := m.Inventory.CreateDatastore(ctx, dc.System, datacenters[0].ID, "datastore1", dc.DatastoreSpec{Type: dc.LocalDatastore, Host: host.ID, Path: "/datastore1"})
	check(err)
	_, err = await(ctx, st, func(v *store.View) (*dc.Datastore, error) {
		if ds, err := store.Get[*dc.Datastore](v, dc.ID(ds.ID)); err != nil || ds.Status.Accessible {
			return ds, err
		}
		return nil, nil
	})
	check(err)
	_, err = m.Inventory.CreateImage(ctx, dc.System, dc.Image{Meta: dc.Meta{Name: "starter"}, Digest: "sha256:" + digest,
		SizeBytes: int64(len(content)), GuestID: "otherLinux64Guest"})
	check(err)
	return c
}

// client returns a client with the first user's session.
func (c *center) client(t testing.TB) *client { return c.clientOf(t, c.token) }

// clientOf returns a client with a token, or without any for "".
func (c *center) clientOf(t testing.TB, token string) *client {
	t.Helper()
	vars := c.env()
	vars["HANOK_TOKEN"] = "unused"
	a := &app{environment: environment{getenv: func(k string) string { return vars[k] }}}
	cl, err := a.connect()
	if err != nil {
		t.Fatal(err)
	}
	cl.token = token
	t.Cleanup(cl.http.CloseIdleConnections)
	return cl
}

// env is the environment of a client with the first user's session.
func (c *center) env() map[string]string {
	return map[string]string{"HANOK_SERVER": c.url, "HANOK_TOKEN": c.token, "HANOK_CA": filepath.Join(c.data, "ca.pem")}
}

// run runs a command line and returns its exit code and output.
func (c *center) run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	vars := c.env()
	var out, errs bytes.Buffer
	code = run(ctx, environment{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(k string) string { return vars[k] }, raw: noTerminal,
	}, args)
	return code, out.String(), errs.String()
}

// must runs a command line that has to succeed and returns its output.
func (c *center) must(t testing.TB, args ...string) string {
	t.Helper()
	code, stdout, stderr := c.run(context.Background(), args...)
	if code != exitOK {
		t.Fatalf("hanok %v: %d\n%s", args, code, stderr)
	}
	return stdout
}

// readOnly makes a user who may only look, and returns a token of his.
func (c *center) readOnly(t testing.TB) string {
	t.Helper()
	const name, password = "viewer", "may-only-look-around"
	if _, err := c.manager.Access.CreateUser(t.Context(), dc.System, name, password, dc.RoleReadOnly); err != nil {
		t.Fatal(err)
	}
	token, _, err := c.manager.Access.Login(t.Context(), "192.0.2.1", name, password)
	if err != nil {
		t.Fatal(convert.Error(err))
	}
	return token
}

// patience bounds every wait. What is waited for comes in milliseconds.
const patience = time.Minute

// awaitVM returns a machine when it is as done wants it.
func (c *center) awaitVM(name string, done func(*dc.VirtualMachine) bool) (*dc.VirtualMachine, error) {
	id, err := c.manager.Inventory.Resolve(dc.System, dc.KindVirtualMachine, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return await(ctx, c.manager.Store, func(v *store.View) (*dc.VirtualMachine, error) {
		if vm, err := store.Get[*dc.VirtualMachine](v, id); err != nil || done(vm) {
			return vm, err
		}
		return nil, nil
	})
}

// crash lets a machine's process die and returns when its host has said so.
func (c *center) crash(name string) error {
	id, err := c.manager.Inventory.Resolve(dc.System, dc.KindVirtualMachine, name)
	if err != nil {
		return err
	}
	c.world.Crash(dc.VirtualMachineID(id), "killed by signal 9")
	_, err = c.awaitVM(name, func(vm *dc.VirtualMachine) bool { return vm.Status.Fault != nil })
	return err
}

// restarted lets a machine's guest restart itself, and returns when its host has said so.
func (c *center) restarted(name string) error {
	id, err := c.manager.Inventory.Resolve(dc.System, dc.KindVirtualMachine, name)
	if err != nil {
		return err
	}
	c.world.RestartGuest(dc.VirtualMachineID(id))
	_, err = c.awaitVM(name, func(vm *dc.VirtualMachine) bool { return !vm.Status.Restarted.IsZero() })
	return err
}

// booted returns when a machine's guest has said where it is.
func (c *center) booted(name string) error {
	_, err := c.awaitVM(name, func(vm *dc.VirtualMachine) bool { return len(vm.Status.Guest.Addresses) > 0 })
	return err
}

// entering returns when a host is on its way into maintenance mode: its task has begun.
func (c *center) entering(name string) error {
	id, err := c.manager.Inventory.Resolve(dc.System, dc.KindHost, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = await(ctx, c.manager.Store, func(v *store.View) (*dc.Host, error) {
		if h, err := store.Get[*dc.Host](v, id); err != nil || h.Spec.Maintenance == dc.MaintenanceEntering {
			return h, err
		}
		return nil, nil
	})
	return err
}

// ran returns when a scheduled task has run, and unscheduled when it is gone.
func (c *center) ran(name string) error {
	return c.awaitSchedule(name, func(o *dc.ScheduledTask) bool { return o != nil && !o.Status.Last.Ended.IsZero() })
}

func (c *center) unscheduled(name string) error {
	return c.awaitSchedule(name, func(o *dc.ScheduledTask) bool { return o == nil })
}

// awaitSchedule returns when done is true of the scheduled task of the name, or of nil where there is none.
func (c *center) awaitSchedule(name string, done func(*dc.ScheduledTask) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := await(ctx, c.manager.Store, func(v *store.View) (*store.View, error) {
		o, _ := store.Named[*dc.ScheduledTask](v, "", name)
		if done(o) {
			return v, nil
		}
		return nil, nil
	})
	return err
}

// forgotten returns when the first login was removed from the data folder, of which nobody is told.
func (c *center) forgotten() error {
	for deadline := time.Now().Add(patience); fileExists(filepath.Join(c.data, "first-login.json")); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("the first login is still there")
		}
	}
	return nil
}

func noTerminal() (func(), error) { return func() {}, nil }

// testWriter returns where the services' logs go: nowhere, unless the test is verbose.
func testWriter(t testing.TB) io.Writer {
	if testing.Verbose() {
		return t.Output()
	}
	return io.Discard
}

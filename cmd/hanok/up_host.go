package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hanok/agent"
	"hanok/dc"
	"hanok/host/cgroup"
	"hanok/host/files"
	"hanok/host/inspect"
	"hanok/host/meter"
	"hanok/host/qemu"
	"hanok/host/usernet"
	"hanok/host/volume"
	"hanok/image"
	"hanok/internal/durable"
	"hanok/manager"
	"hanok/manager/compute"
	"hanok/manager/store"
)

// localHost is this machine as a host of its own data center.
type localHost struct {
	driver *qemu.Driver
	ended  <-chan struct{}
}

// hostConfig is what a host needs to reach its manager.
type hostConfig struct {
	manager string
	// token is for the first start, name for the inventory; "" is the machine's own.
	token, name string
	// connected is called with the host's ID at each connection.
	connected func(dc.HostID)
	// say is told why there is no connection yet.
	say *stages
}

// startHost starts this host's agent. Until it is connected for the first time, each reason why it is not is said once.
func startHost(data *dataFolder, c hostConfig, log *slog.Logger, part func(string, func(context.Context) error)) (*localHost, error) {
	if err := data.makeRun(); err != nil {
		return nil, err
	}
	volumes := volume.NewLocal(log)
	facts, err := agent.Facts()
	if err != nil {
		return nil, err
	}
	facts.Version = version
	driver, err := qemu.New(qemu.Config{Volume: volumes, RunDir: data.run, Groups: data.groups(), CPUMHz: facts.CPUMHz, Log: log})
	if err != nil {
		return nil, err
	}
	meters, err := meter.New()
	if err != nil {
		return nil, errors.Join(err, driver.Close())
	}
	settled, said := false, ""
	a, err := agent.New(agent.Config{
		Dir: data.file("agent"), Manager: c.manager, Token: c.token, Name: c.name, Facts: facts,
		Connected: func(id dc.HostID) {
			settled = true
			c.connected(id)
		},
		Waiting: func(err error) {
			if reason := err.Error(); !settled && reason != said {
				c.say.stage("not connected: %s; still trying", reason)
				said = reason
			}
		},
		Hypervisor: driver, Storage: volumes, Files: files.Driver{}, Network: usernet.Network{}, Meter: meters, Inspector: inspect.New(data.file("agent")), Log: log,
	})
	if err != nil {
		return nil, errors.Join(err, driver.Close())
	}
	done := make(chan struct{})
	part("agent", func(ctx context.Context) error {
		defer close(done)
		return a.Run(ctx)
	})
	return &localHost{driver: driver, ended: done}, nil
}

// groups returns the control groups of the host's machines.
func (d *dataFolder) groups() *cgroup.Tree { return cgroup.Open("hanok-" + filepath.Base(d.run)) }

// close waits for the agent, whose context has ended, and lets go of the machines.
func (h *localHost) close() {
	<-h.ended
	h.driver.Close()
}

// joinToken returns a token for this host's first start, and "" when it has joined. name is that of the flag --host-name: whoever
// gives it the name of a host that there is wants this machine to be that host.
func joinToken(ctx context.Context, data *dataFolder, m *manager.Manager, name string) (string, error) {
	if fileExists(data.file("agent", "identity.json")) {
		return "", nil
	}
	own, err := os.Hostname()
	if err != nil {
		return "", err
	}
	for c := range store.List[*dc.Cluster](m.Store.View()) {
		old, taken := store.Named[*dc.Host](m.Store.View(), dc.ID(c.ID), cmp.Or(name, own))
		if c.Standalone && !taken {
			continue
		}
		if !c.Standalone && (!taken || old.Status.Connection == "") {
			token, _, err := m.Agents.CreateJoinToken(ctx, dc.System, c.ID)
			return token, err
		}
		if name == "" {
			return "", &dc.Error{Kind: dc.Exists, Object: dc.Describe(dc.KindHost, own), Message: "the data center has a host of this machine's name, and this folder is not that host's",
				Remedy: fmt.Sprintf("start with --host-name %s if this machine takes its place, as after a restore on new hardware, else with --host-name and another name", own)}
		}
		token, _, err := m.Agents.CreateRejoinToken(ctx, dc.System, old.ID)
		return token, err
	}
	return "", dc.Errorf(dc.NotFound, "there is no cluster for this host to join").Fix("start with an empty DATA folder")
}

// settle gives a new data center its starter image and, where this machine is its host, waits for that and gives it its
// datastore and its first machine. joined tells that host's ID.
func settle(ctx context.Context, say *stages, data *dataFolder, m *manager.Manager, f upFlags, joined <-chan dc.HostID) error {
	if !f.host {
		_, err := settleImage(ctx, say, data, m, f.imagePackages)
		return err
	}
	var id dc.HostID
	select {
	case id = <-joined:
	case <-ctx.Done():
		return ctx.Err()
	}
	host, err := store.Get[*dc.Host](m.Store.View(), dc.ID(id))
	if err != nil {
		return err
	}
	say.stage("%s is connected: %s %s with %s", dc.Describe(dc.KindHost, host.Name), host.Status.Hypervisor.Name, host.Status.Hypervisor.Version, host.Status.Hypervisor.Accelerator)
	if data.marker.Settled {
		return describeMachines(say, m)
	}
	if err := settleDatastore(ctx, say, data, m, host); err != nil {
		return err
	}
	starter, err := settleImage(ctx, say, data, m, f.imagePackages)
	if err != nil {
		return err
	}
	if f.hello {
		if err := settleHello(ctx, say, m, starter); err != nil {
			return err
		}
	}
	data.marker.Settled = true
	return writeMarker(data.path, data.marker)
}

func describeMachines(say *stages, m *manager.Manager) error {
	machines, err := m.Machines.List(dc.System)
	for _, vm := range machines {
		say.stage("found %s", describeMachine(vm))
	}
	return err
}

// settleDatastore makes the local datastore of a data center that has none, and waits until the host has opened it.
func settleDatastore(ctx context.Context, say *stages, data *dataFolder, m *manager.Manager, host *dc.Host) error {
	stores, err := m.Inventory.Datastores(dc.System)
	if err != nil {
		return err
	}
	if len(stores) == 0 {
		all, err := m.Inventory.Datacenters(dc.System)
		if err != nil || len(all) == 0 {
			return err
		}
		spec := dc.DatastoreSpec{Type: dc.LocalDatastore, Host: host.ID, Path: data.file("datastore1")}
		if _, err := m.Inventory.CreateDatastore(ctx, dc.System, all[0].ID, "datastore1", spec); err != nil {
			return err
		}
		say.stage("made the datastore %q", "datastore1")
	}
	_, err = await(ctx, m.Store, func(v *store.View) (*dc.Datastore, error) {
		for ds := range store.List[*dc.Datastore](v) {
			switch {
			case ds.Status.Accessible:
				return ds, nil
			case ds.Status.Failure != nil:
				return nil, ds.Status.Failure.Err()
			}
		}
		return nil, nil
	})
	return err
}

// settleImage makes the starter image where it is not there yet, and its entry in the inventory.
func settleImage(ctx context.Context, say *stages, data *dataFolder, m *manager.Manager, packages string) (*dc.Image, error) {
	images, err := m.Inventory.Images(dc.System)
	if err != nil {
		return nil, err
	}
	for _, i := range images {
		if i.Name == "starter" && fileExists(data.file("manager", "images", strings.TrimPrefix(i.Digest, "sha256:"))) {
			return i, nil
		}
	}
	if err := errors.Join(durable.MkdirAll(data.file("starter"), 0o700), durable.MkdirAll(data.file("manager", "images"), 0o700)); err != nil {
		return nil, dataError(data.path, err)
	}
	say.stage("making the starter image")
	out := data.file("starter", "starter.img")
	info, err := image.Build(ctx, image.Config{Packages: packages, Out: out})
	if err != nil {
		return nil, err
	}
	if err := publish(out, data.file("manager", "images", info.Digest)); err != nil {
		return nil, dataError(data.path, err)
	}
	return m.Inventory.CreateImage(ctx, dc.System, dc.Image{Meta: dc.Meta{Name: "starter"}, Digest: "sha256:" + info.Digest,
		SizeBytes: info.SizeBytes, GuestID: "otherLinux64Guest"})
}

// publish gives a file a second name.
func publish(from, to string) error {
	if err := os.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// settleHello makes the first machine of a data center, or goes on with it where an earlier start was cut off, and waits until
// its guest says where it is.
func settleHello(ctx context.Context, say *stages, m *manager.Manager, starter *dc.Image) error {
	const name = "hello"
	machines, err := m.Machines.List(dc.System)
	if err != nil {
		return err
	}
	var id dc.VirtualMachineID
	var task dc.TaskID
	if i := slices.IndexFunc(machines, func(vm *dc.VirtualMachine) bool { return vm.Name == name }); i >= 0 {
		id = machines[i].ID
		open, ok := store.Claimed(m.Store.View(), dc.TaskClaim(dc.ID(id)))
		if !ok && machines[i].Status.Power != dc.PoweredOn {
			return nil // it was there, and somebody has powered it off since
		}
		task = dc.TaskID(open)
	} else {
		say.stage("making the virtual machine %q", name)
		created, err := createHello(ctx, m, name, starter)
		if err != nil {
			return err
		}
		id, task = dc.VirtualMachineID(created.Target), created.ID
	}
	if task != "" {
		done, err := m.Tasks.Await(ctx, dc.System, task)
		if err != nil {
			return err
		}
		if err := done.Failure.Err(); err != nil {
			return err
		}
	}
	say.stage("%q is powered on; its guest boots", name)
	vm, err := await(ctx, m.Store, func(v *store.View) (*dc.VirtualMachine, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, dc.ID(id))
		switch {
		case err != nil:
			return nil, err
		case vm.Status.Fault != nil:
			return nil, vm.Status.Fault.Err()
		case vm.Status.Power == dc.PoweredOff:
			return nil, dc.Errorf(dc.WrongState, "it powered off while it booted").On(dc.Describe(dc.KindVirtualMachine, vm.Name)).
				Fix("start again, and look at its console")
		case len(vm.Status.Guest.Addresses) > 0:
			return vm, nil
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	say.stage("%s", describeMachine(vm))
	return nil
}

func createHello(ctx context.Context, m *manager.Manager, name string, starter *dc.Image) (*dc.Task, error) {
	networks, err := m.Inventory.PortGroups(dc.System)
	if err != nil {
		return nil, err
	}
	request := compute.CreateRequest{Name: name, CPUs: 1, MemoryMB: 128, PowerOn: true, Disks: []compute.DiskRequest{{Image: starter.ID}}}
	if len(networks) > 0 {
		request.NICs = []compute.NICRequest{{PortGroup: networks[0].ID}}
	}
	return m.Machines.Create(ctx, dc.System, request)
}

func describeMachine(vm *dc.VirtualMachine) string {
	s := fmt.Sprintf("%s: %s", dc.Describe(dc.KindVirtualMachine, vm.Name), vm.Status.Power)
	if g := vm.Status.Guest; len(g.Addresses) > 0 {
		s += fmt.Sprintf(", %s at %s", g.Hostname, strings.Join(g.Addresses, ", "))
	}
	return s
}

// await returns the first thing that look finds in the newest view.
func await[T any](ctx context.Context, st *store.Store, look func(*store.View) (*T, error)) (*T, error) {
	for {
		v := st.View()
		if found, err := look(v); found != nil || err != nil {
			return found, err
		}
		if err := st.Wait(ctx, v.Revision()); err != nil {
			return nil, err
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Lstat(filepath.Clean(path))
	return err == nil
}

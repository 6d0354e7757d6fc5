package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"hanok/dc"
	"hanok/manager"
	"hanok/manager/compute"
	"hanok/manager/store"
)

// simModel says how many objects of each kind `hanok sim` makes. The flags, what they count and the names are those of
// govmomi's vcsim.
type simModel struct {
	datacenters, folders               int
	clusters, hosts, standalone, pools int
	machines, apps                     int
	datastores, pods, portGroups       int
	autostart                          bool
}

// check refuses what can't be.
func (m *simModel) check() error {
	for _, n := range []struct {
		flag      string
		n, lo, hi int
	}{{"dc", m.datacenters, 1, 100}, {"folder", m.folders, 0, 100}, {"cluster", m.clusters, 0, 1000}, {"host", m.hosts, 0, 10_000},
		{"standalone-host", m.standalone, 0, 10_000}, {"vm", m.machines, 0, 100_000}, {"ds", m.datastores, 0, 1000}, {"pg", m.portGroups, 0, 1000}, {"pool", m.pools, 0, 1000}} {
		if n.n < n.lo || n.n > n.hi {
			return dc.Errorf(dc.Invalid, "-%s %d is out of range", n.flag, n.n).Fix("give a number from %d to %d", n.lo, n.hi)
		}
	}
	for flag, n := range map[string]int{"app": m.apps, "pod": m.pods} {
		if n != 0 {
			return dc.Errorf(dc.Unsupported, "-%s %d: this version makes no %s", flag, n,
				map[string]string{"app": "vApps", "pod": "datastore clusters"}[flag]).Fix("leave -%s out", flag)
		}
	}
	if hosts := m.datacenters * (m.standalone + m.clusters*m.hosts); hosts > 10_000 {
		return dc.Errorf(dc.Invalid, "%d hosts are more than 10000", hosts).Fix("ask for fewer data centers, clusters or hosts")
	}
	if m.machines > 0 && m.datastores == 0 {
		return dc.Errorf(dc.Invalid, "virtual machines need a datastore").Fix("give -ds 1 or more, or -vm 0")
	}
	return nil
}

// simFolders are where the objects of a data center go.
type simFolders struct{ vm, host, datastore, network dc.FolderID }

// simPool is a resource pool that gets machines, and the hosts that run them.
type simPool struct {
	id     dc.ResourcePoolID
	prefix string
	folder dc.FolderID
	hosts  []string
	nic    dc.PortGroupID
	store  string // the path of its datastore
}

// simHostPlan is a host that is to join.
type simHostPlan struct {
	Name string `json:"name"`
	// Token is how it joins, or "" for one that has.
	Token string `json:"token,omitempty"`
}

// simCenter makes the inventory of a simulated data center, through the services that everybody uses.
type simCenter struct {
	*manager.Manager
	model simModel
	// hosts are those that are to join, alone the folders of those that stand alone, and clusters the clusters of the others.
	hosts    []string
	alone    map[string]dc.FolderID
	clusters map[string]dc.ClusterID
	pools    []simPool
	// shared are the datastores of each data center, to be made when its hosts are there.
	shared []simStore
}

// simStore is a datastore that all hosts of a data center have.
type simStore struct {
	name, path string
	folder     dc.FolderID
	hosts      []string
}

// build makes all that needs no host.
func (c *simCenter) build(ctx context.Context) error {
	c.alone, c.clusters = map[string]dc.FolderID{}, map[string]dc.ClusterID{}
	folders := 0
	for n := range c.model.datacenters {
		name, folder := fmt.Sprintf("DC%d", n), ""
		if folders < c.model.folders && n >= c.model.datacenters-c.model.folders {
			folder = fmt.Sprintf("F%d", folders)
			folders++
		}
		if err := c.buildDatacenter(ctx, name, folder); err != nil {
			return err
		}
	}
	return nil
}

// buildDatacenter makes one data center, in a folder and with folders of that name unless it is "".
func (c *simCenter) buildDatacenter(ctx context.Context, name, folder string) error {
	parent := dc.RootFolder
	if folder != "" {
		f, err := c.Inventory.CreateFolder(ctx, dc.System, parent, folder)
		if err != nil {
			return err
		}
		parent = f.ID
	}
	d, err := c.Inventory.CreateDatacenterIn(ctx, dc.System, parent, name)
	if err != nil {
		return err
	}
	if _, err := c.Inventory.CreatePortGroup(ctx, dc.System, d.ID, "VM Network"); err != nil {
		return err
	}
	in := simFolders{vm: d.VMFolder, host: d.HostFolder, datastore: d.DatastoreFolder, network: d.NetworkFolder}
	if folder != "" {
		for _, sub := range []*dc.FolderID{&in.vm, &in.host, &in.datastore, &in.network} {
			f, err := c.Inventory.CreateFolder(ctx, dc.System, *sub, folder)
			if err != nil {
				return err
			}
			*sub = f.ID
		}
	}
	nic, err := c.buildNetworks(ctx, d, in, name)
	if err != nil {
		return err
	}
	before := len(c.hosts)
	path := "/" + name + "/LocalDS_0"
	for n := range c.model.standalone {
		host := fmt.Sprintf("%s_H%d", name, n)
		c.hosts, c.alone[host] = append(c.hosts, host), in.host
		c.pools = append(c.pools, simPool{prefix: host, folder: in.vm, hosts: []string{host}, nic: nic, store: path})
	}
	for n := range c.model.clusters {
		if err := c.buildCluster(ctx, in, fmt.Sprintf("%s_C%d", name, n), nic, path); err != nil {
			return err
		}
	}
	for n := range c.model.datastores {
		store := fmt.Sprintf("LocalDS_%d", n)
		c.shared = append(c.shared, simStore{name: store, path: "/" + name + "/" + store, folder: in.datastore, hosts: c.hosts[before:]})
	}
	return nil
}

// buildNetworks makes the port groups of a data center and returns the one that machines are connected to.
func (c *simCenter) buildNetworks(ctx context.Context, d *dc.Datacenter, in simFolders, name string) (dc.PortGroupID, error) {
	var first dc.PortGroupID
	for pg := range store.Children[*dc.PortGroup](c.Store.View(), dc.ID(d.NetworkFolder)) {
		first = pg.ID
	}
	for n := range c.model.portGroups {
		pg, err := c.Inventory.CreatePortGroupIn(ctx, dc.System, in.network, fmt.Sprintf("%s_DVPG%d", name, n))
		if err != nil {
			return "", err
		}
		if n == 0 {
			first = pg.ID
		}
	}
	return first, nil
}

func (c *simCenter) buildCluster(ctx context.Context, in simFolders, name string, nic dc.PortGroupID, path string) error {
	cluster, err := c.Inventory.CreateClusterIn(ctx, dc.System, in.host, name)
	if err != nil {
		return err
	}
	before := len(c.hosts)
	for n := range c.model.hosts {
		host := fmt.Sprintf("%s_H%d", name, n)
		c.hosts, c.clusters[host] = append(c.hosts, host), cluster.ID
	}
	pool := simPool{id: cluster.RootPool, prefix: name + "_RP0", folder: in.vm, hosts: c.hosts[before:], nic: nic, store: path}
	if c.model.pools == 0 {
		c.pools = append(c.pools, pool)
	}
	for n := range c.model.pools { // the root pool is number 0, and gets machines only where it is the only one
		child, err := c.Pools.Create(ctx, dc.System, cluster.RootPool, fmt.Sprintf("%s_RP%d", name, n+1), dc.ResourceChange{})
		if err != nil {
			return err
		}
		pool.id, pool.prefix = child.ID, child.Name
		c.pools = append(c.pools, pool)
	}
	return nil
}

// joinersAtOnce bounds how many tokens are made, and how many hosts join, at the same time.
const joinersAtOnce = 16

// plan makes a token for every host.
func (c *simCenter) plan(ctx context.Context) ([]simHostPlan, error) {
	plans := make([]simHostPlan, len(c.hosts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(joinersAtOnce)
	for i, name := range c.hosts {
		group.Go(func() error {
			var token string
			var err error
			if cluster, ok := c.clusters[name]; ok {
				token, _, err = c.Agents.CreateJoinToken(ctx, dc.System, cluster)
			} else {
				token, _, err = c.Agents.CreateStandaloneToken(ctx, dc.System, c.alone[name])
			}
			plans[i] = simHostPlan{Name: name, Token: token}
			return err
		})
	}
	return plans, group.Wait()
}

// populate makes what needs the hosts, which are connected: datastores and machines.
func (c *simCenter) populate(ctx context.Context) error {
	hosts := map[string]*dc.Host{}
	for h := range store.List[*dc.Host](c.Store.View()) {
		hosts[h.Name] = h
	}
	byPath := map[string]dc.DatastoreID{}
	for _, s := range c.shared {
		spec := dc.DatastoreSpec{Type: dc.SimulatedDatastore, Path: s.path}
		for _, name := range s.hosts {
			spec.Sharing = append(spec.Sharing, hosts[name].ID)
		}
		if len(spec.Sharing) == 0 {
			continue
		}
		ds, err := c.Inventory.CreateDatastoreIn(ctx, dc.System, s.folder, s.name, spec)
		if err != nil {
			return err
		}
		byPath[s.path] = ds.ID
	}
	if err := c.awaitAccess(ctx); err != nil {
		return err
	}
	var requests []compute.CreateRequest
	for _, p := range c.pools {
		for n := range c.model.machines {
			if len(p.hosts) == 0 {
				break
			}
			host := hosts[p.hosts[n%len(p.hosts)]]
			requests = append(requests, compute.CreateRequest{Name: fmt.Sprintf("%s_VM%d", p.prefix, n), Folder: p.folder, Pool: p.id,
				Host: host.ID, Datastore: byPath[p.store], CPUs: 1, MemoryMB: 32, GuestID: "otherGuest", PowerOn: c.model.autostart,
				Disks: []compute.DiskRequest{{CapacityBytes: 10 << 30}}, NICs: []compute.NICRequest{{PortGroup: p.nic}}})
		}
	}
	for len(requests) > 0 {
		n := min(len(requests), simBatch)
		_, err := c.Machines.CreateAll(ctx, dc.System, requests[:n])
		if dc.KindOf(err) == dc.Unavailable { // a host has lost its connection and comes back, or the store was slow and may have made them
			err, n = c.awaitHosts(ctx, len(c.hosts)), 0
			requests = slices.DeleteFunc(requests, c.made)
		}
		if err != nil {
			return err
		}
		requests = requests[n:]
		if err := c.awaitMachines(ctx, simAhead); err != nil {
			return err
		}
	}
	return c.awaitMachines(ctx, 0)
}

// made reports whether there is a machine of the request's name in its folder.
func (c *simCenter) made(r compute.CreateRequest) bool {
	_, ok := store.Named[*dc.VirtualMachine](c.Store.View(), dc.ID(r.Folder), r.Name)
	return ok
}

// simBatch is how many machines are made in one transaction, and simAhead how many the simulated hosts may be behind: one process
// that has more to do at once than it can leaves heartbeats waiting.
const simBatch, simAhead = 500, 2000

// awaitHosts waits until count hosts are connected.
func (c *simCenter) awaitHosts(ctx context.Context, count int) error {
	return until(ctx, c.Store, func(v *store.View) bool {
		return count == tally(v, func(h *dc.Host) bool { return h.Status.Connection == dc.Connected })
	})
}

// awaitAccess waits until all datastores are accessible.
func (c *simCenter) awaitAccess(ctx context.Context) error {
	return until(ctx, c.Store, func(v *store.View) bool {
		return tally(v, func(ds *dc.Datastore) bool { return !ds.Status.Accessible }) == 0
	})
}

// awaitMachines waits until all machines but rest are as they were asked to be.
func (c *simCenter) awaitMachines(ctx context.Context, rest int) error {
	return until(ctx, c.Store, func(v *store.View) bool {
		return tally(v, func(vm *dc.VirtualMachine) bool {
			return vm.Status.Files != dc.FilesReady || vm.Status.Outcome.Generation < vm.Spec.Power.Generation
		}) <= rest
	})
}

// tally returns how many objects of a type are as is says.
func tally[T dc.Object](v *store.View, is func(T) bool) (n int) {
	for o := range store.List[T](v) {
		if is(o) {
			n++
		}
	}
	return n
}

// until waits until done is true of the newest view. It does not look at every one.
func until(ctx context.Context, st *store.Store, done func(*store.View) bool) error {
	for {
		v := st.View()
		if done(v) {
			return nil
		}
		if err := st.Wait(ctx, v.Revision()); err != nil {
			return err
		}
		select {
		case <-time.After(simPace):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// simPace is the time between two looks at how far a simulation is.
const simPace = 20 * time.Millisecond

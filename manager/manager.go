// Package manager joins the services of the control plane: inventory, access, tasks, virtual machines, files, hosts, events and
// the connections to the hosts' agents, all over one store. The rooms below it do the work; cmd opens the store, starts the Manager
// and joins it to the facades.
package manager

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hanok/dc"
	"hanok/internal/pki"
	"hanok/manager/access"
	"hanok/manager/alarm"
	"hanok/manager/attribute"
	"hanok/manager/audit"
	"hanok/manager/bulk"
	"hanok/manager/check"
	"hanok/manager/compute"
	"hanok/manager/dispatch"
	"hanok/manager/doctor"
	"hanok/manager/event"
	"hanok/manager/export"
	"hanok/manager/file"
	"hanok/manager/guard"
	"hanok/manager/hostsystem"
	"hanok/manager/identity"
	"hanok/manager/image"
	"hanok/manager/inventory"
	"hanok/manager/resource"
	"hanok/manager/schedule"
	"hanok/manager/stats"
	"hanok/manager/store"
	"hanok/manager/tag"
	"hanok/manager/task"
	"hanok/manager/vapp"
)

// Config is what a Manager works with. All fields are needed but Bare.
type Config struct {
	// Store stays the caller's to close, after the Manager.
	Store *store.Store
	// Images is the folder with the content of images, as package dispatch describes it.
	Images string
	// Statistics is the file with the statistics, made if need be.
	Statistics string
	// Audit is the folder with the audit log, made if need be.
	Audit string
	// Bare leaves the inventory of a new store without a first data center.
	Bare bool
	// Version is the program's, with which those of the hosts are compared.
	Version string
	Log     *slog.Logger
}

// Manager is the control plane of one data center.
type Manager struct {
	Store     *store.Store
	CA        *pki.CA
	Access    *access.Service
	Identity  *identity.Service
	Inventory *inventory.Service
	Pools     *resource.Service
	Machines  *compute.Service
	Files     *file.Service
	Images    *image.Service
	Packages  *vapp.Service
	Exports   *export.Service
	Tasks     *task.Service
	Events    *event.Service
	Hosts     *hostsystem.Service
	Agents    *dispatch.Service
	Doctor    *doctor.Service
	Checker   *check.Service
	Stats     *stats.Service
	Alarms    *alarm.Service
	Tags      *tag.Service
	// Audit stays the caller's to close, after the last call.
	Audit  *audit.Service
	Fields *attribute.Service
	Bulk   *bulk.Service
	Guard  *guard.Service
	// Schedules are the scheduled tasks.
	Schedules *schedule.Service

	engine *task.Engine
	log    *slog.Logger
}

// New joins the services, makes the certificate authority and the default inventory where the store has none, and marks
// all hosts as not responding until they connect. Nothing moves before Run.
func New(ctx context.Context, cfg Config) (*Manager, error) {
	if err := cfg.Store.Reclaim(ctx, cfg.Log, dc.KindVirtualMachine); err != nil {
		return nil, err
	}
	ca, err := authority(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	ends, err := authorityEnds(ca)
	if err != nil {
		return nil, err
	}
	m := &Manager{Store: cfg.Store, CA: ca, log: cfg.Log}
	m.Access = access.New(cfg.Store, cfg.Log)
	auditLog, err := audit.Open(cfg.Audit, cfg.Log)
	if err != nil {
		return nil, err
	}
	m.Audit = audit.NewService(auditLog, m.Access)
	m.Identity = identity.New(cfg.Store, m.Access)
	m.Inventory = inventory.New(cfg.Store, m.Access, cfg.Log)
	m.Events = event.NewService(cfg.Store, m.Access)
	if m.Stats, err = stats.Open(cfg.Store, m.Access, cfg.Statistics, cfg.Log); err != nil {
		return nil, err
	}
	m.Agents = dispatch.New(dispatch.Config{Store: cfg.Store, Access: m.Access, CA: ca, Images: cfg.Images, Statistics: m.Stats, Log: cfg.Log})
	m.Stats.Ask(m.Agents)
	m.engine = task.New(cfg.Store, cfg.Log)
	m.Hosts = hostsystem.New(cfg.Store, m.Access, m.engine, m.Inventory)
	m.Tasks = task.NewService(cfg.Store, m.Access, m.engine)
	m.Pools = resource.New(cfg.Store, m.Access)
	m.Machines = compute.New(compute.Config{Store: cfg.Store, Access: m.Access, Tasks: m.engine, Hosts: m.Agents, Resources: m.Pools, Log: cfg.Log})
	m.Files = file.New(file.Config{Store: cfg.Store, Access: m.Access, Tasks: m.engine, Hosts: m.Agents, Log: cfg.Log})
	m.Images = image.New(image.Config{Store: cfg.Store, Access: m.Access, Tasks: m.engine, Folder: cfg.Images})
	m.Packages = vapp.New(m.Machines, m.Images)
	m.Exports = export.New(export.Config{Store: cfg.Store, Access: m.Access, Tasks: m.engine, Hosts: m.Agents})
	m.Doctor = doctor.New(cfg.Store, m.Access, m.Agents, ends, cfg.Version)
	m.Alarms = alarm.New(alarm.Config{Store: cfg.Store, Access: m.Access, Values: m.Stats.Now, AuthorityEnds: ends, Log: cfg.Log})
	m.Fields = attribute.New(cfg.Store, m.Access)
	m.Tags = tag.New(cfg.Store, m.Access)
	m.Bulk = bulk.New(bulk.Config{Store: cfg.Store, Access: m.Access, Tasks: m.engine, Machines: m.Machines, Hosts: m.Hosts, Pools: m.Pools,
		Inventory: m.Inventory, Tags: m.Tags, Fields: m.Fields, Log: cfg.Log})
	m.Guard = guard.New(cfg.Store, m.Access)
	m.Schedules = schedule.New(schedule.Config{Store: cfg.Store, Access: m.Access, Bulk: m.Bulk, Log: cfg.Log})
	m.Checker = check.New(cfg.Store, m.Access, m.Agents)
	begin := func(ctx context.Context) error { return m.Inventory.Defaults(ctx, inventory.DefaultNames{}) }
	if cfg.Bare {
		begin = m.Inventory.Root
	}
	if err := begin(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(m.Access.Defaults(ctx), m.Alarms.Defaults(ctx)); err != nil {
		return nil, err
	}
	return m, m.Agents.MarkUnconnected(ctx)
}

// Run carries out tasks and keeps the rules until ctx ends, and then returns nil; any other end is an error.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var failed error
	var once sync.Once
	var loops sync.WaitGroup
	loop := func(run func(context.Context) error) {
		loops.Go(func() {
			err := run(ctx)
			if ctx.Err() == nil { // the first loop that ends by itself ends them all
				once.Do(func() { failed = err })
				cancel()
			}
		})
	}
	loop(m.engine.Run)
	loop(m.Machines.Run)
	loop(m.Stats.Run)
	loop(m.Alarms.Run)
	loop(m.Schedules.Run)
	for _, r := range []task.Reconciler{
		sweeper("session sweep", m.Access.SweepSessions),
		sweeper("check of accounts", m.Access.CheckAccounts),
		sweeper("token sweep", m.Access.SweepTokens),
		sweeper("permission sweep", m.Access.SweepPermissions),
		sweeper("tag sweep", m.Tags.Sweep),
		sweeper("custom attribute sweep", m.Fields.Sweep),
		sweeper("event trim", func(ctx context.Context) error { return event.Trim(ctx, m.Store, event.Keep) }),
	} {
		loop(func(ctx context.Context) error { return r.Run(ctx, m.Store, m.log) })
	}
	loops.Wait()
	cancel()
	return failed
}

// Close ends the connections to the hosts and lets go of the file with the statistics.
func (m *Manager) Close() {
	m.Agents.Close()
	if err := m.Stats.Close(); err != nil {
		m.log.Warn("the statistics can't be closed", "err", err)
	}
}

// sweeper is a reconciler that only time sets off.
func sweeper(name string, sweep func(context.Context) error) task.Reconciler {
	return task.Reconciler{Name: name, Every: time.Minute, Concerns: func(store.Change) bool { return false }, Reconcile: sweep}
}

// authoritySecret is where the store keeps the certificate authority.
var authoritySecret = dc.SecretID(dc.NewID(dc.KindSecret, "ca"))

// authority returns the data center's certificate authority, and makes it at the first start.
func authority(ctx context.Context, st *store.Store) (*pki.CA, error) {
	err := st.Change(ctx, func(tx *store.Tx) error {
		if _, err := store.Get[*dc.Secret](tx.View(), dc.ID(authoritySecret)); dc.KindOf(err) != dc.NotFound {
			return err
		}
		now := time.Now().UTC()
		ca, err := pki.NewCA(now)
		if err != nil {
			return err
		}
		data, err := ca.Marshal()
		if err != nil {
			return err
		}
		tx.Put(&dc.Secret{ID: authoritySecret, Meta: dc.Meta{Name: "certificate authority", Created: now}, Data: data})
		return nil
	})
	if err != nil {
		return nil, err
	}
	secret, err := store.Get[*dc.Secret](st.View(), dc.ID(authoritySecret))
	if err != nil {
		return nil, err
	}
	return pki.LoadCA(secret.Data)
}

func authorityEnds(ca *pki.CA) (time.Time, error) {
	block, _ := pem.Decode(ca.PEM())
	if block == nil {
		return time.Time{}, errors.New("the certificate authority has no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, err
	}
	return cert.NotAfter, nil
}

// Package doctor examines an installation and says what is not as it should be and what to do about it: the store, the
// hosts and how they execute guests, the datastores, machines that need somebody, and what a new installation should
// change. It mends nothing. The facades call it for an administrator.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/dispatch"
	"hanok/manager/store"
)

// Status is how one check ended.
type Status string

// The outcomes of a check.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Problem Status = "problem"
)

// Check is one thing that was examined.
type Check struct {
	// Name says what: `host "alpha"`.
	Name   string
	Status Status
	// Message says what was found, Remedy what to do about it. Remedy is empty where all is well.
	Message, Remedy string
}

// Hosts is what the connections to the hosts know.
type Hosts interface {
	// Usage returns how full a datastore was when its host last said so.
	Usage(ds dc.DatastoreID) (dc.DatastoreUsage, bool)
	// Orphans returns the machines that hosts have and that are not theirs by the store.
	Orphans() []dc.Orphan
	// Refused returns why hosts that want to connect can't.
	Refused() []dispatch.Refusal
}

// Service examines. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	hosts  Hosts
	// authorityEnds is when the certificate authority's own certificate ends.
	authorityEnds time.Time
	// version is the manager's.
	version string
}

// New returns a Service of the manager that has this version.
func New(st *store.Store, acc *access.Service, hosts Hosts, authorityEnds time.Time, version string) *Service {
	return &Service{store: st, access: acc, hosts: hosts, authorityEnds: authorityEnds, version: version}
}

// Examine runs every check. Privilege: PrivDiagnostics.
func (s *Service) Examine(ctx context.Context, by dc.Caller) ([]Check, error) {
	if err := s.access.Authorize(by, dc.PrivDiagnostics, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	v := s.store.View()
	checks := []Check{s.checkStore(ctx), s.checkAuthority(time.Now()), checkPasswords(v)}
	refused := map[dc.HostID]*dc.Failure{}
	for _, r := range s.hosts.Refused() {
		refused[r.Host] = &r.Failure
	}
	for h := range store.List[*dc.Host](v) {
		checks = append(checks, checkHost(h, refused[h.ID], s.version)...)
	}
	for ds := range store.List[*dc.Datastore](v) {
		usage, known := s.hosts.Usage(ds.ID)
		checks = append(checks, checkDatastore(ds, usage, known))
	}
	for vm := range store.List[*dc.VirtualMachine](v) {
		checks = append(checks, checkMachine(v, vm)...)
	}
	for _, o := range s.hosts.Orphans() {
		checks = append(checks, checkOrphan(v, o))
	}
	return checks, nil
}

func (s *Service) checkStore(ctx context.Context) Check {
	const name = "store"
	u, err := s.store.Usage(ctx)
	if err != nil {
		f := dc.FailureOf(err)
		return Check{name, Problem, f.Message, f.Remedy}
	}
	used := fmt.Sprintf("%s of %s used", size(u.UsedBytes), size(u.QuotaBytes))
	switch {
	case u.Full:
		return Check{name, Problem, "it is full and refuses writes: " + used, "delete what is not needed any more"}
	case u.QuotaBytes > 0 && u.UsedBytes > u.QuotaBytes/5*4:
		return Check{name, Warning, used, "delete what is not needed any more before it is full and refuses writes"}
	case u.QuotaBytes == 0:
		used = size(u.UsedBytes) + " used"
	}
	return Check{name, OK, used, ""}
}

func (s *Service) checkAuthority(now time.Time) Check {
	const name = "certificate authority"
	message := "its certificate is good until " + s.authorityEnds.Format(time.DateOnly)
	if s.authorityEnds.Sub(now) < 90*24*time.Hour {
		return Check{name, Warning, message, "plan its replacement: hosts and clients trust nothing else"}
	}
	return Check{name, OK, message, ""}
}

func checkPasswords(v *store.View) Check {
	const name = "passwords"
	for u := range store.List[*dc.User](v) {
		if u.Initial {
			return Check{name, Warning, fmt.Sprintf("user %q still has the initial password", u.Name),
				fmt.Sprintf("change it: hanok user password %s --password-stdin", u.Name)}
		}
	}
	return Check{name, OK, "no user has the initial password", ""}
}

// checkHost examines a host; refused is why it can't connect, or nil.
func checkHost(h *dc.Host, refused *dc.Failure, version string) []Check {
	name := dc.Describe(dc.KindHost, h.Name)
	if h.Status.Connection != dc.Connected && refused != nil {
		return []Check{{name, Problem, "it is refused: " + refused.Message, refused.Remedy}}
	}
	if h.Status.Connection != dc.Connected {
		return []Check{{name, Problem, "it does not respond; its machines may still run",
			"see that the machine is on, runs its agent and reaches the manager"}}
	}
	y := h.Status.Hypervisor
	found := fmt.Sprintf("connected; %s %s with %s: %s", y.Name, y.Version, y.Accelerator, y.Reason)
	checks := []Check{{name, OK, found, ""}}
	if h.Status.Version != version {
		checks = append(checks, Check{name, Warning, fmt.Sprintf("it runs hanok %s, and the manager %s", h.Status.Version, version),
			"run the same on both, the manager first: machines run on while it is replaced"})
	}
	for _, w := range y.Warnings {
		checks = append(checks, Check{name, Warning, w, ""})
	}
	return checks
}

func checkDatastore(ds *dc.Datastore, u dc.DatastoreUsage, known bool) Check {
	name := dc.Describe(dc.KindDatastore, ds.Name)
	switch {
	case !ds.Status.Accessible && ds.Status.Failure != nil:
		return Check{name, Problem, "not accessible: " + ds.Status.Failure.Message, ds.Status.Failure.Remedy}
	case !ds.Status.Accessible:
		return Check{name, Problem, "its host has not opened it", "see the host's own check"}
	case !known:
		return Check{name, Warning, "how full it is is not known", "see that its host is connected"}
	}
	message := fmt.Sprintf("%s of %s free", size(u.FreeBytes), size(u.CapacityBytes))
	switch {
	case u.FreeBytes < 1<<20:
		return Check{name, Problem, "it is full: guests that write to it are paused", "free some space on it, then power them on to continue"}
	case u.FreeBytes < u.CapacityBytes/20 || u.FreeBytes < 256<<20:
		return Check{name, Warning, message, "free some space on it: guests are paused when it is full"}
	}
	return Check{name, OK, message, ""}
}

func checkMachine(v *store.View, vm *dc.VirtualMachine) []Check {
	name := dc.Describe(dc.KindVirtualMachine, vm.Name)
	var checks []Check
	problem := func(f *dc.Failure, object string) {
		if f == nil {
			return
		}
		message := f.Message
		if object = cmp.Or(f.Object, object); object != name {
			message = object + ": " + message
		}
		checks = append(checks, Check{name, Problem, message, f.Remedy})
	}
	for _, f := range []*dc.Failure{vm.Status.Paused, vm.Status.Fault, vm.Status.FilesFailure} {
		problem(f, name)
	}
	problem(vm.Status.Blocked, hostName(v, vm.Spec.Host))
	return checks
}

// hostName names a host by its ID where the inventory has no name for it.
func hostName(v *store.View, id dc.HostID) string {
	name := string(id)
	if h, err := store.Get[*dc.Host](v, dc.ID(id)); err == nil {
		name = h.Name
	}
	return dc.Describe(dc.KindHost, name)
}

func checkOrphan(v *store.View, o dc.Orphan) Check {
	return Check{hostName(v, o.Host), Problem,
		fmt.Sprintf("it has a virtual machine %q (%s) that the inventory does not know there", o.Machine.Name, o.Machine.ID),
		"it is left as it is; to take it into the inventory: hanok vm orphans, hanok vm adopt " + string(o.Machine.ID)}
}

// size returns bytes for a person: "1.5 GB".
func size(bytes int64) string {
	switch {
	case bytes >= 1<<40:
		return fmt.Sprintf("%.1f TB", float64(bytes)/(1<<40))
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
}

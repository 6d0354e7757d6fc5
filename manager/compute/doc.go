// Package compute is the manager's service for virtual machines: it admits requests, places new machines on hosts and
// datastores, and defines the tasks that carry requests out by changing Spec and waiting for the host's Status.
//
// It does not talk to hosts: package dispatch sends assignments and commits what comes back, and implements Hosts for what
// is never stored. It runs no machine. The facades call Service; cmd wires it and runs its reconcilers.
//
// Who writes what: services and tasks write VirtualMachine.Spec, and so does one reconciler (power_reconcile.go), which
// alone follows a machine that lost its power without a request. Nothing here writes Status. The events of a machine's
// power are recorded in the transactions that change Spec.Power or end such a task, those of a guest that stands still by
// pause_reconcile.go, and nowhere else.
package compute

// Package inspect looks at a host for the checker (manager/check): at its processes in /proc, at what each QEMU says over
// a monitor socket of its own, at the folders on its datastores and at the agent's records on its disk. It has code of its
// own for all of that and asks neither the agent nor the drivers, whose promises are in question; only the parsers of
// internal/vmx and the QMP client are shared. It changes nothing and judges nothing. The agent hands its findings on.
package inspect

import (
	"context"
	"os"
	"strings"

	"hanok/dc"
)

// Inspector looks at this host. It is safe for concurrent use.
type Inspector struct {
	records string
	// turn holds one token: QEMU serves one client at a time.
	turn chan struct{}
}

// New returns the Inspector of the host whose agent keeps its records in the folder.
func New(records string) *Inspector {
	i := &Inspector{records: records, turn: make(chan struct{}, 1)}
	i.turn <- struct{}{}
	return i
}

// Inspect looks at everything once, and implements the agent's Inspector. What can't be looked at is in the result. It takes
// some seconds where QEMU processes don't answer; for a file system that hangs it waits.
func (i *Inspector) Inspect(ctx context.Context) dc.Inspection {
	select {
	case <-i.turn:
		defer func() { i.turn <- struct{}{} }()
	case <-ctx.Done():
		return dc.Inspection{Unseen: []string{"another inspection of this host has not ended"}}
	}
	var found dc.Inspection
	unseen := func(err error) {
		if err != nil {
			found.Unseen = append(found.Unseen, err.Error())
		}
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	unseen(err)
	found.Records, err = readRecords(i.records, strings.TrimSpace(string(boot)))
	unseen(err)
	found.Datastores, err = readDatastores(i.records)
	unseen(err)
	found.Processes, err = readProcesses(disksOf(found.Datastores))
	unseen(err)
	askMonitors(ctx, found.Processes)
	return found
}

// Simulated is the Inspector of a host that executes nothing.
type Simulated struct{}

// Inspect implements the agent's Inspector.
func (Simulated) Inspect(context.Context) dc.Inspection { return dc.Inspection{Simulated: true} }

package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"hanok/dc"
	"hanok/host/qemu"
	"hanok/host/usernet"
	"hanok/host/volume"
	"hanok/internal/durable"
)

// driver starts the machine with Hanok's QEMU driver, called as the agent calls it: what Hanok adds to QEMU on the host.
type driver struct {
	hypervisor  *qemu.Driver
	machine     dc.Machine
	record      string
	accelerator dc.Accelerator
	version     string
}

func newDriver(ctx context.Context, work string, m dc.Machine, image string) (*driver, error) {
	log := slog.New(slog.DiscardHandler)
	m.Datastore = "datastore-1"
	files := volume.NewLocal(log)
	store := filepath.Join(work, "driver")
	if err := os.Mkdir(store, 0o700); err != nil {
		return nil, err
	}
	if err := files.Mount(ctx, m.Datastore, store); err != nil {
		return nil, err
	}
	fetch := func(context.Context, string) (io.ReadCloser, error) { return os.Open(image) }
	if err := files.CreateMachine(ctx, m, fetch, func(int64, int64) {}); err != nil {
		return nil, err
	}
	hypervisor, err := qemu.New(qemu.Config{Volume: files, RunDir: "/run/driver", Log: log})
	if err != nil {
		return nil, err
	}
	found, err := hypervisor.Probe(ctx)
	if err != nil {
		return nil, err
	}
	return &driver{hypervisor: hypervisor, machine: m, record: filepath.Join(work, "handle"),
		accelerator: found.Accelerator, version: found.Version}, nil
}

func (d *driver) powerOn(ctx context.Context) (r reached, err error) {
	since := stopwatch()
	err = d.hypervisor.Start(ctx, d.machine, plugged(d.machine), func(h dc.Handle) error {
		return durable.WriteFile(d.record, h, 0o600)
	})
	if err != nil {
		return r, err
	}
	r.running = since()
	r.told = r.running
	port, err := d.hypervisor.OpenConsole(ctx, d.machine.ID, dc.ConsoleSerial)
	if err != nil {
		return r, err
	}
	defer port.Close()
	err = firstOutput(port)
	r.output = since()
	return r, err
}

func (d *driver) powerOff(ctx context.Context) error { return d.hypervisor.Stop(ctx, d.machine) }

// close powers the machine off if it still runs.
func (d *driver) close() {
	_ = d.hypervisor.Stop(context.Background(), d.machine)
	d.hypervisor.Close()
}

// plugged connects the machine's NICs.
func plugged(m dc.Machine) []dc.Attachment {
	nics, _ := usernet.Network{}.Plug(context.Background(), m) // which cannot fail
	return nics
}

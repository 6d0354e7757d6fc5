package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"hanok/dc"
)

// Machines that a program of before has stored get the claims that it did not know; two on one disk are said, and both stay.
func TestReclaim(t *testing.T) {
	s := OpenMemory()
	defer s.Close()
	machine := func(n int, disk string) *dc.VirtualMachine {
		id := dc.VirtualMachineID(fmt.Sprintf("vm-%d", n))
		return &dc.VirtualMachine{ID: id, Meta: dc.Meta{Name: string(id), Parent: "group-1"},
			Spec: dc.VirtualMachineSpec{Datastore: "datastore-1", Hardware: dc.Hardware{Disks: []dc.Disk{{File: disk}}}}}
	}
	const machines = 3 * reclaimBatch
	for n := range machines {
		if err := s.Change(t.Context(), func(tx *Tx) error {
			tx.Put(machine(n, fmt.Sprintf("%d/a.vmdk", n)))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	// As the program of before would have left them: without claims on disks, and vm-1 on that of vm-0.
	var forgotten []keyValue
	for n := range machines {
		forgotten = append(forgotten, keyValue{key: claimKeys + dc.DiskClaim("datastore-1", fmt.Sprintf("%d/a.vmdk", n))})
	}
	forgotten = append(forgotten, keyValue{key: objectKey(dc.KindVirtualMachine, "vm-1"),
		value: []byte(`{"id":"vm-1","name":"vm-1","parent":"group-1","spec":{"datastore":"datastore-1","hardware":{"disks":[{"file":"0/a.vmdk"}]}},"status":{}}`)})
	if _, err := s.commit(t.Context(), transaction{operations: forgotten}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := s.Reclaim(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), dc.KindVirtualMachine); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "object=vm-1 ") || strings.Count(log.String(), "two objects") != 1 {
		t.Errorf("the log says %s", &log)
	}
	for n := range machines {
		holder, _ := Claimed(s.View(), dc.DiskClaim("datastore-1", fmt.Sprintf("%d/a.vmdk", n)))
		if want := dc.ID(fmt.Sprintf("vm-%d", n)); holder != want && n != 1 {
			t.Errorf("the disk of %s is claimed by %q", want, holder)
		}
	}
	before := s.View().Revision()
	if err := s.Change(t.Context(), func(tx *Tx) error {
		vm, err := Load[*dc.VirtualMachine](tx, "vm-1")
		if err != nil {
			return err
		}
		vm.Spec.Hardware.Disks[0].File = "1/a.vmdk"
		tx.Put(vm)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Reclaim(t.Context(), slog.New(slog.DiscardHandler), dc.KindVirtualMachine); err != nil {
		t.Fatal(err)
	}
	if now := s.View().Revision(); now != before+1 {
		t.Errorf("something was written where nothing was to be done: %d transactions", now-before-1)
	}
}

package alarm

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// BenchmarkLook looks at 100,000 machines with the default alarms, as the manager does every 10 seconds.
func BenchmarkLook(b *testing.B) {
	st, log := store.OpenMemory(), slog.New(slog.DiscardHandler)
	values := []dc.CounterValue{{Counter: dc.CPUUsage, Value: 1000}, {Counter: dc.MemoryUsage, Value: 1000}}
	s := New(Config{Store: st, Access: access.New(st, log), AuthorityEnds: time.Now().Add(time.Hour), Log: log, Values: func(dc.ID) []dc.CounterValue { return values }})
	if err := s.Defaults(b.Context()); err != nil {
		b.Fatal(err)
	}
	for batch := range 100 {
		if err := st.Change(b.Context(), func(tx *store.Tx) error {
			for n := range 1000 {
				id := fmt.Sprintf("vm-%06d", 1000*batch+n)
				tx.Put(&dc.VirtualMachine{ID: dc.VirtualMachineID(id), Meta: dc.Meta{Name: id, Parent: "group-vm"}, Status: dc.VirtualMachineStatus{Power: dc.PoweredOn}})
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	w := s.newWatcher()
	b.ReportAllocs()
	for b.Loop() {
		w.lookAtAll(b.Context(), time.Now())
	}
}

package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		store.OpenMemory()
	}
}

func BenchmarkOpenEmbedded(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := openIn(dir)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// One writer waits for the disk with every change.
func BenchmarkChange(b *testing.B) {
	backends := map[string]*store.Store{"memory": store.OpenMemory(), "embedded": open(b, store.EmbeddedConfig{Dir: b.TempDir()})}
	for name, s := range backends {
		seed(b, s, 100)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				touch(b, s, 0)
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.SetParallelism(16)
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for n := int(next.Add(1)); pb.Next(); {
					touch(b, s, n%100)
				}
			})
		})
	}
}

func BenchmarkView(b *testing.B) {
	const machines = 10000
	s := store.OpenMemory()
	seed(b, s, machines)
	b.Run("get", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := store.Get[*dc.VirtualMachine](s.View(), benchID(n%machines)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for range store.List[*dc.VirtualMachine](s.View()) {
				n++
			}
			if n != machines {
				b.Fatal(n)
			}
		}
	})
	b.Run("change", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			touch(b, s, n%machines)
		}
	})
}

func benchID(n int) dc.ID { return dc.ID(fmt.Sprintf("vm-%06d", n)) }

func seed(b *testing.B, s *store.Store, machines int) {
	for n := range machines {
		if err := s.Change(b.Context(), func(tx *store.Tx) error {
			tx.Put(&dc.VirtualMachine{ID: dc.VirtualMachineID(benchID(n)), Meta: dc.Meta{Name: fmt.Sprint(n), Parent: "group-a"},
				Spec: dc.VirtualMachineSpec{Host: "host-a", Hardware: dc.Hardware{NICs: []dc.NIC{{MAC: fmt.Sprint(n)}}}}})
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func touch(b *testing.B, s *store.Store, n int) {
	if err := s.Change(b.Context(), func(tx *store.Tx) error {
		v, err := store.Load[*dc.VirtualMachine](tx, benchID(n))
		if err == nil {
			v.Status.Power = dc.PoweredOn
			tx.Put(v)
		}
		return err
	}); err != nil {
		b.Fatal(err)
	}
}

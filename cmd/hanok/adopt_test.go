package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// lose removes a machine from the inventory as if the manager had been restored from a backup made before it was.
func (c *center) lose(name string) error {
	id, err := c.manager.Inventory.Resolve(dc.System, dc.KindVirtualMachine, name)
	if err != nil {
		return err
	}
	return c.manager.Store.Change(context.Background(), func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, id)
		if err != nil {
			return err
		}
		tx.Delete(vm)
		return nil
	})
}

// orphaned returns when a machine was reported as an orphan. Nobody is told of that.
func (c *center) orphaned(name string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		orphans, err := c.manager.Machines.Orphans(dc.System)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(orphans, func(o dc.Orphan) bool { return o.Machine.Name == name }) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is no orphan; those are %+v", name, orphans)
		}
	}
}

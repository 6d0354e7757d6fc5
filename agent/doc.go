// Package agent is the host side of the data center: it takes the assignments of one host, advances each machine one idempotent
// step at a time through its drivers, and reports what it sees. It declares the driver interfaces; it drives no program
// itself. cmd starts it; it talks to a manager through package api.
//
// What the host needs to go on without a manager it keeps on its own disk, in Config.Dir:
//
//	identity.json          the host's ID, key and certificate, and the authority that it trusts
//	machines/{id}.json     a machine's assignment and what became of it (record)
//	datastores/{id}.json   where a datastore is
//	reserve/               room that is left on a full disk for machines to be powered off and deleted
//
// Each is replaced as a whole and reaches the disk before anything is done that depends on it. The comments of step.go
// and of the steps in machine.go say what happens when the power goes in the middle.
//
// An absence is never an order: only a tombstone, an assignment with Deleted, removes a machine and its files.
package agent

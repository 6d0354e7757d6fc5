// Package dc is the data center as pure values: the one vocabulary that the manager, the host agents, the drivers and
// every dialect share. Reading it teaches the system.
//
// It holds typed IDs, the closed list of error kinds, the inventory objects (Folder, Datacenter, Cluster, Host,
// ResourcePool, Datastore, PortGroup, Image, VirtualMachine), Task, Event, User and Session, what a host is assigned and
// what it reports, and the rules that need nothing but these values.
//
// It is not a store, a protocol or a clock. It imports the standard library only, does no I/O, reads no clock and makes
// no random numbers: callers pass times and IDs. Every other room may import it.
//
// Conventions. Spec is what was asked for and is written by the manager's services and tasks alone; Status is what was
// observed and is authored by the host agent (committed by the manager that holds the host's connection). Sizes are in
// bytes unless the name says MB (1 MB is 1<<20 bytes, as in vSphere). Objects read from a store's view are shared and
// must not be changed.
package dc

// Package store keeps the objects of the data center: typed, durable, and changed by transactions.
//
// A Store has one backend, which commits a transaction (conditions and operations on keys) and delivers what was
// committed, in the order of revisions: etcd in this process (OpenEmbedded), an etcd that is already there
// (OpenExternal), or memory (OpenMemory, for tests and demonstrations). All else is shared: the View, an immutable
// picture of everything that follows the backend's stream and never asks it; Change, which runs a function against the
// newest View and commits what it asked for as one transaction; the ring of recent Changes; claims; fences.
//
// The keys are /hanok/v1/object/KIND/ID with the object as JSON, /hanok/v1/claim/CLAIM with the holder's ID,
// /hanok/v1/fence/NAME, /hanok/v1/owner where an etcd has one, and /hanok/v1/format with the version of this layout (format.go; migrate.go brings a store up to it). An
// object's revision is the revision of etcd at which its key was written last, plus /hanok/v1/base: a store that was restored
// from a backup begins above all revisions that the data center has ever had.
//
// It knows no rules of the data center besides claims: services decide, the store keeps. Every service, reconciler and
// task of the manager calls it; nobody outside the manager does.
package store

// Package export lends machines without power to those who take them away as packages: vSphere's HttpNfcLease. A lease is a task that
// reads its machine, so that nobody powers it on, changes or deletes it; it lives as long as its holder asks for something, and dies with
// the manager. The disks are made by the machine's host as they are sent, and may be asked for again from any byte on. The descriptor comes
// last, when the sizes of the disks are known. What a descriptor says is package vapp/hardware's, how it is written package ovf's; archives
// and manifests are the client's. Facades call Service.
package export

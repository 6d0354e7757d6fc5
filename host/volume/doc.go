// Package volume keeps the files of virtual machines on the local datastores of a host. A datastore is a folder on the
// host's own file system; each machine has one folder in it, with files by VMware's names:
//
//	{folder}.vmx         its configuration; the key hanok.id says whose folder this is
//	{folder}.vmx~        the configuration before the last change
//	{folder}.vmdk        the first disk's descriptor; {folder}_1.vmdk the second one's
//	{folder}-flat.vmdk   the first disk's bytes: raw, and sparse unless the disk is thick
//	{folder}.nvram       the variables of EFI firmware
//	{folder}-*.vmss      the memory of a suspended machine; the machine is suspended exactly while this file exists
//	vmware.log           the log since the last power-on; vmware-N.log those before
//	{folder}.vmx.lck     the lock of a running machine
//	*.tmp                what a crash left half made; never read
//
// {folder} is the name of the folder itself, which does not follow a rename of the machine.
//
// Nothing in a datastore is trusted. Every file is opened beneath the datastore's folder (package beneath), so that a datastore
// that was filled from outside cannot lead to another machine's disk or to a file of the host.
//
// The package executes nothing and talks to nobody. The agent calls it as its Storage; package qemu calls Files and
// passes what it opens to an unprivileged process by descriptor.
package volume

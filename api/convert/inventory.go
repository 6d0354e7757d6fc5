package convert

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// Names returns the name of an object, or "" for one that is not there. Messages show names beside IDs for people.
type Names func(dc.ID) string

// Time returns t for the wire, and nil for the zero time.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Folder returns a folder for the wire.
func Folder(o *dc.Folder) *hanokv1.Folder {
	return &hanokv1.Folder{
		Id: string(o.ID), Name: o.Name, ParentId: string(o.Parent), Created: Time(o.Created), Revision: o.Revision,
		Type: string(o.Type),
	}
}

// Datacenter returns a data center for the wire.
func Datacenter(o *dc.Datacenter) *hanokv1.Datacenter {
	return &hanokv1.Datacenter{
		Id: string(o.ID), Name: o.Name, FolderId: string(o.Parent), Created: Time(o.Created), Revision: o.Revision,
		VmFolderId: string(o.VMFolder), HostFolderId: string(o.HostFolder),
		DatastoreFolderId: string(o.DatastoreFolder), NetworkFolderId: string(o.NetworkFolder),
	}
}

// Cluster returns a cluster for the wire.
func Cluster(o *dc.Cluster) *hanokv1.Cluster {
	return &hanokv1.Cluster{
		Id: string(o.ID), Name: o.Name, FolderId: string(o.Parent), Created: Time(o.Created), Revision: o.Revision,
		RootPoolId: string(o.RootPool), Standalone: o.Standalone,
	}
}

// Host returns a host for the wire.
func Host(o *dc.Host, names Names) *hanokv1.Host {
	return &hanokv1.Host{
		Id: string(o.ID), Name: o.Name, ClusterId: string(o.Parent), Cluster: names(o.Parent),
		Created: Time(o.Created), Revision: o.Revision,
		Connection: string(o.Connection()), Maintenance: string(o.Spec.Maintenance), Version: o.Status.Version, BootId: o.Status.BootID, Os: o.Status.OS,
		Cpus: int32(o.Status.CPUs), CpuModel: o.Status.CPUModel, MemoryMb: o.Status.MemoryMB,
		Hypervisor: &hanokv1.Hypervisor{
			Name: o.Status.Hypervisor.Name, Version: o.Status.Hypervisor.Version,
			Accelerator: string(o.Status.Hypervisor.Accelerator), Reason: o.Status.Hypervisor.Reason,
			Warnings: o.Status.Hypervisor.Warnings,
		},
		CpuCores: int32(o.Status.CPUCores), CpuMhz: o.Status.CPUMHz,
		GuaranteedCpuMhz: o.Status.Guarantee().CPUMHz, GuaranteedMemoryMb: o.Status.Guarantee().MemoryMB,
	}
}

// ResourcePool returns a resource pool for the wire, without its runtime figures.
func ResourcePool(o *dc.ResourcePool) *hanokv1.ResourcePool {
	out := &hanokv1.ResourcePool{
		Id: string(o.ID), Name: o.Name, ParentId: string(o.Parent), Created: Time(o.Created), Revision: o.Revision,
	}
	if !o.Root() {
		cpu, memory := o.Config.PoolShares()
		out.Cpu, out.Memory = ResourceAllocation(o.Config.CPU, cpu), ResourceAllocation(o.Config.Memory, memory)
	}
	return out
}

// Datastore returns a datastore for the wire. usage is nil while it is not known.
func Datastore(o *dc.Datastore, usage *dc.DatastoreUsage, names Names) *hanokv1.Datastore {
	out := &hanokv1.Datastore{
		Id: string(o.ID), Name: o.Name, FolderId: string(o.Parent), Created: Time(o.Created), Revision: o.Revision,
		Type: string(o.Spec.Type), HostId: string(o.Spec.Host), Host: names(dc.ID(o.Spec.Host)), Path: o.Spec.Path,
		Accessible: o.Status.Accessible, Failure: Failure(o.Status.Failure), CapacityBytes: o.Status.CapacityBytes,
	}
	for _, host := range o.Spec.Hosts() {
		out.HostIds = append(out.HostIds, string(host))
	}
	if usage != nil {
		out.CapacityBytes, out.FreeBytes = usage.CapacityBytes, &usage.FreeBytes
	}
	return out
}

// File returns a file on a datastore for the wire.
func File(f dc.File) *hanokv1.File {
	return &hanokv1.File{Path: f.Path, Kind: string(f.Kind), SizeBytes: f.SizeBytes, AllocatedBytes: f.AllocatedBytes, Modified: Time(f.Modified)}
}

// PortGroup returns a port group for the wire.
func PortGroup(o *dc.PortGroup) *hanokv1.PortGroup {
	return &hanokv1.PortGroup{
		Id: string(o.ID), Name: o.Name, FolderId: string(o.Parent), Created: Time(o.Created), Revision: o.Revision,
	}
}

// Image returns an image for the wire.
func Image(o *dc.Image) *hanokv1.Image {
	return &hanokv1.Image{
		Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision,
		Digest: o.Digest, SizeBytes: o.SizeBytes, GuestId: o.GuestID,
	}
}

// User returns a user, who has the role on the root folder, for the wire, without the hash of the password.
func User(o *dc.User, role, source string) *hanokv1.User {
	return &hanokv1.User{
		Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision,
		Role: role, InitialPassword: o.Initial, Disabled: o.Disabled, ServiceAccount: o.Service, IdentitySource: source,
	}
}

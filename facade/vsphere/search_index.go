package vsphere

import (
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
)

func init() {
	const on = "SearchIndex"
	register(map[string]method{
		"FindByInventoryPath": do(on, (*call).findByInventoryPath),
		"FindChild":           do(on, (*call).findChild),
		"FindByUuid": do(on, func(c *call, r *types.FindByUuid) (any, error) {
			return c.first(r.Datacenter, byUUID(r.Uuid, r.VmSearch, r.InstanceUuid))
		}),
		"FindAllByUuid": do(on, func(c *call, r *types.FindAllByUuid) (any, error) {
			return c.every(r.Datacenter, byUUID(r.Uuid, r.VmSearch, r.InstanceUuid))
		}),
		"FindByIp":    do(on, func(c *call, r *types.FindByIp) (any, error) { return c.first(r.Datacenter, byIP(r.Ip, r.VmSearch)) }),
		"FindAllByIp": do(on, func(c *call, r *types.FindAllByIp) (any, error) { return c.every(r.Datacenter, byIP(r.Ip, r.VmSearch)) }),
		"FindByDnsName": do(on, func(c *call, r *types.FindByDnsName) (any, error) {
			return c.first(r.Datacenter, byName(r.DnsName, r.VmSearch))
		}),
		"FindAllByDnsName": do(on, func(c *call, r *types.FindAllByDnsName) (any, error) {
			return c.every(r.Datacenter, byName(r.DnsName, r.VmSearch))
		}),
		"FindByDatastorePath": do(on, func(c *call, r *types.FindByDatastorePath) (any, error) {
			return c.first(&r.Datacenter, func(p *model.Picture, o dc.Object) bool {
				vm, ok := o.(*dc.VirtualMachine)
				return ok && p.ConfigFile(vm) == r.Path
			})
		}),
	})
}

// matches reports whether an object is the one that is looked for.
type matches func(p *model.Picture, o dc.Object) bool

func byUUID(uuid string, machines bool, instance *bool) matches {
	return func(_ *model.Picture, o dc.Object) bool {
		switch o := o.(type) {
		case *dc.VirtualMachine:
			have := o.Spec.Hardware.UUID
			if instance != nil && *instance {
				have = o.Spec.Hardware.InstanceUUID
			}
			return machines && strings.EqualFold(have, uuid)
		case *dc.Host:
			return !machines && strings.EqualFold(model.UUID(string(o.ID)), uuid)
		}
		return false
	}
}

func byIP(ip string, machines bool) matches {
	return func(_ *model.Picture, o dc.Object) bool {
		vm, ok := o.(*dc.VirtualMachine)
		if !ok || !machines {
			return false
		}
		for _, a := range vm.Status.Guest.Addresses {
			if a == ip {
				return true
			}
		}
		return false
	}
}

func byName(name string, machines bool) matches {
	return func(_ *model.Picture, o dc.Object) bool {
		switch o := o.(type) {
		case *dc.VirtualMachine:
			return machines && o.Status.Guest.Hostname != "" && strings.EqualFold(o.Status.Guest.Hostname, name)
		case *dc.Host:
			return !machines && strings.EqualFold(o.Name, name)
		}
		return false
	}
}

// find calls yield with what matches in a data center, or in all for nil, until it returns false.
func (c *call) find(in *types.ManagedObjectReference, m matches, yield func(types.ManagedObjectReference) bool) error {
	p, err := c.picture()
	if err != nil {
		return err
	}
	if in != nil && p.Object(in.Value) == nil {
		return faultf(&types.ManagedObjectNotFound{Obj: *in}, "there is no data center %q", in.Value)
	}
	for _, k := range []dc.Kind{dc.KindVirtualMachine, dc.KindHost} {
		for o := range p.View().Objects(k) {
			if !m(p, o) || in != nil && !p.Below(o.Identity(), dc.ID(in.Value)) || p.Object(string(o.Identity())) == nil {
				continue
			}
			if !yield(model.RefOf(o)) {
				return nil
			}
		}
	}
	return nil
}

// first returns a reference to one match, or nothing.
func (c *call) first(in *types.ManagedObjectReference, m matches) (any, error) {
	var found any
	err := c.find(in, m, func(ref types.ManagedObjectReference) bool {
		found = ref
		return false
	})
	return found, err
}

func (c *call) every(in *types.ManagedObjectReference, m matches) (any, error) {
	var found []types.ManagedObjectReference
	err := c.find(in, m, func(ref types.ManagedObjectReference) bool {
		found = append(found, ref)
		return true
	})
	return found, err
}

func (c *call) findByInventoryPath(r *types.FindByInventoryPath) (any, error) {
	p, err := c.picture()
	if err != nil {
		return nil, err
	}
	at := dc.ID(dc.RootFolder)
	for name := range strings.SplitSeq(strings.Trim(r.InventoryPath, "/"), "/") {
		if name == "" {
			continue
		}
		if at = p.Child(at, name); at == "" {
			return nil, nil
		}
	}
	return found(p, at), nil
}

func (c *call) findChild(r *types.FindChild) (any, error) {
	p, err := c.picture()
	if err != nil {
		return nil, err
	}
	if p.Object(r.Entity.Value) == nil {
		return nil, faultf(&types.ManagedObjectNotFound{Obj: r.Entity}, "there is no %s %q", r.Entity.Type, r.Entity.Value)
	}
	return found(p, p.Child(dc.ID(r.Entity.Value), r.Name)), nil
}

func found(p *model.Picture, id dc.ID) any {
	if o := p.Object(string(id)); o != nil {
		return o.Ref()
	}
	return nil
}

package model

import (
	"slices"

	"hanok/dc"
)

// Contents returns the objects of the types, or of all types for none, that stand below a container: its children, and with recursive what
// is below them. A cluster has its hosts and resource pools; a resource pool, and a host, their machines.
func (p *Picture) Contents(container dc.ID, types []string, recursive bool) []Ref {
	c := contentsOf{p: p, wanted: map[string]bool{}, recursive: recursive, out: []Ref{}, seen: map[dc.ID]bool{}}
	for name, k := range kinds {
		c.wanted[name] = len(types) == 0 || slices.ContainsFunc(types, k.Is)
	}
	if o := p.find(container); o != nil {
		k := o.Kind()
		c.inFolders = k == dc.KindFolder || k == dc.KindDatacenter
		c.below(o)
	}
	return c.out
}

type contentsOf struct {
	p         *Picture
	wanted    map[string]bool // by the names of types
	recursive bool
	// inFolders says that machines are found in their folders, and need not be looked for in pools and on hosts.
	inFolders bool
	out       []Ref
	seen      map[dc.ID]bool
}

func (c *contentsOf) below(o dc.Object) {
	v := c.p.view
	switch o := o.(type) {
	case *dc.Folder:
		for _, k := range contents {
			if k == dc.KindFolder || o.Type.Holds(k) && c.leads(k) {
				for child := range v.Children(k, dc.ID(o.ID)) {
					c.add(child)
				}
			}
		}
	case *dc.Datacenter:
		for _, id := range []dc.FolderID{o.VMFolder, o.HostFolder, o.DatastoreFolder, o.NetworkFolder} {
			if f := v.Object(dc.ID(id)); f != nil {
				c.add(f)
			}
		}
	case *dc.Cluster:
		for h := range v.Children(dc.KindHost, dc.ID(o.ID)) {
			c.add(h)
		}
		for r := range v.Children(dc.KindResourcePool, dc.ID(o.ID)) {
			c.add(r)
		}
	case *dc.ResourcePool:
		for r := range v.Children(dc.KindResourcePool, dc.ID(o.ID)) {
			c.add(r)
		}
		if c.wanted["VirtualMachine"] && !c.inFolders {
			for vm := range v.Objects(dc.KindVirtualMachine) {
				if vm.(*dc.VirtualMachine).Spec.Pool == o.ID {
					c.add(vm)
				}
			}
		}
	case *dc.Host:
		if c.wanted["VirtualMachine"] && !c.inFolders {
			for vm := range v.OnHost(o.ID) {
				c.add(vm)
			}
		}
	}
}

// leads reports whether an object of a kind is wanted, or may have others below it that are.
func (c *contentsOf) leads(k dc.Kind) bool {
	switch k {
	case dc.KindVirtualMachine, dc.KindDatastore, dc.KindPortGroup:
		return c.wanted[typeNames[k]]
	}
	return true
}

func (c *contentsOf) add(o dc.Object) {
	if c.seen[o.Identity()] || !c.p.sees(o) {
		return
	}
	c.seen[o.Identity()] = true
	if c.wanted[typeName(o)] {
		c.out = append(c.out, refOf(o))
	}
	if c.recursive {
		c.below(o)
	}
}

// Child returns the ID of what is called name directly below an object, in an inventory path, or "".
func (p *Picture) Child(above dc.ID, name string) dc.ID {
	c := contentsOf{p: p, wanted: map[string]bool{}, seen: map[dc.ID]bool{}}
	for t := range kinds {
		c.wanted[t] = true
	}
	if o := p.find(above); o != nil {
		c.below(o)
	}
	for _, ref := range c.out {
		if p.name(dc.ID(ref.Value)) == name {
			return dc.ID(ref.Value)
		}
	}
	return ""
}

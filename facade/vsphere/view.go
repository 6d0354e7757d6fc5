package vsphere

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
	"hanok/facade/vsphere/property"
)

var (
	containerViewType = property.NewType(mo.ContainerView{}, []string{"view", "container", "type", "recursive"})
	listViewType      = property.NewType(mo.ListView{}, []string{"view"})
)

func init() {
	register(map[string]method{
		"CreateContainerView": do("ViewManager", (*call).createContainerView),
		"CreateListView":      do("ViewManager", (*call).createListView),
		"ModifyListView":      do("ListView", (*call).modifyListView),
		"ResetListView":       do("ListView", (*call).resetListView),
		"DestroyView":         do("View", (*call).destroyView),
	})
}

// containerView is what stands below an object, as it is at each moment.
type containerView struct {
	value     string
	container types.ManagedObjectReference
	// of are the types that it has, or none for all, and recursive lets it go below the container's own children.
	of        []string
	recursive bool
}

func (o *containerView) ref() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "ContainerView", Value: o.value}
}

func (o *containerView) in(p *model.Picture) property.Object {
	return thing{o.ref(), containerViewType, func(name string) any {
		switch name {
		case "view":
			return p.Contents(dc.ID(o.container.Value), o.of, o.recursive)
		case "container":
			return o.container
		case "type":
			return o.of
		}
		return o.recursive
	}}
}

func (c *call) createContainerView(r *types.CreateContainerView) (any, error) {
	p, err := c.picture()
	if err != nil {
		return nil, err
	}
	container := p.Object(r.Container.Value)
	if container == nil {
		return nil, &property.NotFoundError{Ref: r.Container}
	}
	if !slices.Contains([]string{"Folder", "Datacenter", "ComputeResource", "ClusterComputeResource", "ResourcePool", "HostSystem"}, container.Type().Name) {
		return nil, faultf(&types.InvalidArgument{InvalidProperty: "container"}, "a %s contains nothing that a view could have", container.Type().Name)
	}
	for _, t := range r.Type {
		if c.types[t] == nil {
			return nil, faultf(&types.InvalidArgument{InvalidProperty: "type"}, "%q is no type of managed objects that is in the inventory", t)
		}
	}
	o := &containerView{value: c.session.name("view"), container: container.Ref(), of: r.Type, recursive: r.Recursive}
	return o.ref(), c.session.add(o)
}

// listView is a list of objects that the client keeps.
type listView struct {
	value string

	mu   sync.Mutex
	refs []types.ManagedObjectReference
}

func (o *listView) ref() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "ListView", Value: o.value}
}

func (o *listView) in(p *model.Picture) property.Object {
	return thing{o.ref(), listViewType, func(string) any {
		o.mu.Lock()
		defer o.mu.Unlock()
		out := []types.ManagedObjectReference{}
		for _, ref := range o.refs {
			if there := p.Object(ref.Value); there != nil {
				out = append(out, there.Ref())
			}
		}
		return out
	}}
}

// change removes objects from the list and adds others, and returns those that are not there.
func (o *listView) change(p *model.Picture, add, remove []types.ManagedObjectReference) []types.ManagedObjectReference {
	o.mu.Lock()
	defer o.mu.Unlock()
	has := func(list []types.ManagedObjectReference, ref types.ManagedObjectReference) bool {
		return slices.ContainsFunc(list, func(r types.ManagedObjectReference) bool { return r.Value == ref.Value })
	}
	o.refs = slices.DeleteFunc(slices.Clone(o.refs), func(r types.ManagedObjectReference) bool { return has(remove, r) })
	unresolved := []types.ManagedObjectReference{}
	for _, ref := range add {
		switch {
		case p.Object(ref.Value) == nil:
			unresolved = append(unresolved, ref)
		case !has(o.refs, ref):
			o.refs = append(o.refs, ref)
		}
	}
	return unresolved
}

func (c *call) createListView(r *types.CreateListView) (any, error) {
	p, err := c.picture()
	if err != nil {
		return nil, err
	}
	o := &listView{value: c.session.name("view")}
	o.change(p, r.Obj, nil)
	return o.ref(), c.session.add(o)
}

func (c *call) modifyListView(r *types.ModifyListView) (any, error) {
	return c.changeList(r.This, func(o *listView, p *model.Picture) []types.ManagedObjectReference {
		return o.change(p, r.Add, r.Remove)
	})
}

func (c *call) resetListView(r *types.ResetListView) (any, error) {
	return c.changeList(r.This, func(o *listView, p *model.Picture) []types.ManagedObjectReference {
		o.mu.Lock()
		old := o.refs
		o.mu.Unlock()
		return o.change(p, r.Obj, old)
	})
}

func (c *call) changeList(ref types.ManagedObjectReference, change func(*listView, *model.Picture) []types.ManagedObjectReference) (any, error) {
	o, err := owned[*listView](c, ref)
	if err != nil {
		return nil, err
	}
	p, err := c.picture()
	if err != nil {
		return nil, err
	}
	unresolved := change(o, p)
	c.feed.Reshape()
	return unresolved, nil
}

func (c *call) destroyView(r *types.DestroyView) (any, error) {
	o := c.session.find(r.This.Value)
	switch o.(type) {
	case *containerView, *listView:
		c.session.remove(r.This.Value)
		c.feed.Reshape()
		return nil, nil
	}
	return nil, faultf(&types.ManagedObjectNotFound{Obj: r.This}, "The view %q has already been destroyed.", r.This.Value)
}

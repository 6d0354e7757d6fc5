package model

import (
	"iter"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/property"
)

// Ref is the API's reference to a managed object.
type Ref = types.ManagedObjectReference

// Client is whom a picture is for.
type Client struct {
	// Sees reports whether the client may see an object, and SeesAll that it may see every one, now and where more come.
	Sees    func(dc.Object) bool
	SeesAll bool
	// Shown returns an object with the texts that the client may know.
	Shown func(dc.Object) dc.Object
	// Roles returns the numbers of the roles that the client has on an object.
	Roles func(dc.ID) []int32
	// Own returns a managed object that is the client's own, or one of the services, or nil.
	Own func(p *Picture, value string) property.Object
}

// Picture is the data center at one moment, as one client sees it. It implements property.Picture.
type Picture struct {
	view   View
	clock  int64
	feed   *Feed
	client Client
	// What somebody has asked for: what is reserved in the resource pools, the alarms that each object has triggered, and its tasks.
	pools     map[dc.ResourcePoolID]PoolRuntime
	triggered map[dc.ID][]*dc.AlarmState
	tasks     map[dc.ID][]*dc.Task
}

// Picture returns the newest moment.
func (f *Feed) Picture(c Client) *Picture {
	view, clock := f.now()
	return &Picture{view: view, clock: clock, feed: f, client: c}
}

// View returns the state that the picture is of.
func (p *Picture) View() View { return p.view }

// Clock implements property.Picture.
func (p *Picture) Clock() int64 { return p.clock }

// Touched implements property.Picture.
func (p *Picture) Touched(since int64) (values []string, structural, ok bool) {
	return p.feed.since(since, p.clock)
}

// Object implements property.Picture.
func (p *Picture) Object(value string) property.Object {
	if o := p.find(dc.ID(value)); o != nil {
		return object{p, o, kinds[typeName(o)]}
	}
	if p.client.Own != nil {
		return p.client.Own(p, value)
	}
	return nil
}

// find returns an object that is a managed one and that the client may see, or nil.
func (p *Picture) find(id dc.ID) dc.Object {
	o := p.view.Object(id)
	if o == nil || typeName(o) == "" || !p.sees(o) {
		return nil
	}
	return o
}

func (p *Picture) sees(o dc.Object) bool { return p.client.SeesAll || p.client.Sees(o) }

// Ref implements property.Picture.
func (p *Picture) Ref(value string) Ref { return p.ref(dc.ID(value)) }

// ref returns the reference of an object, which may be gone.
func (p *Picture) ref(id dc.ID) Ref {
	if o := p.view.Object(id); o != nil {
		return refOf(o)
	}
	return Ref{Type: typeNames[id.Kind()], Value: string(id)}
}

// refOr returns a pointer to a reference, or nil for no ID.
func (p *Picture) refOr(id dc.ID) *Ref {
	if id == "" {
		return nil
	}
	ref := p.ref(id)
	return &ref
}

// refs returns the references of those objects that the client may see.
func refs[T dc.Object](p *Picture, all iter.Seq[T]) []Ref {
	out := []Ref{}
	for o := range all {
		if p.sees(o) {
			out = append(out, refOf(o))
		}
	}
	return out
}

// name returns what an object is called, or "".
func (p *Picture) name(id dc.ID) string {
	if o := p.view.Object(id); o != nil {
		return o.Metadata().Name
	}
	return ""
}

// RefOf returns the reference of an object that is a managed one.
func RefOf(o dc.Object) Ref { return refOf(o) }

func refOf(o dc.Object) Ref { return Ref{Type: typeName(o), Value: string(o.Identity())} }

// object is a managed object of the inventory, or a task.
type object struct {
	p *Picture
	o dc.Object
	t *kind
}

func (o object) Ref() Ref             { return Ref{Type: o.t.Name, Value: string(o.o.Identity())} }
func (o object) Type() *property.Type { return o.t.Type }
func (o object) Object() dc.Object    { return o.o }

func (o object) Value(name string) any {
	if p, ok := o.t.properties[name]; ok {
		return p.value(o.p, o.o)
	}
	return nil
}

func (o object) Stamp(name string) (int64, bool) {
	p := o.t.properties[name]
	return o.p.feed.stamp(o.o.Identity(), p.on|Self), !p.each || p.lists && o.p.client.SeesAll
}

package vsphere

import (
	"context"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hanok/facade/vsphere/model"
	"hanok/facade/vsphere/property"
	"hanok/facade/vsphere/wire"
)

// defaultCollector is the collector that every session has.
const defaultCollector = "propertyCollector"

const (
	// maxUpdates is how many objects one answer of WaitForUpdatesEx tells of, where the client names no number or a greater one.
	maxUpdates = 100
	// maxPages is how many retrievals a session may have open.
	maxPages = 100
)

var (
	collectorType = property.NewType(mo.PropertyCollector{}, []string{"filter"})
	filterType    = property.NewType(mo.PropertyFilter{}, []string{"spec", "partialUpdates"})
)

func init() {
	const on = "PropertyCollector"
	register(map[string]method{
		"RetrieveProperties":           do(on, (*call).retrieveProperties),
		"RetrievePropertiesEx":         do(on, (*call).retrievePropertiesEx),
		"ContinueRetrievePropertiesEx": do(on, (*call).continueRetrieve),
		"CancelRetrievePropertiesEx":   do(on, (*call).cancelRetrieve),
		"CreatePropertyCollector":      do(on, (*call).createCollector),
		"DestroyPropertyCollector":     do(on, (*call).destroyCollector),
		"CreateFilter":                 do(on, (*call).createFilter),
		"DestroyPropertyFilter":        do("PropertyFilter", (*call).destroyFilter),
		"WaitForUpdatesEx": do(on, func(c *call, r *types.WaitForUpdatesEx) (any, error) {
			return c.wait(r.This, r.Version, r.Options, true)
		}),
		"WaitForUpdates":       do(on, func(c *call, r *types.WaitForUpdates) (any, error) { return c.wait(r.This, r.Version, nil, true) }),
		"CheckForUpdates":      do(on, func(c *call, r *types.CheckForUpdates) (any, error) { return c.wait(r.This, r.Version, nil, false) }),
		"CancelWaitForUpdates": do(on, (*call).cancelWait),
	})
}

// collector is one PropertyCollector of a session.
type collector struct {
	property.Collector
	session *session
	value   string

	mu    sync.Mutex
	waits map[*wait]bool
}

// wait is one call that waits in a collector.
type wait struct{ cancel context.CancelCauseFunc }

func (o *collector) ref() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "PropertyCollector", Value: o.value}
}

func (o *collector) in(*model.Picture) property.Object {
	return thing{o.ref(), collectorType, func(name string) any {
		out := []types.ManagedObjectReference{}
		for _, f := range o.Filters() {
			out = append(out, types.ManagedObjectReference{Type: "PropertyFilter", Value: f.Value})
		}
		return out
	}}
}

// filter is one PropertyFilter of a session.
type filter struct {
	of      *collector
	value   string
	spec    types.PropertyFilterSpec
	partial bool
}

func (o *filter) ref() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "PropertyFilter", Value: o.value}
}

func (o *filter) in(*model.Picture) property.Object {
	return thing{o.ref(), filterType, func(name string) any {
		if name == "spec" {
			return o.spec
		}
		return o.partial
	}}
}

// owned returns the session's object that a reference means.
func owned[T ownObject](c *call, ref types.ManagedObjectReference) (T, error) {
	o, ok := c.session.find(ref.Value).(T)
	if !ok {
		return o, faultf(&types.ManagedObjectNotFound{Obj: ref}, "The object %q has already been deleted or has not been completely created.", ref.Value)
	}
	return o, nil
}

func (c *call) specs(all []types.PropertyFilterSpec) ([]*property.Spec, error) {
	out := make([]*property.Spec, len(all))
	for i := range all {
		var err error
		if out[i], err = property.NewSpec(&all[i], func(name string) *property.Type { return c.types[name] }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *call) retrieve(all []types.PropertyFilterSpec) (*model.Picture, *property.Retrieval, error) {
	specs, err := c.specs(all)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.picture()
	if err != nil {
		return nil, nil, err
	}
	r, err := property.Retrieve(p, specs)
	return p, r, err
}

func (c *call) retrieveProperties(r *types.RetrieveProperties) (any, error) {
	p, found, err := c.retrieve(r.SpecSet)
	if err != nil {
		return nil, err
	}
	return stream(func(out func([]byte) error) error { return found.Next(p, c.reader(), found.Left(), "returnval", out) }), nil
}

func (c *call) retrievePropertiesEx(r *types.RetrievePropertiesEx) (any, error) {
	p, found, err := c.retrieve(r.SpecSet)
	if err != nil || found.Left() == 0 {
		return nil, err
	}
	return c.page(p, &page{found: found, size: int(r.Options.MaxObjects)}, "")
}

// page is a retrieval of which the client has not taken everything.
type page struct {
	found *property.Retrieval
	// size is how many objects the client wants at a time, or 0 for all.
	size int
}

// page answers with the next objects. The token is that under which the rest is kept, or "".
func (c *call) page(p *model.Picture, rest *page, token string) (any, error) {
	n := rest.found.Left()
	if rest.size > 0 && rest.size < n {
		n = rest.size
		if token == "" {
			token = c.session.name("page")
		}
		c.session.mu.Lock()
		if len(c.session.pages) >= maxPages {
			for old := range c.session.pages { // any: a client that never takes the rest has many
				delete(c.session.pages, old)
				break
			}
		}
		c.session.pages[token] = rest
		c.session.mu.Unlock()
	} else {
		token = ""
	}
	return stream(func(out func([]byte) error) error {
		b := []byte("<returnval>")
		if token != "" {
			b = append(wire.AppendText(append(b, "<token>"...), token), "</token>"...)
		}
		if err := out(b); err != nil {
			return err
		}
		if err := rest.found.Next(p, c.reader(), n, "objects", out); err != nil {
			return err
		}
		return out([]byte("</returnval>"))
	}), nil
}

// take returns the rest of a retrieval, which nobody else gets then.
func (c *call) take(token string) (*page, error) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	rest := c.session.pages[token]
	if rest == nil {
		return nil, faultf(&types.InvalidProperty{Name: "token"}, "there is no retrieval %q: it has ended, or was never begun", token)
	}
	delete(c.session.pages, token)
	return rest, nil
}

func (c *call) continueRetrieve(r *types.ContinueRetrievePropertiesEx) (any, error) {
	rest, err := c.take(r.Token)
	if err != nil {
		return nil, err
	}
	p, err := c.picture()
	if err != nil {
		return nil, err
	}
	return c.page(p, rest, r.Token)
}

func (c *call) cancelRetrieve(r *types.CancelRetrievePropertiesEx) (any, error) {
	_, err := c.take(r.Token)
	return nil, err
}

func (c *call) createCollector(*types.CreatePropertyCollector) (any, error) {
	o := &collector{session: c.session, value: c.session.name("collector"), waits: map[*wait]bool{}}
	return o.ref(), c.session.add(o)
}

func (c *call) destroyCollector(r *types.DestroyPropertyCollector) (any, error) {
	o, err := owned[*collector](c, r.This)
	if err != nil {
		return nil, err
	}
	if o.value == defaultCollector {
		return nil, faultf(&types.NotSupported{}, "the session's own collector stays as long as the session")
	}
	for _, f := range o.Filters() {
		c.session.remove(f.Value)
	}
	c.session.remove(o.value)
	o.cancel(errCollectorGone)
	return nil, nil
}

func (c *call) createFilter(r *types.CreateFilter) (any, error) {
	o, err := owned[*collector](c, r.This)
	if err != nil {
		return nil, err
	}
	specs, err := c.specs([]types.PropertyFilterSpec{r.Spec})
	if err != nil {
		return nil, err
	}
	p, err := c.picture()
	if err != nil {
		return nil, err
	}
	if _, err := specs[0].Select(p); err != nil {
		return nil, err
	}
	f := &filter{of: o, value: c.session.name("filter"), spec: r.Spec, partial: r.PartialUpdates}
	if err := c.session.add(f); err != nil {
		return nil, err
	}
	o.Add(&property.Filter{Value: f.value, Spec: specs[0]})
	return f.ref(), nil
}

func (c *call) destroyFilter(r *types.DestroyPropertyFilter) (any, error) {
	f, err := owned[*filter](c, r.This)
	if err != nil {
		return nil, err
	}
	c.session.remove(f.value)
	f.of.Remove(f.value)
	return nil, nil
}

var (
	errCanceled      = faultf(&types.RequestCanceled{}, "The request was canceled by a user.")
	errCollectorGone = faultf(&types.ManagedObjectNotFound{}, "The collector was destroyed.")
	errSessionGone   = faultf(&types.NotAuthenticated{}, "The session is not authenticated.")
)

func (c *call) cancelWait(r *types.CancelWaitForUpdates) (any, error) {
	o, err := owned[*collector](c, r.This)
	if err != nil {
		return nil, err
	}
	o.cancel(errCanceled)
	return nil, nil
}

// cancel ends all that waits in the collector.
func (o *collector) cancel(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for w := range o.waits {
		w.cancel(why)
	}
}

// enter makes a wait one of the collector's, until leave.
func (o *collector) enter(w *wait) (leave func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waits[w] = true
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.waits, w)
	}
}

// wait answers with what has changed since a version, and waits for it if that is asked for. Where nothing has changed in the time
// that the client has, the answer is empty.
func (c *call) wait(ref types.ManagedObjectReference, version string, options *types.WaitOptions, patient bool) (any, error) {
	o, err := owned[*collector](c, ref)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	defer o.enter(&wait{cancel})()
	most := maxUpdates
	var late <-chan time.Time
	if options != nil {
		if n := int(options.MaxObjectUpdates); n > 0 && n < most {
			most = n
		}
		if options.MaxWaitSeconds != nil {
			timer := time.NewTimer(time.Duration(*options.MaxWaitSeconds) * time.Second)
			defer timer.Stop()
			late = timer.C
		}
	}
	for {
		grown := o.Grown()
		p, err := c.picture()
		if err != nil {
			return nil, err
		}
		u, err := o.Since(p, c.reader(), version, most)
		if err != nil {
			return nil, err
		}
		if u != nil {
			return c.updateSet(u), nil
		}
		if !patient {
			return nil, nil
		}
		select {
		case <-c.feed.Moved(p.Clock()):
		case <-grown:
		case <-late:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-o.session.ended:
			return nil, errSessionGone
		case <-c.ended.Done():
			return nil, errSessionGone
		}
		if err := c.still(); err != nil {
			return nil, err
		}
	}
}

// still looks whether the caller is logged in: a wait may last for days.
func (c *call) still() error {
	if _, err := c.Access.Authenticate(c.token); err != nil {
		return errSessionGone
	}
	return nil
}

func (c *call) updateSet(u *property.Updates) raw {
	b := append(wire.AppendText([]byte("<returnval><version>"), u.Version), "</version>"...)
	b = append(b, u.XML...)
	if u.Truncated {
		b = append(b, "<truncated>true</truncated>"...)
	}
	return append(b, "</returnval>"...)
}

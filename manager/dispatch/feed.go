package dispatch

import (
	"context"
	"slices"
	"sync"

	"hanok/dc"
	"hanok/manager/resource"
	"hanok/manager/store"
)

// feed tells each connection which of the objects that concern its host have changed. One goroutine follows the store for all
// of them: a thousand that follow it themselves would all wake with every change.
func (s *Service) feed() {
	st := s.cfg.Store
	since := st.View().Revision()
	s.toAll((*inbox).addAll) // of connections that were there before
	for st.Wait(s.ctx, since) == nil {
		changes, upto, ok := st.Changes(since)
		since = upto
		if !ok {
			s.toAll((*inbox).addAll)
			continue
		}
		for _, c := range changes {
			s.deliver(c)
		}
	}
	err := st.Err()
	if err == nil {
		err = context.Cause(s.ctx)
	}
	s.toAll(func(b *inbox) { b.end(err) })
}

// deliver tells the connections that a change concerns.
func (s *Service) deliver(c store.Change) {
	if c.Kind == dc.KindResourcePool {
		s.deliverPool(c)
		return
	}
	now, before := hostsOf(c.Object), hostsOf(c.Old)
	for _, host := range now {
		s.tell(host, c.ID)
	}
	for _, host := range before {
		if !slices.Contains(now, host) {
			s.tell(host, c.ID)
		}
	}
}

// deliverPool tells the connections of a cluster's hosts that machines in one of its pools get something else. A new pool, or one
// that is gone, has none in it.
func (s *Service) deliverPool(c store.Change) {
	now, _ := c.Object.(*dc.ResourcePool)
	before, _ := c.Old.(*dc.ResourcePool)
	if now == nil || before == nil || now.Config == before.Config && now.Parent == before.Parent {
		return
	}
	v := s.cfg.Store.View()
	cluster, err := resource.ClusterOf(v, now.ID)
	if err != nil {
		return // it is gone by now
	}
	for host := range store.Children[*dc.Host](v, dc.ID(cluster.ID)) {
		s.tell(host.ID, c.ID)
	}
}

// tell puts the ID into the inbox of the host's connection, if there is one.
func (s *Service) tell(host dc.HostID, id dc.ID) {
	if l := s.link(host); l != nil {
		l.inbox.add(id)
	}
}

// hostsOf returns the hosts whose connections an object concerns.
func hostsOf(o dc.Object) []dc.HostID {
	switch o := o.(type) {
	case *dc.VirtualMachine:
		return []dc.HostID{o.Spec.Host}
	case *dc.Datastore:
		return o.Spec.Hosts()
	case *dc.Host:
		return []dc.HostID{o.ID}
	}
	return nil
}

// toAll calls f for the inbox of every connection.
func (s *Service) toAll(f func(*inbox)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		f(l.inbox)
	}
}

// inbox holds what a connection has to look at again. It says nothing of what became of an object: who takes the IDs asks the
// newest view.
type inbox struct {
	// filled has one element when something may be in it.
	filled chan struct{}

	mu    sync.Mutex
	ids   map[dc.ID]bool
	all   bool
	ended error
}

func newInbox() *inbox {
	return &inbox{filled: make(chan struct{}, 1), ids: map[dc.ID]bool{}}
}

func (b *inbox) add(id dc.ID)  { b.put(func() { b.ids[id] = true }) }
func (b *inbox) addAll()       { b.put(func() { b.all = true }) }
func (b *inbox) end(err error) { b.put(func() { b.ended = err }) }

func (b *inbox) put(fill func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fill()
	select {
	case b.filled <- struct{}{}:
	default: // it is said already
	}
}

// take empties the inbox. all says that everything is to be looked at; err, that nothing comes any more.
func (b *inbox) take() (ids map[dc.ID]bool, all bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids, all = b.ids, b.all
	b.ids, b.all = map[dc.ID]bool{}, false
	return ids, all, b.ended
}

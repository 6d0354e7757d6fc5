package stats

import (
	"sync"
	"time"

	"hanok/dc"
)

// freshness is how old the newest figures may be to count as what is now: three samples.
const freshness = 3 * dc.SampleInterval

// newest is what was measured last of each object, by the host that has it.
type newest struct {
	mu    sync.RWMutex
	hosts map[dc.HostID]reported
	// at is where the values of an object are.
	at map[dc.ID]place
}

// reported is one sample of a host: the values of all objects, one object after the other.
type reported struct {
	end     time.Time
	objects []dc.ID
	values  []dc.CounterValue
}

// place is where the values of an object are among those of its host.
type place struct {
	host       dc.HostID
	begin, end int
}

func newNewest() *newest { return &newest{hosts: map[dc.HostID]reported{}, at: map[dc.ID]place{}} }

// set replaces what a host has measured, in which the figures of an object stand together. Of 100,000 machines that is 20 MB; as
// figures, each with its object's name, it would be five times that.
func (n *newest) set(host dc.HostID, f dc.Frame) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(host)
	r := reported{end: f.End, values: make([]dc.CounterValue, len(f.Figures))}
	for begin := 0; begin < len(f.Figures); {
		object, end := f.Figures[begin].Object, begin
		for ; end < len(f.Figures) && f.Figures[end].Object == object; end++ {
			r.values[end] = dc.CounterValue{Counter: f.Figures[end].Counter, Value: f.Figures[end].Value}
		}
		r.objects = append(r.objects, object)
		n.at[object] = place{host, begin, end}
		begin = end
	}
	n.hosts[host] = r
}

// drop forgets what a host has measured.
func (n *newest) drop(host dc.HostID) {
	for _, object := range n.hosts[host].objects {
		if n.at[object].host == host {
			delete(n.at, object)
		}
	}
	delete(n.hosts, host)
}

// of returns the newest values of an object, or nil where there are none that are fresh at now. They are shared.
func (n *newest) of(object dc.ID, now time.Time) []dc.CounterValue {
	n.mu.RLock()
	defer n.mu.RUnlock()
	p, ok := n.at[object]
	if !ok {
		return nil
	}
	r := n.hosts[p.host]
	if now.Sub(r.end) > freshness {
		return nil
	}
	return r.values[p.begin:p.end]
}

// forget drops the hosts that have sent nothing for long.
func (n *newest) forget(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for host, r := range n.hosts {
		if now.Sub(r.end) > freshness {
			n.drop(host)
		}
	}
}

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
	// at is where the figures of an object are.
	at map[dc.ID]place
}

type reported struct {
	end     time.Time
	figures []dc.Figure
}

type place struct {
	host       dc.HostID
	begin, end int
}

func newNewest() *newest { return &newest{hosts: map[dc.HostID]reported{}, at: map[dc.ID]place{}} }

// set replaces what a host has measured.
func (n *newest) set(host dc.HostID, f dc.Frame) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(host)
	n.hosts[host] = reported{f.End, f.Figures}
	for begin := 0; begin < len(f.Figures); {
		end := begin + 1
		for end < len(f.Figures) && f.Figures[end].Object == f.Figures[begin].Object {
			end++
		}
		n.at[f.Figures[begin].Object] = place{host, begin, end}
		begin = end
	}
}

// drop forgets what a host has measured.
func (n *newest) drop(host dc.HostID) {
	for _, f := range n.hosts[host].figures {
		if n.at[f.Object].host == host {
			delete(n.at, f.Object)
		}
	}
	delete(n.hosts, host)
}

// of returns the newest figures of an object, or nil where there are none that are fresh at now. They are shared.
func (n *newest) of(object dc.ID, now time.Time) ([]dc.Figure, time.Time) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	p, ok := n.at[object]
	if !ok {
		return nil, time.Time{}
	}
	r := n.hosts[p.host]
	if now.Sub(r.end) > freshness {
		return nil, time.Time{}
	}
	return r.figures[p.begin:p.end], r.end
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

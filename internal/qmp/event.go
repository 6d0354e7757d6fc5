package qmp

import (
	"encoding/json"
	"sync"
	"time"
)

// MaxQueuedEvents is how many events wait for a subscriber before further ones are counted instead of kept. QEMU
// limits the rate of most events that a guest can cause, not of all (RESET): without a bound, a guest in a reset loop
// and a stuck subscriber would fill the memory of the process that runs every other guest.
const MaxQueuedEvents = 4096

// EventOverflow is the name of the event that stands in for events that found the queue full. Its Dropped says how many they were;
// it has the place in the sequence, and the time, that the last of them had.
const EventOverflow = "OVERFLOW"

// Event is something that QEMU reported by itself.
type Event struct {
	// Name is QEMU's name for it, for example "SHUTDOWN", or [EventOverflow].
	Name string
	// Data is the event's own JSON object; nil if it has none.
	Data json.RawMessage
	// Time is QEMU's wall clock, to the microsecond.
	Time time.Time
	// Dropped is 0 but on [EventOverflow].
	Dropped int
}

// Subscribe returns a channel of every event from now on; the first subscriber also gets those since the connection
// began. Each subscriber has a queue of its own, [MaxQueuedEvents] long: a slow one holds up neither replies nor other
// subscribers, and what it loses by its slowness it is told as an [EventOverflow], upon which it has to ask QEMU for the state anew.
//
// The channel is closed when the connection has ended and all events have been received, or after cancel, which every
// subscriber must call in the end. cancel is idempotent.
func (c *Client) Subscribe() (events <-chan Event, cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.first
	if q == nil {
		q = newQueue()
		if c.err != nil {
			q.end()
		}
		c.queues[q] = struct{}{}
	}
	c.first = nil
	out, stop := make(chan Event), make(chan struct{})
	go q.deliver(out, stop)
	return out, sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.queues, q)
		close(stop)
	})
}

// publish appends an event to every queue.
func (c *Client) publish(m *message) {
	e := Event{
		Name: m.Event,
		Data: m.Data,
		Time: time.Unix(m.Timestamp.Seconds, m.Timestamp.Microseconds*1000),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for q := range c.queues {
		q.put(e)
	}
}

// queue holds the events that a subscriber has not received yet.
type queue struct {
	wake chan struct{} // holds a token if something may have changed since deliver looked

	mu      sync.Mutex
	events  []Event
	isEnded bool // there will be no more
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if last := len(q.events) - 1; last+1 < MaxQueuedEvents {
		q.events = append(q.events, e)
	} else {
		// The last place is the overflow's; what stood there when the queue filled up is the first to be dropped.
		dropped := max(q.events[last].Dropped, 1) + 1
		q.events[last] = Event{Name: EventOverflow, Time: e.Time, Dropped: dropped}
	}
	q.notify()
}

func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isEnded = true
	q.notify()
}

func (q *queue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next takes the oldest event. Without one, more tells whether there may be one later.
func (q *queue) next() (e Event, ok, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return Event{}, false, !q.isEnded
	}
	e = q.events[0]
	q.events = q.events[1:]
	return e, true, true
}

// deliver moves events from the queue to out until the queue has ended and is empty, or stop is closed.
func (q *queue) deliver(out chan<- Event, stop <-chan struct{}) {
	defer close(out)
	for {
		e, ok, more := q.next()
		switch {
		case ok:
			select {
			case out <- e:
			case <-stop:
				return
			}
		case !more:
			return
		default:
			select {
			case <-q.wake:
			case <-stop:
				return
			}
		}
	}
}

package qmp

import (
	"errors"
	"io"
	"testing"
	"time"
)

// flush returns when the client has read everything that the peer sent so far.
func flush(t *testing.T, c *Client, p *peer) {
	t.Helper()
	go func() { p.answer(p.receive(), "{}") }()
	if err := c.Execute(t.Context(), "flush", nil, nil); err != nil {
		t.Fatal(err)
	}
}

func sendEvents(p *peer, from, to int) {
	for i := from; i < to; i++ {
		p.send(`{"timestamp": {"seconds": %d, "microseconds": 5}, "event": "RESET", "data": {"n": %[1]d}}`+"\r\n", i)
	}
}

// The first subscriber has everything since the connection began, a later one what came after it; the end comes last.
func TestSubscribe(t *testing.T) {
	c, p := connect(t)
	sendEvents(p, 0, 3)
	flush(t, c, p)
	first, cancelFirst := c.Subscribe()
	defer cancelFirst()
	second, cancelSecond := c.Subscribe()
	defer cancelSecond()
	sendEvents(p, 3, 5)
	p.conn.Close()
	<-c.Done()
	third, cancelThird := c.Subscribe()
	defer cancelThird()
	for _, sub := range []struct {
		name   string
		events <-chan Event
		from   int64
	}{{"first", first, 0}, {"second", second, 3}, {"third", third, 5}} {
		next := sub.from
		for e := range sub.events {
			if e.Name != "RESET" || !e.Time.Equal(time.Unix(next, 5000)) || len(e.Data) == 0 {
				t.Errorf("%s: %+v at %v, want RESET %d", sub.name, e, e.Time, next)
			}
			next++
		}
		if next != 5 {
			t.Errorf("%s subscriber's events ended before %d, want 5", sub.name, next)
		}
	}
	if !errors.Is(c.Err(), io.EOF) {
		t.Errorf("Err() = %v, want io.EOF", c.Err())
	}
}

// A subscriber that reads nothing holds up nobody, and learns exactly how much it lost.
func TestSubscribeOverflow(t *testing.T) {
	c, p := connect(t)
	idle, cancel := c.Subscribe()
	defer cancel()
	const total = MaxQueuedEvents + 1000
	sendEvents(p, 0, total)
	flush(t, c, p)
	received, dropped := 0, 0
	for received+dropped < total {
		e := <-idle
		if e.Name == EventOverflow {
			dropped += e.Dropped
		} else if received++; e.Dropped != 0 {
			t.Errorf("%+v has dropped events", e)
		}
	}
	if received < MaxQueuedEvents-1 || dropped == 0 {
		t.Errorf("%d received, %d dropped of %d", received, dropped, total)
	}
	sendEvents(p, total, total+1)
	if e := <-idle; e.Time.Unix() != total {
		t.Errorf("after the overflow %+v, want event %d", e, total)
	}
}

func TestSubscribeCancel(t *testing.T) {
	c, p := connect(t)
	events, cancel := c.Subscribe()
	cancel()
	cancel()
	for range events {
		t.Error("an event after cancel")
	}
	sendEvents(p, 0, 1)
	flush(t, c, p)
	if len(c.queues) != 0 {
		t.Errorf("%d queues are left", len(c.queues))
	}
}

package dispatch_test

import (
	"context"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"hanok/agent"
	"hanok/dc"
	"hanok/host/sim"
	"hanok/manager/dispatch"
	"hanok/manager/store"
)

// inspector answers when it is let.
type inspector struct {
	found dc.Inspection
	// let has one element for each answer.
	let chan struct{}
	// ended tells that an inspection was given up.
	ended chan struct{}
}

func (i *inspector) Inspect(ctx context.Context) dc.Inspection {
	select {
	case <-i.let:
	case <-ctx.Done():
		i.ended <- struct{}{}
	}
	return i.found
}

// joinInspected adds a host that can be inspected.
func (c *center) joinInspected(name string, i agent.Inspector) dc.HostID {
	c.Helper()
	world := sim.NewWorld(sim.Options{})
	drivers := world.Open()
	a, err := agent.New(agent.Config{Dir: c.TempDir(), Manager: c.url(), Token: c.token(), Name: name, Facts: world.Facts(),
		Hypervisor: drivers, Storage: drivers, Network: drivers, Inspector: i, Log: c.log})
	c.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	c.Cleanup(func() {
		drivers.Close()
		cancel()
		if err := <-ended; err != nil {
			c.Error(err)
		}
	})
	var id dc.HostID
	c.until("host "+name, func(v *store.View) bool {
		h, ok := store.Named[*dc.Host](v, dc.ID(cluster), name)
		if ok {
			id = h.ID
		}
		return ok && h.Status.Connection == dc.Connected
	})
	return id
}

func TestInspect(t *testing.T) {
	c := newCenter(t, 0)
	i := &inspector{let: make(chan struct{}), ended: make(chan struct{}, 1)}
	i.found.Unseen = []string{strings.Repeat("long ", 1<<18)}
	id := c.joinInspected("alpha", i)

	// The stream is there before the answer is.
	conn, err := c.svc.OpenStream(t.Context(), id, "", dispatch.StreamInspect)
	c.ok(err)
	defer conn.Close()
	i.let <- struct{}{}
	text, err := io.ReadAll(conn)
	c.ok(err)
	var found dc.Inspection
	c.ok(json.Unmarshal(text, &found))
	if !reflect.DeepEqual(found, i.found) {
		t.Errorf("%d bytes came, and say something else", len(text))
	}

	// Who gives up ends the inspection.
	conn, err = c.svc.OpenStream(t.Context(), id, "", dispatch.StreamInspect)
	c.ok(err)
	c.ok(conn.Close())
	<-i.ended

	_, err = c.svc.OpenStream(t.Context(), c.join("beta").id, "", dispatch.StreamInspect)
	c.kind(err, dc.Unsupported)
}

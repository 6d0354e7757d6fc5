package main

import (
	"context"
	"net/url"
	"slices"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"

	"hanok/host/sim"
)

// vsphereClient returns a client of the data center's vSphere API, logged in as its first user.
func vsphereClient(t *testing.T, c *center) *govmomi.Client {
	t.Helper()
	u, err := url.Parse(c.url + "/sdk")
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(c.first.User, c.first.Password)
	client, err := govmomi.NewClient(t.Context(), u, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Logout(context.Background()) })
	return client
}

func TestVSphereInventory(t *testing.T) {
	c := startCenter(t, sim.Options{})
	client := vsphereClient(t, c)
	f := find.NewFinder(client.Client)
	d, err := f.DefaultDatacenter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.SetDatacenter(d)
	h, err := f.DefaultHostSystem(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var host mo.HostSystem
	if err := h.Properties(t.Context(), h.Reference(), []string{"name", "summary", "parent"}, &host); err != nil {
		t.Fatal(err)
	}
	if host.Name != "alpha" || host.Summary.Config.Name != "alpha" || host.Parent.Type != "ClusterComputeResource" {
		t.Errorf("%+v", host)
	}
	stores, err := f.DatastoreList(t.Context(), "*")
	if err != nil || !slices.ContainsFunc(stores, func(s *object.Datastore) bool { return s.Name() == "datastore1" }) {
		t.Error(stores, err)
	}
}

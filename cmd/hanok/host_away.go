package main

import (
	"context"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// away are the hosts that are not connected, by their names, with what they are instead. What is known of their machines and
// datastores is what was known before.
type away map[string]string

// hostsAway returns the hosts that are not connected, of those that the user may see.
func hostsAway(ctx context.Context, c *client) (away, error) {
	res, err := c.hosts.ListHosts(ctx, &hanokv1.ListHostsRequest{})
	if err != nil {
		return nil, err
	}
	hosts := away{}
	for _, h := range res.Hosts {
		if h.Connection != string(dc.Connected) {
			hosts[h.Name] = h.Connection
		}
	}
	return hosts, nil
}

// state returns the state of something on a host, and whether that is only the last that was heard.
func (a away) state(of, host string) string {
	if connection, ok := a[host]; ok {
		return of + ", host " + connection
	}
	return of
}

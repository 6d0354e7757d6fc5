package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"hanok/internal/durable"
	"hanok/test/client"
	"hanok/test/netns"
)

// hosts are the names of the hosts.
var hosts = []string{"host1", "host2", "host3"}

// center is the data center.
type center struct {
	netns.Program
	*netns.Center
	port int
	root string // of the sources
	site *netns.Site
}

func newCenter(dir string, port int) (*center, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	c := &center{Program: netns.Program{Name: "dev", Dir: dir}, port: port}
	err := netns.Attempt(func() {
		c.site = netns.In(c, dir)
		c.root = filepath.Dir(filepath.Dir(c.site.Program))
	})
	return c, err
}

// run starts the data center and replaces it with every change of the sources, until ctx ends.
func (c *center) run(ctx context.Context) error {
	now := sources(c.root)
	built, err := content(c.site.Program)
	if err != nil {
		return err
	}
	if err := netns.Attempt(c.start); err != nil {
		return err
	}
	go func() {
		err := forward(os.NewFile(3, "listener"), c.Manager.Address+":443")
		say("nothing listens outside any more: %v", err)
	}()
	if err := c.welcome(); err != nil {
		return err
	}
	for {
		now = changed(ctx, c.root, now)
		if ctx.Err() != nil {
			return nil
		}
		since := time.Now()
		if build(c.root) != nil {
			say("it does not build: what runs stays")
			continue
		}
		before := built
		if built, err = content(c.site.Program); err != nil {
			return err
		}
		if built == before {
			say("built the same program again: what runs stays")
			continue
		}
		say("built in %.1f s", time.Since(since).Seconds())
		if err := netns.Attempt(c.replace); err != nil {
			say("%v", err)
			say("the next change is tried again")
		}
	}
}

// start starts the manager and the hosts, which join if they have not.
func (c *center) start() {
	c.Center = netns.NewCenter(c.site.Machine("manager"))
	say("the manager is ready")
	for _, name := range hosts {
		m := c.site.Machine(name)
		if _, err := os.Stat(filepath.Join(m.Data, "agent", "identity.json")); err != nil {
			c.Join(m)
		} else {
			c.Hosts[name] = m
			c.StartAgent(name)
		}
		say("%s is connected", name)
	}
}

// replace starts the new program in the place of the old one: the manager, then host after host. A service that has ended by
// itself is started again, too.
func (c *center) replace() {
	c.Service.Signal(syscall.SIGTERM)
	c.StartManager()
	say("the manager is ready")
	for _, name := range hosts {
		c.Agents[name].Signal(syscall.SIGTERM)
		c.StartAgent(name)
		say("%s is connected", name)
	}
}

// welcome prints what a shell outside needs to be told.
func (c *center) welcome() error {
	authority, err := os.ReadFile(filepath.Join(c.Manager.Data, "ca.pem"))
	if err != nil {
		return err
	}
	ca := filepath.Join(c.Dir, "ca.pem")
	if err := durable.WriteFile(ca, authority, 0o644); err != nil {
		return err
	}
	user, password := "administrator", "YOURS"
	if first, err := client.FirstLogin(c.Manager.Data); err == nil { // it goes when the password is changed
		user, password = first.User, first.Password
	}
	fmt.Printf(`
export HANOK_SERVER=https://127.0.0.1:%d HANOK_CA=%s HANOK_USERNAME=%s HANOK_PASSWORD=%s

bin/hanok vm create one --image starter --memory 128M --network "VM Network" --power-on
logs: %s

`, c.port, ca, user, password, strings.Join([]string{c.Dir, "*", "data", "hanok.log"}, "/"))
	say("watching the sources; Ctrl-C stops")
	return nil
}

// say prints what happens, and when.
func say(format string, args ...any) {
	fmt.Printf("%s dev: %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"hanok/dc"
)

func (a *app) hostJoinCommand() *cobra.Command {
	var manager, name string
	cmd := &cobra.Command{
		Use:   "join --manager URL --token-stdin",
		Short: "Make this machine a host of a data center, and run it",
		Long: `Make this machine a host of a data center, and run it. The token comes from "hanok host token" on the manager; it
proves the manager to this machine, too. Later starts need "hanok host run" only.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&manager, "manager", "", "the manager's URL, https://ADDR:PORT")
	cmd.Flags().StringVar(&name, "name", "", "the host's name in the inventory (default: the machine's own)")
	cmd.Flags().Bool("token-stdin", false, "read the token from the first line of standard input")
	required(cmd, "manager")
	required(cmd, "token-stdin")
	cmd.RunE = a.service(func(ctx context.Context) error {
		u, err := url.Parse(manager)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			return dc.Errorf(dc.Invalid, "the manager %q is no URL such as https://ADDR:PORT", manager).Fix("correct --manager")
		}
		token, err := a.readSecret("token")
		if err != nil {
			return err
		}
		return a.runHost(ctx, hostConfig{manager: "https://" + u.Host, token: token, name: name})
	})
	return cmd
}

func (a *app) hostRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run this machine as the host that it has become by \"hanok host join\"",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = a.service(func(ctx context.Context) error { return a.runHost(ctx, hostConfig{}) })
	return cmd
}

// runHost runs this machine's agent until ctx ends, and says so when all of it has stopped.
func (a *app) runHost(ctx context.Context, c hostConfig) error {
	data, err := prepareData(a.data)
	if err != nil {
		return err
	}
	defer data.close()
	if err := data.setHost(&c); err != nil {
		return err
	}
	log, closeLog := data.openLog()
	defer closeLog()
	if err := a.runAgent(ctx, data, c, log); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "\nstopped; virtual machines run on, and the next start finds them")
	return nil
}

// runAgent returns when ctx has ended, or with what ended the agent.
func (a *app) runAgent(ctx context.Context, data *dataFolder, c hostConfig, log *slog.Logger) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	say := &stages{out: a.stdout}
	say.stage("connecting to %s", c.manager)
	c.say = say
	var once sync.Once
	c.connected = func(id dc.HostID) {
		once.Do(func() {
			say.stage("connected as %s", id)
			fmt.Fprintf(a.stdout, "\nready %s\n", c.manager)
		})
	}
	host, err := startHost(data, c, log, func(_ string, run func(context.Context) error) {
		go func() { fail(run(ctx)) }()
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	host.close()
	return ended(ctx, nil)
}

// setHost makes the folder a host's, of the manager that c names or, if it names none, of the one that the folder knows, and
// completes c.
func (d *dataFolder) setHost(c *hostConfig) error {
	switch {
	case fileExists(d.file("manager")):
		return wrongRole(d.path, "it is a manager's", "start it with \"hanok up\" or \"hanok manager run\"")
	case c.manager == "" && (d.marker.Manager == "" || !fileExists(d.file("agent", "identity.json"))):
		return &dc.Error{Kind: dc.WrongState, Object: dataName(d.path), Message: "this machine is no host of a data center",
			Remedy: "let it join with \"hanok host join\""}
	case c.manager == "":
		c.manager = d.marker.Manager
		return nil
	}
	d.marker.Manager = c.manager
	return writeMarker(d.path, d.marker)
}

// checkLeft returns an error where a host still has machines of its data center.
func checkLeft(data *dataFolder) error {
	machines, err := os.ReadDir(data.file("agent", "machines"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return dataError(data.path, err)
	}
	if len(machines) == 0 {
		return nil
	}
	return &dc.Error{Kind: dc.WrongState, Object: dataName(data.path),
		Message: fmt.Sprintf("this host still has %d virtual machines of the data center at %s", len(machines), data.marker.Manager),
		Remedy:  "delete them there, and remove the host"}
}

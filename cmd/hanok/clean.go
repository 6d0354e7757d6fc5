package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"hanok/agent"
	"hanok/host/qemu"
	"hanok/host/volume"
)

func (a *app) cleanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove a data center that \"hanok up\" made, its virtual machines and their disks included",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = a.service(a.clean)
	return cmd
}

// clean stops the machines of a data center whose service does not run, and removes what the service made.
func (a *app) clean(ctx context.Context) error {
	data, err := openData(a.data)
	if errors.Is(err, errNoData) {
		fmt.Fprintf(a.stdout, "nothing to remove: there is no data center in %s\n", a.data)
		return nil
	}
	if err != nil {
		return err
	}
	defer data.close()
	if data.marker.Manager != "" {
		if err := checkLeft(data); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	files := volume.NewLocal(log)
	if err := data.makeRun(); err != nil {
		return err
	}
	driver, err := qemu.New(qemu.Config{Volume: files, RunDir: data.run, Groups: data.groups(), Log: log})
	if err != nil {
		return err
	}
	defer driver.Close()
	if err := agent.Decommission(ctx, data.file("agent"), driver, files); err != nil {
		return err
	}
	if err := eraseStore(ctx, data, log); err != nil {
		return err
	}
	if err := data.remove(); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "removed the data center in %s\n", data.path)
	return nil
}

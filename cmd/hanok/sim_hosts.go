package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"gopkg.in/natefinch/lumberjack.v2"

	"hanok/host/sim"
	"hanok/internal/durable"
)

// simHostsCommand is the process of simulated hosts that `hanok sim` starts. It reads what hosts there are from its standard
// input, and ends with it.
func (a *app) simHostsCommand() *cobra.Command {
	var url, dir string
	var kept bool
	cmd := &cobra.Command{Use: "sim-hosts", Hidden: true, Args: cobra.NoArgs, Short: "Run the hosts of \"hanok sim\", which starts it"}
	cmd.Flags().StringVar(&url, "manager", "", "the manager's URL")
	cmd.Flags().StringVar(&dir, "dir", "", "the folder of the hosts")
	cmd.Flags().BoolVar(&kept, "kept", false, "the hosts were there before")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a.started = true
		signal.Ignore(syscall.SIGINT) // who started it says when it ends
		return a.simHosts(cmd.Context(), url, dir, sim.Options{Kept: kept, BootID: fmt.Sprint("boot-", time.Now().UnixMilli())})
	}
	return cmd
}

func (a *app) simHosts(ctx context.Context, url, dir string, options sim.Options) (err error) {
	input := json.NewDecoder(a.stdin)
	var plans []simHostPlan
	if err := input.Decode(&plans); err != nil {
		return fmt.Errorf("what hosts there are: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, a.stdin)
	}()
	file := &lumberjack.Logger{Filename: filepath.Join(dir, "hosts.log"), MaxSize: 10, MaxBackups: 3}
	defer file.Close()
	fl := &fleet{a: a, manager: url, dir: dir, hosts: map[string]*simHost{},
		log: slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	records, err := readRecords(dir, options.Kept)
	if err != nil {
		return err
	}
	defer func() {
		fl.close()
		err = errors.Join(err, fl.writeRecords())
	}()
	group, joining := errgroup.WithContext(ctx)
	group.SetLimit(joinersAtOnce)
	for _, p := range plans {
		group.Go(func() error {
			h := &simHost{world: sim.NewWorld(options), records: cmp.Or(records[p.Name], &sim.Records{})}
			if _, err := fl.start(joining, p.Name, h, p.Token); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			fl.mu.Lock()
			defer fl.mu.Unlock()
			fl.hosts[p.Name] = h
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	<-ctx.Done()
	return nil
}

// recordsFile is where the records of all hosts are from one start to the next.
const recordsFile = "records.json"

// readRecords returns the records of the hosts by their names, where there are hosts from before.
func readRecords(dir string, kept bool) (map[string]*sim.Records, error) {
	if !kept {
		return nil, nil
	}
	var records map[string]*sim.Records
	if err := readJSON(filepath.Join(dir, recordsFile), &records); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return records, nil
}

// writeRecords keeps the records for the next start. The hosts have ended.
func (fl *fleet) writeRecords() error {
	records := map[string]*sim.Records{}
	for name, h := range fl.hosts {
		records[name] = h.records
	}
	b, err := json.Marshal(records)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(fl.dir, recordsFile), b, 0o600)
}

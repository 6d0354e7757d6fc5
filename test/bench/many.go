package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/test/netns"
)

// many is a data center of three hosts with machines that are powered on at once. They have an empty disk and no NIC: their
// firmware runs, finds nothing to boot and halts.
type many struct {
	*netns.Center
	api      *center
	work     string
	machines []dc.Machine
	// hosts are the names of the machines' hosts, in the same order.
	hosts       []string
	accelerator dc.Accelerator
}

// The machines of the comparison.
const (
	manyMemoryMB   = 32
	manyDiskBytes  = 16 << 20
	manyAtCreation = 8 // are made at once
)

// newMany makes the data center and count machines in it, without power.
func newMany(ctx context.Context, work string, count int) (*many, error) {
	c := &many{work: filepath.Join(work, "many")}
	if err := os.Mkdir(c.work, 0o700); err != nil {
		return nil, err
	}
	names := []string{"alpha", "beta", "gamma"}
	err := netns.Attempt(func() {
		site := netns.In(netns.Program{Name: "bench", Dir: c.work}, c.work)
		c.Center = netns.NewCenter(site.Machine("manager"))
		for _, name := range names {
			c.Join(site.Machine(name))
		}
	})
	if err != nil {
		return nil, err
	}
	c.api = &center{url: c.Service.URL, data: c.Manager.Data}
	if err := c.api.login(ctx); err != nil {
		return nil, err
	}
	hosts, err := c.api.hosts.ListHosts(ctx, &hanokv1.ListHostsRequest{})
	if err != nil {
		return nil, err
	}
	c.accelerator = dc.Accelerator(hosts.Hosts[0].Hypervisor.Accelerator)
	c.machines, c.hosts = make([]dc.Machine, count), make([]string, count)
	return c, each(ctx, count, manyAtCreation, func(ctx context.Context, i int) error {
		c.hosts[i] = names[i%len(names)]
		name := fmt.Sprintf("machine-%03d", i)
		res, err := c.api.machines.CreateVirtualMachine(ctx, &hanokv1.CreateVirtualMachineRequest{Name: name, Host: c.hosts[i],
			MemoryMb: manyMemoryMB, Disks: []*hanokv1.NewDisk{{CapacityBytes: manyDiskBytes}}})
		if err != nil {
			return err
		}
		if err := c.api.await(ctx, res.Task); err != nil {
			return err
		}
		c.machines[i], err = c.api.hardware(ctx, name)
		return err
	})
}

// each calls do for every number below count, with limit of them at once, and returns what has failed.
func each(ctx context.Context, count, limit int, do func(context.Context, int) error) error {
	failed := make([]error, count)
	places := make(chan struct{}, limit)
	var work sync.WaitGroup
	for i := range count {
		work.Go(func() {
			places <- struct{}{}
			failed[i] = do(ctx, i)
			<-places
		})
	}
	work.Wait()
	return errors.Join(failed...)
}

// powerOn powers all machines on at once, and returns how long it took until the last one ran and until the last caller knew.
func (c *many) powerOn(ctx context.Context) (running, told time.Duration, err error) {
	begin := time.Now()
	err = each(ctx, len(c.machines), len(c.machines), func(ctx context.Context, i int) error { return c.api.power(ctx, c.machines[i].Name, dc.PowerOn) })
	if err != nil {
		return 0, 0, err
	}
	told = time.Since(begin)
	for i, m := range c.machines {
		ran, err := cpusRan(filepath.Join(c.Hosts[c.hosts[i]].Data, "datastore1", m.Name, "vmware.log"), begin)
		if err != nil {
			return 0, 0, err
		}
		running = max(running, ran.Sub(begin))
	}
	return running, told, c.check()
}

// check returns an error unless each machine runs exactly once, on its host.
func (c *many) check() error {
	want, got := map[string]int{}, map[string]int{}
	for i, m := range c.machines {
		want[c.hosts[i]+" "+m.Name]++
	}
	for name, host := range c.Hosts {
		for _, pid := range host.Pids(netns.QEMU) {
			command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err != nil {
				return err
			}
			guest := "?"
			for _, arg := range strings.Split(string(command), "\x00") {
				if rest, ok := strings.CutPrefix(arg, "guest="); ok {
					guest, _, _ = strings.Cut(rest, ",")
				}
			}
			got[name+" "+guest]++
		}
	}
	for machine, n := range want {
		if got[machine] != n {
			return fmt.Errorf("%s: %d QEMUs, want %d", machine, got[machine], n)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d machines run, want %d: %v", len(got), len(want), got)
	}
	return nil
}

func (c *many) powerOff(ctx context.Context) error {
	return each(ctx, len(c.machines), len(c.machines), func(ctx context.Context, i int) error { return c.api.power(ctx, c.machines[i].Name, dc.PowerOff) })
}

// bare starts the same machines by hand, with limit of them at once on the way, and returns how long it took until the last one
// ran. It leaves none.
func (c *many) bare(ctx context.Context, limit int) (running time.Duration, err error) {
	all := make([]*bare, len(c.machines))
	for i, m := range c.machines {
		if all[i], err = newBareEmpty(c.work, m, c.accelerator); err != nil {
			return 0, err
		}
	}
	defer func() {
		for _, b := range all {
			if b.cmd != nil && b.cmd.Process != nil {
				err = errors.Join(err, b.powerOff(ctx))
			}
		}
	}()
	since := stopwatch()
	err = each(ctx, len(all), limit, func(ctx context.Context, i int) error { return all[i].start(ctx) })
	return since(), err
}

// measureMany compares powering on many machines at once with starting the same by hand.
func measureMany(ctx context.Context, work string, count, turns int) error {
	c, err := newMany(ctx, work, count)
	if err != nil {
		return err
	}
	limits := []int{2, 4, 8, count}
	took := make([][]time.Duration, len(limits))
	var ran, told []time.Duration
	fmt.Printf("\n%d machines with %d MB at once on %d hosts; %d turns of each way\n\n", count, manyMemoryMB, len(c.Hosts), turns)
	for range turns {
		for i, limit := range limits {
			d, err := c.bare(ctx, limit)
			if err != nil {
				return fmt.Errorf("%s, %d at once: %w", nameBare, limit, err)
			}
			took[i] = append(took[i], d)
		}
		r, k, err := c.powerOn(ctx)
		if err == nil {
			err = c.powerOff(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", nameHanok, err)
		}
		ran, told = append(ran, r), append(told, k)
	}
	best := slices.MinFunc(took, func(a, b []time.Duration) int { return int(median(a) - median(b)) })
	show := func(name string, all []time.Duration) {
		fmt.Printf("| %s | %.1f (%.1f to %.1f) | %.1f | %.2f |\n", name, median(all).Seconds(), slices.Min(all).Seconds(), slices.Max(all).Seconds(),
			float64(count)/median(all).Seconds(), float64(median(all))/float64(median(best)))
	}
	fmt.Print("| way | until the last one runs, s | machines a second | to the best bare QEMU |\n| --- | --- | --- | --- |\n")
	for i, limit := range limits {
		show(fmt.Sprintf("%s, %d at once", nameBare, limit), took[i])
	}
	show(nameHanok, ran)
	show(nameHanok+", until the last caller knows", told)
	return nil
}

// median returns the middle one, or of two the later.
func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// Command bench compares how fast Hanok powers on a virtual machine with a bare QEMU and with libvirt, and how fast it imports disks with
// qemu-img. `make bench` runs it,
// as root and in network, mount and process namespaces of its own: it mounts over libvirt's folders and starts a guest
// with a NIC. It also measures a data center of a thousand simulated hosts (-only fleet does nothing else), and the vSphere API beside govmomi's simulator. doc/benchmarks.md says
// what it measures and how.
//
// It is no test: `go test ./...` runs only those of its arithmetic. It ends with an error when a figure is out of its bound.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"hanok/internal/testhost"
)

func main() {
	turns := flag.Int("turns", 30, "how often each way powers the machine on, after one turn that does not count; 0 leaves that out")
	program := flag.String("hanok", "bin/hanok", "the program")
	machines := flag.Int("machines", 200, "how many machines are powered on at once; 0 leaves that out")
	rounds := flag.Int("rounds", 2, "how often that is done each way")
	imports := flag.Int("imports", 9, "how often a disk of each format is imported, cloned and exported; 0 leaves that out")
	packages := flag.String("image-packages", ".cache/image-packages", "the packages that the starter image is made of")
	scratch := flag.String("scratch", "/var/tmp", "where to work: on a disk, since what Hanok writes down is part of the figures")
	only := flag.String("only", "", `"fleet" measures nothing but a data center of many simulated hosts, "import" nothing but the import of disks, "copy" nothing but their clones and exports, "sdk" nothing but the vSphere API; none of them needs a prepared host`)
	fleetHosts := flag.Int("hosts", 1000, "how many simulated hosts that is; 0 leaves that out")
	fleetMachines := flag.Int("fleet-machines", 100, "how many machines each of them has")
	sdkMachines := flag.Int("sdk-machines", 10_000, "how many machines the vSphere API is measured with, beside govmomi's simulator; 0 leaves that out")
	simulator := flag.String("simulator", "", "be that simulator on this address, and nothing else")
	flag.Parse()
	if *simulator != "" {
		fmt.Fprintln(os.Stderr, "bench:", runSimulator(*simulator, *sdkMachines))
		os.Exit(1)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	fleet := fleetSize{program: *program, scratch: *scratch, hosts: *fleetHosts, machines: *fleetMachines}
	var err error
	switch *only {
	case "fleet":
		err = measureFleet(ctx, fleet)
	case "sdk":
		err = measureSDK(ctx, fleet, *sdkMachines)
	case "import":
		err = inScratch(*scratch, func(work string) error { return measureImport(ctx, work, *imports) })
	case "copy":
		err = inScratch(*scratch, func(work string) error { return measureCopies(ctx, work, *imports) })
	case "":
		err = errors.Join(measureFleet(ctx, fleet), measureSDK(ctx, fleet, *sdkMachines), run(ctx, *turns, *machines, *rounds, *imports, *program, *packages, *scratch))
	default:
		err = fmt.Errorf("-only %s is not known", *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		cancel()
		os.Exit(1)
	}
}

// run measures and prints.
func run(ctx context.Context, turns, machines, rounds, imports int, program, packages, scratch string) error {
	if os.Getenv(testhost.Variable) != "1" {
		return fmt.Errorf("needs a prepared host: run make bench")
	}
	return inScratch(scratch, func(work string) (err error) {
		if err := os.Chmod(work, 0o711); err != nil { // libvirt's QEMU has its disk below it
			return err
		}
		if machines > 0 {
			err = measureMany(ctx, work, machines, rounds)
		}
		if imports > 0 {
			err = errors.Join(err, measureImport(ctx, work, imports), measureCopies(ctx, work, imports))
		}
		if turns > 0 {
			err = errors.Join(err, measureOne(ctx, work, turns, program, packages))
		}
		return err
	})
}

// inScratch calls do with a folder of its own, which goes afterwards.
func inScratch(scratch string, do func(work string) error) error {
	work, err := os.MkdirTemp(scratch, "hanok-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	return do(work)
}

// measureOne compares powering on one machine in four ways.
func measureOne(ctx context.Context, work string, turns int, program, packages string) error {
	c, err := newCenter(ctx, work, program, packages)
	if err != nil {
		return err
	}
	defer c.remove()
	if err := c.measureStarts(ctx); err != nil {
		return err
	}
	m, err := c.machine(ctx)
	if err != nil {
		return err
	}
	d, err := newDriver(ctx, work, m, c.image())
	if err != nil {
		return err
	}
	defer d.close()
	b, err := newBare(work, m, d.accelerator, c.image())
	if err != nil {
		return err
	}
	l, err := newLibvirt(ctx, work, m, d.accelerator, c.image())
	if err != nil {
		return err
	}
	defer l.close()

	fmt.Printf("\nQEMU %s with %s, libvirt %s; %d turns of each way, one after the other\n", d.version, d.accelerator, l.version, turns)
	all := results{{name: nameBare}, {name: nameDriver}, {name: nameHanok}, {name: nameLibvirt}}
	ways := []way{b, d, c, l}
	for turn := range turns + 1 {
		for i, w := range ways {
			took, err := w.powerOn(ctx)
			if err == nil {
				err = w.powerOff(ctx)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
			if turn > 0 { // the first one fills caches
				all[i].took = append(all[i].took, took)
			}
		}
	}
	memory, err := c.memory()
	if err != nil {
		return err
	}
	fmt.Printf("memory of hanok up after these turns: %d MB\n\n%s\n", memory>>20, all.table())
	return all.check()
}

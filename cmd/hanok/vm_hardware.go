package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

// reconfigureCommand returns a command that changes a machine's hardware. fill completes the request by the arguments after the machine.
func (a *app) reconfigureCommand(cmd command, fill func(req *hanokv1.ReconfigureVirtualMachineRequest, args []string) error) *cobra.Command {
	var async bool
	cmd.object, cmd.complete = true, vmNames
	cmd.do = func(ctx context.Context, c *client, args []string) error {
		req := &hanokv1.ReconfigureVirtualMachineRequest{VirtualMachine: args[0]}
		if err := fill(req, args[1:]); err != nil {
			return err
		}
		res, err := c.machines.ReconfigureVirtualMachine(ctx, req)
		if err != nil {
			return err
		}
		return a.await(ctx, c, res.Task, async)
	}
	out := a.client(cmd)
	asyncFlag(out, &async)
	return out
}

func (a *app) vmUpdateCommand() *cobra.Command {
	var (
		cpus                                  int32
		memory                                sizeFlag
		guest, firmware                       string
		cpuHotAdd, cpuHotRemove, memoryHotAdd bool
		cmd                                   *cobra.Command
	)
	cmd = a.reconfigureCommand(command{use: "update VM", short: "Change a virtual machine's hardware", args: cobra.ExactArgs(1),
		long: `Change a virtual machine's CPUs, memory and settings, for example

  hanok vm update web1 --cpus 4 --memory 8G

While it has power, CPUs and memory change only where hot-add was enabled before its power-on.`},
		func(req *hanokv1.ReconfigureVirtualMachineRequest, _ []string) error {
			req.Cpus, req.MemoryMb, req.GuestId, req.Firmware = cpus, int64(memory)>>20, guest, firmware
			for name, to := range map[string]struct {
				field **bool
				value *bool
			}{
				"cpu-hot-add": {&req.CpuHotAdd, &cpuHotAdd}, "cpu-hot-remove": {&req.CpuHotRemove, &cpuHotRemove},
				"memory-hot-add": {&req.MemoryHotAdd, &memoryHotAdd},
			} {
				if cmd.Flags().Changed(name) {
					*to.field = to.value
				}
			}
			return nil
		})
	f := cmd.Flags()
	f.Int32Var(&cpus, "cpus", 0, "the number of virtual CPUs")
	f.Var(&memory, "memory", "the memory")
	f.StringVar(&guest, "guest", "", "the vSphere identifier of the guest operating system")
	f.StringVar(&firmware, "firmware", "", `"bios" or "efi"`)
	f.BoolVar(&cpuHotAdd, "cpu-hot-add", false, "whether CPUs may be added while it has power")
	f.BoolVar(&cpuHotRemove, "cpu-hot-remove", false, "whether CPUs may be removed while it has power")
	f.BoolVar(&memoryHotAdd, "memory-hot-add", false, "whether memory may be added while it has power")
	return cmd
}

func (a *app) vmDiskCommands() *cobra.Command {
	return group("disk", "Disks of a virtual machine; \"vm get\" shows their keys",
		a.reconfigureCommand(command{use: "add VM SIZE", short: "Add an empty disk", args: cobra.ExactArgs(2)},
			func(req *hanokv1.ReconfigureVirtualMachineRequest, args []string) error {
				var size sizeFlag
				err := size.Set(args[0])
				req.AddDisks = []int64{int64(size)}
				return err
			}),
		a.reconfigureCommand(command{use: "extend VM KEY SIZE", short: "Make a disk larger; what is on it stays", args: cobra.ExactArgs(3)},
			func(req *hanokv1.ReconfigureVirtualMachineRequest, args []string) error {
				var size sizeFlag
				key, err := deviceKey(args[0])
				if err == nil {
					err = size.Set(args[1])
				}
				req.ExtendDisks = []*hanokv1.DiskExtension{{Key: key, CapacityBytes: int64(size)}}
				return err
			}),
		a.reconfigureCommand(command{use: "remove VM KEY", short: "Remove a disk, and its files", args: cobra.ExactArgs(2)},
			func(req *hanokv1.ReconfigureVirtualMachineRequest, args []string) error {
				key, err := deviceKey(args[0])
				req.RemoveDisks = []int32{key}
				return err
			}),
	)
}

func (a *app) vmNICCommands() *cobra.Command {
	return group("nic", "Network adapters of a virtual machine; \"vm get\" shows their keys",
		a.reconfigureCommand(command{use: "add VM NETWORK", short: "Add a network adapter on a port group", args: cobra.ExactArgs(2)},
			func(req *hanokv1.ReconfigureVirtualMachineRequest, args []string) error {
				req.AddNics = args
				return nil
			}),
		a.reconfigureCommand(command{use: "remove VM KEY", short: "Remove a network adapter", args: cobra.ExactArgs(2)},
			func(req *hanokv1.ReconfigureVirtualMachineRequest, args []string) error {
				key, err := deviceKey(args[0])
				req.RemoveNics = []int32{key}
				return err
			}),
	)
}

// deviceKey reads the key of a device.
func deviceKey(s string) (int32, error) {
	key, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no device's key: give a number, as \"vm get\" shows it", s)
	}
	return int32(key), nil
}

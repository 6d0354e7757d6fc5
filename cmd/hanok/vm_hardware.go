package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// reconfigureCommand returns a command that changes a machine's hardware. fill completes the change by the arguments after the machine.
func (a *app) reconfigureCommand(cmd command, fill func(change *hanokv1.HardwareChange, args []string) error) *cobra.Command {
	var async bool
	cmd.object, cmd.complete = true, vmNames
	cmd.do = func(ctx context.Context, c *client, args []string) error {
		change := &hanokv1.HardwareChange{}
		if err := fill(change, args[1:]); err != nil {
			return err
		}
		res, err := c.machines.ReconfigureVirtualMachine(ctx, &hanokv1.ReconfigureVirtualMachineRequest{VirtualMachine: args[0], Change: change})
		if err != nil {
			return err
		}
		return a.await(ctx, c, res.Task, async)
	}
	out := a.client(cmd)
	asyncFlag(out, &async)
	return out
}

// hardwareFlags are the flags about all of a machine that "vm create" and "vm update" have in common.
type hardwareFlags struct {
	cpus, cores                                   int32
	memory, video                                 sizeFlag
	guest, firmware                               string
	bootDelay                                     int64
	secure, cpuHotAdd, cpuHotRemove, memoryHotAdd bool
	cmd                                           *cobra.Command
}

func (h *hardwareFlags) add(cmd *cobra.Command, otherwise string) {
	h.cmd = cmd
	f := cmd.Flags()
	f.Int32Var(&h.cpus, "cpus", 0, "the number of virtual CPUs"+otherwise)
	f.Int32Var(&h.cores, "cores-per-socket", 0, "how many CPUs are one socket")
	f.Var(&h.memory, "memory", "the memory"+otherwise)
	f.StringVar(&h.guest, "guest", "", "the vSphere identifier of the guest operating system")
	f.StringVar(&h.firmware, "firmware", "", `"bios" or "efi"`+otherwise)
	f.BoolVar(&h.secure, "secure-boot", false, "whether EFI firmware starts only what is signed"+otherwise)
	f.Int64Var(&h.bootDelay, "boot-delay", 0, "how many milliseconds the firmware waits before it starts the guest")
	f.Var(&h.video, "video-memory", "the memory of the graphics adapter")
	f.BoolVar(&h.cpuHotAdd, "cpu-hot-add", false, "whether CPUs may be added while it has power")
	f.BoolVar(&h.cpuHotRemove, "cpu-hot-remove", false, "whether CPUs may be removed while it has power")
	f.BoolVar(&h.memoryHotAdd, "memory-hot-add", false, "whether memory may be added while it has power")
	err := cmd.RegisterFlagCompletionFunc("guest", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var ids []string
		for _, g := range dc.GuestSystems() {
			ids = append(ids, g.ID+"\t"+g.Name)
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // a flag that the command does not have
	}
}

// fill puts what was given into the change.
func (h *hardwareFlags) fill(change *hanokv1.HardwareChange) {
	change.Cpus, change.CoresPerSocket, change.MemoryMb = h.cpus, h.cores, int64(h.memory)>>20
	change.GuestId, change.Firmware = h.guest, h.firmware
	if h.video != 0 {
		change.Video = &hanokv1.Video{MemoryKb: int64(h.video) >> 10}
	}
	boot := &hanokv1.BootChange{}
	for name, to := range map[string]struct {
		field **bool
		value *bool
	}{
		"secure-boot": {&boot.Secure, &h.secure}, "cpu-hot-add": {&change.CpuHotAdd, &h.cpuHotAdd},
		"cpu-hot-remove": {&change.CpuHotRemove, &h.cpuHotRemove}, "memory-hot-add": {&change.MemoryHotAdd, &h.memoryHotAdd},
	} {
		if h.cmd.Flags().Changed(name) {
			*to.field = to.value
		}
	}
	if h.cmd.Flags().Changed("boot-delay") {
		boot.DelayMs = &h.bootDelay
	}
	if boot.Secure != nil || boot.DelayMs != nil {
		change.Boot = boot
	}
}

func (a *app) vmUpdateCommand() *cobra.Command {
	var (
		flags hardwareFlags
		order []int32
		setup bool
		cmd   *cobra.Command
	)
	cmd = a.reconfigureCommand(command{use: "update VM", short: "Change a virtual machine's hardware", args: cobra.ExactArgs(1),
		long: `Change a virtual machine's CPUs, memory and settings, for example

  hanok vm update web1 --cpus 4 --memory 8G

While it has power, CPUs and memory change only where hot-add was enabled before its power-on.`},
		func(change *hanokv1.HardwareChange, _ []string) error {
			flags.fill(change)
			ordered, entered := cmd.Flags().Changed("boot-order"), cmd.Flags().Changed("enter-setup")
			if change.Boot == nil && (ordered || entered) {
				change.Boot = &hanokv1.BootChange{}
			}
			if entered {
				change.Boot.EnterSetup = &setup
			}
			if ordered {
				change.Boot.Order = &hanokv1.BootOrder{Keys: order}
			}
			return nil
		})
	flags.add(cmd, "")
	cmd.Flags().BoolVar(&setup, "enter-setup", false, "whether EFI firmware opens its setup at the next power-on")
	cmd.Flags().Int32SliceVar(&order, "boot-order", nil, `the keys of the disks, drives and NICs that are tried first, with commas; "" for the usual order`)
	return cmd
}

func (a *app) vmUpgradeCommand() *cobra.Command {
	var (
		version int32
		async   bool
	)
	cmd := a.client(command{use: "upgrade VM", short: "Give a virtual machine without power a newer hardware version, for ever", args: cobra.ExactArgs(1),
		object: true, complete: vmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.machines.UpgradeVirtualMachine(ctx, &hanokv1.UpgradeVirtualMachineRequest{VirtualMachine: args[0], Version: version})
			if err != nil {
				return err
			}
			return a.await(ctx, c, res.Task, async)
		}})
	cmd.Flags().Int32Var(&version, "version", 0, "the version, such as 19 for vmx-19 (default: the newest)")
	asyncFlag(cmd, &async)
	return cmd
}

// diskFlags are the flags about new disks.
type diskFlags struct{ provisioning, controller string }

func (d *diskFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.provisioning, "provisioning", "", `"thin", "zeroedThick" or "eagerZeroedThick" (default "thin")`)
	f.StringVar(&d.controller, "controller", "", `"pvscsi", "lsisas1068", "virtio-scsi", "ahci", "nvme" or "ide" (default: the machine's, or its guest's)`)
}

func (d *diskFlags) disk(size int64) *hanokv1.NewDisk {
	return &hanokv1.NewDisk{CapacityBytes: size, Provisioning: d.provisioning, ControllerType: d.controller}
}

func (a *app) vmDiskCommands() *cobra.Command {
	var (
		form diskFlags
		file string
		keep bool
		own  bool
	)
	add := a.reconfigureCommand(command{use: "add VM [SIZE]", short: "Add an empty disk, or one that is there already", args: cobra.RangeArgs(1, 2),
		long: `Add an empty disk of a size, or a disk that is on the machine's datastore already and no other machine's, for example

  hanok vm disk add web1 10G
  hanok vm disk add web1 --file "[datastore1] disks/data.vmdk"`},
		func(change *hanokv1.HardwareChange, args []string) error {
			var size sizeFlag
			var err error
			switch {
			case (len(args) == 0) == (file == ""):
				return errors.New("give either the size of a new disk, or --file for one that is there already")
			case file == "":
				err = size.Set(args[0])
			}
			disk := form.disk(int64(size))
			disk.File, disk.NewController = file, own
			change.AddDisks = []*hanokv1.NewDisk{disk}
			return err
		})
	form.add(add)
	add.Flags().BoolVar(&own, "new-controller", false, "put it on a new controller; LSI controllers take disks with power only when they come themselves")
	add.Flags().StringVar(&file, "file", "", `a disk that is there already: "[datastore1] disks/data.vmdk"`)
	remove := a.reconfigureCommand(command{use: "remove VM KEY", short: "Remove a disk, and its files", args: cobra.ExactArgs(2)},
		func(change *hanokv1.HardwareChange, args []string) error {
			key, err := deviceKey(args[0])
			if keep {
				change.KeepDisks = []int32{key}
			} else {
				change.RemoveDisks = []int32{key}
			}
			return err
		})
	remove.Flags().BoolVar(&keep, "keep", false, "leave the disk's files where they are")
	return group("disk", "Disks of a virtual machine; \"vm device list\" shows their keys", add,
		a.reconfigureCommand(command{use: "extend VM KEY SIZE", short: "Make a disk larger; what is on it stays", args: cobra.ExactArgs(3)},
			func(change *hanokv1.HardwareChange, args []string) error {
				var size sizeFlag
				key, err := deviceKey(args[0])
				if err == nil {
					err = size.Set(args[1])
				}
				change.ExtendDisks = []*hanokv1.DiskExtension{{Key: key, CapacityBytes: int64(size)}}
				return err
			}),
		remove)
}

func (a *app) vmNICCommands() *cobra.Command {
	var nic, updated hanokv1.NewNic
	add := a.reconfigureCommand(command{use: "add VM NETWORK", short: "Add a network adapter on a port group", args: cobra.ExactArgs(2)},
		func(change *hanokv1.HardwareChange, args []string) error {
			nic.PortGroup = args[0]
			change.AddNics = []*hanokv1.NewNic{&nic}
			return nil
		})
	typeFlag := func(cmd *cobra.Command, nic *hanokv1.NewNic, otherwise string) {
		cmd.Flags().StringVar(&nic.Type, "type", "", `"vmxnet3", "e1000e", "e1000" or "virtio"`+otherwise)
	}
	typeFlag(add, &nic, " (default: as the first one's, or the guest's)")
	add.Flags().StringVar(&nic.Mac, "mac", "", "the address (default: one is chosen)")
	add.Flags().BoolVar(&nic.Disconnected, "disconnected", false, "leave its cable out")
	var update *cobra.Command
	var connected, startConnected bool
	update = a.reconfigureCommand(command{use: "update VM KEY", short: "Change a network adapter", args: cobra.ExactArgs(2)},
		func(change *hanokv1.HardwareChange, args []string) error {
			key, err := deviceKey(args[0])
			n := &hanokv1.NicChange{Key: key, PortGroup: updated.PortGroup, Type: updated.Type}
			if update.Flags().Changed("connected") {
				n.Connected = &connected
			}
			if update.Flags().Changed("start-connected") {
				n.StartConnected = &startConnected
			}
			change.UpdateNics = []*hanokv1.NicChange{n}
			return err
		})
	typeFlag(update, &updated, "")
	update.Flags().StringVar(&updated.PortGroup, "network", "", "the port group")
	update.Flags().BoolVar(&connected, "connected", false, "whether the cable is plugged in")
	update.Flags().BoolVar(&startConnected, "start-connected", false, "whether the cable is plugged in after a power-on")
	a.completeFlag(update, "network", networkNames)
	return group("nic", "Network adapters of a virtual machine; \"vm device list\" shows their keys", add, update,
		a.reconfigureCommand(command{use: "remove VM KEY", short: "Remove a network adapter", args: cobra.ExactArgs(2)},
			func(change *hanokv1.HardwareChange, args []string) error {
				key, err := deviceKey(args[0])
				if err == nil && (key < dc.FirstNICKey || key >= dc.FirstNICKey+dc.MaxNICs) {
					return fmt.Errorf("%d is no network adapter's key: give %d to %d", key, dc.FirstNICKey, dc.FirstNICKey+dc.MaxNICs-1)
				}
				change.RemoveDevices = []int32{key}
				return err
			}),
	)
}

// deviceKey reads the key of a device.
func deviceKey(s string) (int32, error) {
	key, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no device's key: give a number, as \"vm device list\" shows it", s)
	}
	return int32(key), nil
}

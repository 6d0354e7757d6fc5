package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func vmColumns(hosts away) []column[*hanokv1.VirtualMachine] {
	return []column[*hanokv1.VirtualMachine]{
		{"Name", (*hanokv1.VirtualMachine).GetName},
		{"ID", (*hanokv1.VirtualMachine).GetId},
		{"State", func(o *hanokv1.VirtualMachine) string { return hosts.state(vmState(o), o.Host) }},
		{"Host", (*hanokv1.VirtualMachine).GetHost},
		{"CPUs", func(o *hanokv1.VirtualMachine) string { return strconv.Itoa(int(o.Cpus)) }},
		{"Memory", func(o *hanokv1.VirtualMachine) string { return bytesText(o.MemoryMb << 20) }},
		{"Addresses", func(o *hanokv1.VirtualMachine) string { return strings.Join(o.Addresses, ",") }},
	}
}

// vmState says how a machine is, in a word or two.
func vmState(o *hanokv1.VirtualMachine) string {
	state := o.PowerState
	if o.Template {
		state = "template"
	}
	switch {
	case o.Deleting:
		state = "deleting"
	case o.FilesState == string(dc.FilesMissing):
		state = "files missing"
	case o.FilesFailure != nil:
		state = "failed"
	case o.Paused != nil:
		state = "paused"
	}
	switch {
	case o.Blocked == nil:
		return state
	case state == "":
		return "blocked"
	}
	return state + ", blocked"
}

// vmDetails are shown of a single virtual machine besides the columns.
var vmDetails = []column[*hanokv1.VirtualMachine]{
	{"Hostname", (*hanokv1.VirtualMachine).GetHostname},
	{"Guest system", (*hanokv1.VirtualMachine).GetGuestOs},
	{"Guest ID", (*hanokv1.VirtualMachine).GetGuestId},
	{"Hardware", func(o *hanokv1.VirtualMachine) string { return fmt.Sprintf("vmx-%d", o.GetHardware().GetVersion()) }},
	{"Firmware", (*hanokv1.VirtualMachine).GetFirmware},
	{"UUID", (*hanokv1.VirtualMachine).GetUuid},
	{"Disks", func(o *hanokv1.VirtualMachine) string {
		return joined(o.Disks, func(d *hanokv1.Disk) string { return fmt.Sprintf("%s (%d)", bytesText(d.CapacityBytes), d.Key) })
	}},
	{"NICs", func(o *hanokv1.VirtualMachine) string {
		return joined(o.Nics, func(n *hanokv1.Nic) string {
			return fmt.Sprintf("%s on %s (%d)", n.Mac, cmp.Or(n.PortGroup, n.PortGroupId), n.Key)
		})
	}},
	{"Resource pool", (*hanokv1.VirtualMachine).GetResourcePool},
	{"CPU shares", func(o *hanokv1.VirtualMachine) string { return machineAllocation(o.CpuAllocation, megahertz) }},
	{"Memory shares", func(o *hanokv1.VirtualMachine) string { return machineAllocation(o.MemoryAllocation, megabytes) }},
	{"Not enforced", func(o *hanokv1.VirtualMachine) string { return strings.Join(o.Unenforced, "; ") }},
	{"Datastore", (*hanokv1.VirtualMachine).GetDatastore},
	{"Folder", (*hanokv1.VirtualMachine).GetDatastoreFolder},
	{"Booted", func(o *hanokv1.VirtualMachine) string { return ago(o.Booted) }},
	{"Created", func(o *hanokv1.VirtualMachine) string { return ago(o.Created) }},
	{"Annotation", (*hanokv1.VirtualMachine).GetAnnotation},
	{"Files failed", func(o *hanokv1.VirtualMachine) string { return failureText(o, o.FilesFailure) }},
	{"Paused", func(o *hanokv1.VirtualMachine) string { return failureText(o, o.Paused) }},
	{"Blocked", func(o *hanokv1.VirtualMachine) string { return hostText(o, o.Blocked) }},
	{"Reconfiguration failed", func(o *hanokv1.VirtualMachine) string { return failureText(o, o.ConfigurationFailure) }},
	{"Differences", func(o *hanokv1.VirtualMachine) string { return strings.Join(o.Differences, "; ") }},
	{"Fault", func(o *hanokv1.VirtualMachine) string { return failureText(o, o.Fault) }},
}

func joined[T any](items []T, text func(T) string) string {
	var out []string
	for _, item := range items {
		out = append(out, text(item))
	}
	return strings.Join(out, ", ")
}

// failureText returns what failed about a machine, with its object where that is another one.
func failureText(of *hanokv1.VirtualMachine, f *hanokv1.Failure) string {
	text := f.GetMessage()
	if object := f.GetObject(); object != "" && object != dc.Describe(dc.KindVirtualMachine, of.Name) {
		text = object + ": " + text
	}
	if f.GetRemedy() != "" {
		text += "; " + f.Remedy
	}
	return text
}

// hostText returns a failure of a machine's host, "" for none.
func hostText(of *hanokv1.VirtualMachine, f *hanokv1.Failure) string {
	if f == nil {
		return ""
	}
	return dc.Describe(dc.KindHost, of.Host) + ": " + failureText(of, f)
}

func (a *app) vmCommands() *cobra.Command {
	var tags []string
	all := a.client(command{use: "list", short: "List virtual machines", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.machines.ListVirtualMachines(ctx, &hanokv1.ListVirtualMachinesRequest{Summary: !a.json, Tags: tags})
			if err != nil {
				return err
			}
			hosts, err := hostsAway(ctx, c)
			if err != nil {
				return err
			}
			return list(a, res.VirtualMachines, vmColumns(hosts))
		}})
	all.Flags().StringArrayVar(&tags, "tag", nil, "only machines with this tag; may be given several times, for those with all of them")
	return group("vm", "Virtual machines", all,
		a.client(command{use: "get VM", short: "Show one virtual machine", args: cobra.ExactArgs(1), object: true, complete: vmNames,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.machines.GetVirtualMachine(ctx, &hanokv1.GetVirtualMachineRequest{VirtualMachine: args[0]})
				if err != nil {
					return err
				}
				hosts, err := hostsAway(ctx, c)
				if err != nil {
					return err
				}
				return show(a, res.VirtualMachine, vmColumns(hosts), vmDetails)
			}}),
		a.vmCreateCommand(),
		a.powerCommand("start", "Power virtual machines on, wake suspended ones and let paused ones run on", dc.PowerOn, "power-on"),
		a.powerCommand("stop", "Power virtual machines off at once", dc.PowerOff, "power-off"),
		a.powerCommand("reset", "Press virtual machines' reset buttons", dc.Reset),
		a.powerCommand("suspend", "Write virtual machines' memory to their datastores and power them off", dc.Suspend),
		a.powerCommand("shutdown", "Ask guests to shut down, and wait for them", dc.ShutdownGuest),
		a.powerCommand("reboot", "Ask guests to reboot, and wait for them", dc.RebootGuest),
		a.client(command{use: "rename VM NEW-NAME", short: "Rename a virtual machine; its files keep their names", args: cobra.ExactArgs(2), object: true, complete: vmNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.machines.RenameVirtualMachine(ctx, &hanokv1.RenameVirtualMachineRequest{VirtualMachine: args[0], Name: args[1]})
				return err
			}}),
		a.vmUpdateCommand(), a.vmUpgradeCommand(), a.vmDiskCommands(), a.vmNICCommands(), a.vmDeviceCommands(),
		a.client(command{use: "annotate VM TEXT", short: "Replace a virtual machine's note", args: cobra.ExactArgs(2), object: true, complete: vmNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.machines.AnnotateVirtualMachine(ctx, &hanokv1.AnnotateVirtualMachineRequest{VirtualMachine: args[0], Annotation: args[1]})
				return err
			}}),
		a.vmCloneCommand(), a.vmExportCommand(), a.vmTemplateCommand(), a.vmUntemplateCommand(),
		a.moveCommand(dc.KindVirtualMachine, vmNames), a.vmResourcesCommand(), a.vmDeleteCommand(), a.vmConsoleCommand(), a.vmScreenshotCommand(), a.vmImportCommand(), a.vmOrphansCommand(), a.vmAdoptCommand(),
		a.vmRegisterCommand(), a.vmUnregisterCommand(),
	)
}

// emptyDrive stands for no image in a drive.
const emptyDrive = "-"

func (a *app) vmCreateCommand() *cobra.Command {
	var (
		req      hanokv1.CreateVirtualMachineRequest
		flags    hardwareFlags
		form     diskFlags
		disks    sizesFlag
		nicType  string
		cdrom    string
		tpm      bool
		image    string
		existing []string
		networks []string
		async    bool
	)
	cmd := a.client(command{use: "create NAME", short: "Create a virtual machine", args: cobra.ExactArgs(1), object: true,
		long: `Create a virtual machine, for example

  hanok vm create web1 --image starter --disk 10G --memory 1G --network "VM Network" --power-on

What is left out is as the guest operating system wants it: --guest windows9_64Guest alone gives EFI with Secure Boot, an LSI Logic SAS
controller for the disks, an e1000e adapter for each network and 4 GB of memory.`,
		do: func(ctx context.Context, c *client, args []string) error {
			change := &hanokv1.HardwareChange{AddTpm: tpm}
			flags.fill(change)
			req.Name, req.Cpus, req.MemoryMb, req.GuestId, req.Firmware = args[0], change.Cpus, change.MemoryMb, change.GuestId, change.Firmware
			for _, size := range disks {
				req.Disks = append(req.Disks, form.disk(size))
			}
			if image != "" {
				if len(req.Disks) == 0 {
					req.Disks = []*hanokv1.NewDisk{form.disk(0)}
				}
				req.Disks[0].Image = image
			}
			for i, file := range existing {
				req.Disks = slices.Insert(req.Disks, i, &hanokv1.NewDisk{File: file, ControllerType: form.controller})
			}
			for _, name := range networks {
				req.Nics = append(req.Nics, &hanokv1.NewNic{PortGroup: name, Type: nicType})
			}
			if cdrom != "" {
				change.AddDrives = []*hanokv1.NewDrive{{Type: string(dc.CDROM), File: strings.TrimPrefix(cdrom, emptyDrive)}}
			}
			req.Hardware = change
			res, err := c.machines.CreateVirtualMachine(ctx, &req)
			if err != nil {
				return err
			}
			return a.await(ctx, c, res.Task, async)
		}})
	f := cmd.Flags()
	flags.add(cmd, " (default: the guest's)")
	f.Int32Var(&req.HardwareVersion, "hw-version", 0, "the hardware version (default 19, of ESXi 7.0 U2, or the first that knows the guest)")
	form.add(cmd)
	f.StringVar(&nicType, "nic-type", "", `"vmxnet3", "e1000e", "e1000" or "virtio" (default: the guest's)`)
	f.StringVar(&cdrom, "cdrom", "", `the image in a CD-ROM drive, "[datastore1] iso/debian.iso", or "`+emptyDrive+`" for an empty one`)
	f.BoolVar(&tpm, "tpm", false, "a TPM 2.0")
	f.Var(&disks, "disk", "the size of a disk; may be given several times")
	f.StringVar(&image, "image", "", "the image that the first disk starts as; without --disk the disk is as large as the image")
	f.StringArrayVar(&existing, "disk-file", nil, `a disk that is there already, before all others: "[datastore1] disks/data.vmdk"; may be given several times`)
	f.StringArrayVar(&networks, "network", nil, "the port group of a NIC; may be given several times")
	f.StringVar(&req.Folder, "folder", "", `the folder (default: the data center's "vm" folder)`)
	f.StringVar(&req.ResourcePool, "pool", "", "the resource pool (default: the only cluster's)")
	f.StringVar(&req.Host, "host", "", "the host (default: placement chooses)")
	f.StringVar(&req.Datastore, "datastore", "", "the datastore (default: placement chooses)")
	f.StringVar(&req.Annotation, "annotation", "", "a note")
	f.BoolVar(&req.PowerOn, "power-on", false, "power it on when it is there")
	asyncFlag(cmd, &async)
	for flag, names := range map[string]func(context.Context, *client) ([]string, error){
		"image": imageNames, "network": networkNames, "folder": folderNames, "pool": poolNames, "host": hostNames, "datastore": datastoreNames,
	} {
		a.completeFlag(cmd, flag, names)
	}
	return cmd
}

// powerCommand returns the command of a power operation.
func (a *app) powerCommand(verb, short string, op dc.PowerOp, aliases ...string) *cobra.Command {
	var (
		async   bool
		timeout time.Duration
		chosen  selection
	)
	cmd := a.client(command{use: verb + " VM...", short: short, args: chosen.arguments(0), object: true, complete: vmNames, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			var limit *durationpb.Duration
			if timeout != 0 {
				limit = durationpb.New(timeout)
			}
			return a.bulk(ctx, c, dc.KindVirtualMachine, &chosen, args, async, &hanokv1.StartBulkRequest{Op: string(op), Timeout: limit}, func(name string) (*hanokv1.Task, error) {
				res, err := c.machines.PowerVirtualMachine(ctx, &hanokv1.PowerVirtualMachineRequest{VirtualMachine: name, Op: string(op), Timeout: limit})
				return res.GetTask(), err
			})
		}})
	cmd.Aliases = aliases
	asyncFlag(cmd, &async)
	a.selects(cmd, &chosen)
	if op == dc.ShutdownGuest || op == dc.RebootGuest {
		cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long the guest has (default 2m)")
	}
	return cmd
}

func (a *app) vmDeleteCommand() *cobra.Command {
	var async bool
	var confirm int32
	var chosen selection
	cmd := a.client(command{use: "delete VM...", short: "Delete virtual machines without power, and their files", args: chosen.arguments(0), object: true, complete: vmNames, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.bulk(ctx, c, dc.KindVirtualMachine, &chosen, args, async, &hanokv1.StartBulkRequest{Op: string(dc.BulkDelete), Confirm: confirm}, func(name string) (*hanokv1.Task, error) {
				res, err := c.machines.DeleteVirtualMachine(ctx, &hanokv1.DeleteVirtualMachineRequest{VirtualMachine: name})
				return res.GetTask(), err
			})
		}})
	asyncFlag(cmd, &async)
	confirmFlag(cmd, &confirm)
	a.selects(cmd, &chosen)
	return cmd
}

func (a *app) vmScreenshotCommand() *cobra.Command {
	var file string
	cmd := a.client(command{use: "screenshot VM -f FILE.png", short: "Write what the screen shows to a PNG file", args: cobra.ExactArgs(1), object: true, complete: vmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.machines.ScreenshotVirtualMachine(ctx, &hanokv1.ScreenshotVirtualMachineRequest{VirtualMachine: args[0]})
			if err != nil {
				return err
			}
			if file == "-" {
				_, err = a.stdout.Write(res.Png)
				return err
			}
			if err := os.WriteFile(file, res.Png, 0o644); err != nil {
				return fmt.Errorf("write the file: %w", err)
			}
			return nil
		}})
	cmd.Flags().StringVarP(&file, "file", "f", "", `the file, or "-" for standard output`)
	required(cmd, "file")
	return cmd
}

func vmNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.machines.ListVirtualMachines(ctx, &hanokv1.ListVirtualMachinesRequest{Summary: true})
	return namesOf(res.GetVirtualMachines()), err
}

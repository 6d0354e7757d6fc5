package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (a *app) vmDeviceCommands() *cobra.Command {
	return group("device", "Devices of a virtual machine",
		a.client(command{use: "list VM", short: "List the devices of a virtual machine, with their keys", args: cobra.ExactArgs(1), object: true, complete: vmNames,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.machines.GetVirtualMachine(ctx, &hanokv1.GetVirtualMachineRequest{VirtualMachine: args[0]})
				if err != nil {
					return err
				}
				return a.listDevices(ctx, c, res.VirtualMachine.Hardware)
			}}),
		a.vmDeviceAddCommand(),
		a.reconfigureCommand(command{use: "remove VM KEY", short: "Remove a device that is no disk", args: cobra.ExactArgs(2),
			long: `Remove a controller without devices, a drive, a network adapter, a serial port, the TPM (11000) or the watchdog (18000) by its key,
or an input device by its type, "tablet" or "keyboard". Disks go with "hanok vm disk remove".`},
			func(change *hanokv1.HardwareChange, args []string) error {
				if isInput(args[0]) {
					change.RemoveInputs = args
					return nil
				}
				key, err := deviceKey(args[0])
				change.RemoveDevices = []int32{key}
				return err
			}),
		a.reconfigureCommand(command{use: "insert VM KEY FILE", short: "Put an image into a drive", args: cobra.ExactArgs(3),
			long: `Put an image of a CD or of a floppy disk into a drive, in place of what is there, for example

  hanok vm device insert web1 3000 "[datastore1] iso/debian.iso"`},
			func(change *hanokv1.HardwareChange, args []string) error {
				key, err := deviceKey(args[0])
				change.SetMedia = []*hanokv1.DriveMedia{{Key: key, File: args[1]}}
				return err
			}),
		a.vmDeviceUpdateCommand(),
		a.reconfigureCommand(command{use: "eject VM KEY", short: "Empty a drive", args: cobra.ExactArgs(2)},
			func(change *hanokv1.HardwareChange, args []string) error {
				key, err := deviceKey(args[0])
				change.SetMedia = []*hanokv1.DriveMedia{{Key: key}}
				return err
			}),
	)
}

func (a *app) vmDeviceUpdateCommand() *cobra.Command {
	var cmd *cobra.Command
	var connected, startConnected bool
	cmd = a.reconfigureCommand(command{use: "update VM KEY", short: "Connect or disconnect a drive", args: cobra.ExactArgs(2),
		long: `Show the guest what lies in a drive, or hide it, now and after power-ons. Network adapters have "hanok vm nic update".`},
		func(change *hanokv1.HardwareChange, args []string) error {
			key, err := deviceKey(args[0])
			d := &hanokv1.DriveChange{Key: key}
			if cmd.Flags().Changed("connected") {
				d.Connected = &connected
			}
			if cmd.Flags().Changed("start-connected") {
				d.StartConnected = &startConnected
			}
			change.UpdateDrives = []*hanokv1.DriveChange{d}
			return err
		})
	cmd.Flags().BoolVar(&connected, "connected", false, "whether the guest is shown what lies in it")
	cmd.Flags().BoolVar(&startConnected, "start-connected", false, "whether the guest is shown it after a power-on")
	return cmd
}

func isInput(word string) bool { return word == string(dc.USBTablet) || word == string(dc.USBKeyboard) }

func (a *app) vmDeviceAddCommand() *cobra.Command {
	var file, controller string
	var disconnected bool
	cmd := a.reconfigureCommand(command{use: "add VM TYPE", short: "Add a device that is no disk or network adapter", args: cobra.ExactArgs(2),
		long: `Add a device: a controller (pvscsi, lsisas1068, lsilogic, virtio-scsi, ahci, nvme, ehci, xhci), a drive (cdrom, floppy), a serial port
(serial), an input device on USB (tablet, keyboard), a TPM 2.0 (tpm) or a watchdog (watchdog).`},
		func(change *hanokv1.HardwareChange, args []string) error {
			switch kind := args[0]; {
			case kind == string(dc.CDROM) || kind == string(dc.Floppy):
				change.AddDrives = []*hanokv1.NewDrive{{Type: kind, ControllerType: controller, File: file, Disconnected: disconnected}}
				return nil
			case disconnected:
				return fmt.Errorf("a device of the type %q is no drive", kind)
			case kind == "serial":
				change.AddSerialPorts = []*hanokv1.NewSerialPort{{File: file}}
				return nil
			case file != "" || controller != "":
				return fmt.Errorf("a device of the type %q has no file and no controller", kind)
			case isInput(kind):
				change.AddInputs = args
			case kind == "tpm":
				change.AddTpm = true
			case kind == "watchdog":
				change.AddWatchdog = &hanokv1.Watchdog{}
			default:
				change.AddControllers = args
			}
			return nil
		})
	cmd.Flags().StringVar(&file, "file", "", `the image in a drive, or the file that a serial port appends to: "[datastore1] iso/debian.iso"`)
	cmd.Flags().StringVar(&controller, "controller", "", `what a CD-ROM drive is on: "ide", "ahci", "virtio-scsi", "pvscsi" or "lsisas1068" (default: by the guest)`)
	cmd.Flags().BoolVar(&disconnected, "disconnected", false, "hide from the guest what lies in the drive, now and after power-ons")
	return cmd
}

// listDevices prints a table, or all of the hardware as JSON.
func (a *app) listDevices(ctx context.Context, c *client, h *hanokv1.Hardware) error {
	if a.json {
		return show[*hanokv1.Hardware](a, h)
	}
	names := map[string]string{}
	res, err := c.datastores.ListDatastores(ctx, &hanokv1.ListDatastoresRequest{})
	if err != nil {
		return err
	}
	for _, ds := range res.Datastores {
		names[ds.Id] = ds.Name
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tTYPE\tWHERE\tWHAT")
	for _, d := range devicesOf(h, names) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.key, cell(d.kind), cell(d.where), cell(d.about))
	}
	return w.Flush()
}

// device is one line of a machine's devices. key is "-" for one without.
type device struct{ key, kind, where, about string }

// devicesOf lists all devices of a machine, in the order of their keys.
func devicesOf(h *hanokv1.Hardware, datastores map[string]string) []device {
	media := func(m *hanokv1.Media) string {
		if m == nil {
			return ""
		}
		return dc.FormatFileRef(cmp.Or(datastores[m.DatastoreId], m.DatastoreId), m.Path)
	}
	var all []device
	add := func(key int32, kind, where, about string) {
		all = append(all, device{strconv.Itoa(int(key)), kind, where, about})
	}
	add(dc.FirstVideoKey, cmp.Or(h.Video.GetModel(), string(dc.VideoVGA)), "", bytesText(h.Video.GetMemoryKb()<<10))
	for _, c := range h.Controllers {
		add(c.Key, c.Type, "", "controller")
	}
	for _, d := range h.Disks {
		add(d.Key, "disk", instanceText(d.Controller, d.Unit), fmt.Sprintf("%s %s %s", bytesText(d.CapacityBytes), d.Provisioning, d.File))
	}
	for _, d := range h.Drives {
		where := fmt.Sprintf("floppy%d", d.Unit)
		if d.Controller != 0 {
			where = instanceText(d.Controller, d.Unit)
		}
		about := cmp.Or(media(d.Media), "empty")
		if d.Media != nil && !d.Connected {
			about += " disconnected"
		}
		add(d.Key, d.Type, where, about)
	}
	for _, n := range h.Nics {
		where := ""
		if i := int(n.Key - dc.FirstNICKey); i < len(h.NicSlots) {
			where = fmt.Sprintf("slot %d", h.NicSlots[i])
		}
		about := n.Mac + " " + cmp.Or(n.PortGroup, n.PortGroupId)
		if !n.Connected {
			about += " disconnected"
		}
		add(n.Key, n.Type, where, about)
	}
	for _, p := range h.SerialPorts {
		about := media(p.File)
		if p.Console {
			about = "console"
		}
		add(p.Key, "serial", "", about)
	}
	if h.Tpm {
		add(dc.TPMKey, "tpm", "", "TPM 2.0")
	}
	if h.Watchdog != nil {
		add(dc.WatchdogKey, "watchdog", "", "")
	}
	slices.SortStableFunc(all, func(a, b device) int {
		return cmp.Or(cmp.Compare(len(a.key), len(b.key)), cmp.Compare(a.key, b.key)) // as numbers
	})
	for _, input := range h.Inputs {
		all = append(all, device{"-", input, "", "USB input"})
	}
	return all
}

func instanceText(controller, unit int32) string {
	return dc.Disk{Controller: controller, Unit: unit}.Instance()
}

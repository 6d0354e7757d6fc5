package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/host/volume"
	"hanok/internal/diskimage"
	"hanok/internal/sparse"
)

// measureCopies compares a full clone of a thin disk on one datastore, and its export as a stream-optimized VMDK, with qemu-img convert: as
// measureImport does, but both wait for the disk, since a clone is synced.
func measureCopies(ctx context.Context, work string, turns int) error {
	store := filepath.Join(work, "datastore")
	local := volume.NewLocal(slog.New(slog.DiscardHandler))
	if err := local.Mount(ctx, "datastore-1", store); err != nil {
		return err
	}
	source := dc.Machine{ID: "vm-1", Name: "source", Datastore: "datastore-1", Folder: "source",
		Hardware: dc.Hardware{Version: dc.DefaultHardwareVersion, GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1, CoresPerSocket: 1, MemoryMB: 128}}
	disk, _ := source.AddDisk(dc.ControllerVirtio)
	disk.CapacityBytes, disk.File = importSize, "source/source.vmdk"
	none := func(int64, int64) {}
	if err := local.CreateMachine(ctx, source, nil, none); err != nil {
		return err
	}
	raw := filepath.Join(store, "source", "source-flat.vmdk")
	if err := fillDisk(raw); err != nil {
		return err
	}
	m := source
	m.ID, m.Name, m.Folder, m.Disks = "vm-2", "clone", "clone", slices.Clone(source.Disks)
	m.Disks[0].File, m.Disks[0].Image = "clone/clone.vmdk", dc.ContentOf(source.ID, dc.FirstDiskKey)
	remove := func() error { return local.DeleteMachine(ctx, m) }
	clone := func(string) error {
		return local.CreateMachine(ctx, m, func(ctx context.Context, _ string) (io.ReadCloser, error) {
			return local.OpenDisk(ctx, source, dc.FirstDiskKey)
		}, none)
	}
	export := func(target string) error {
		content, err := local.OpenDisk(ctx, source, dc.FirstDiskKey)
		if err != nil {
			return err
		}
		defer content.Close()
		f, err := os.Create(target)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := diskimage.WriteOptimized(ctx, f, content.(sparse.Source), importSize, "disk.vmdk", dc.DefaultHardwareVersion); err != nil {
			return err
		}
		return f.Sync()
	}
	convert := func(args ...string) func(string) error {
		return func(target string) error {
			if err := execute("qemu-img", append(append([]string{"convert", "-f", "raw"}, args...), raw, target)...); err != nil {
				return err
			}
			return execute("sync", target)
		}
	}
	fmt.Printf("\nclone and export of a disk of 1 GB, %d turns from a cold cache; milliseconds, and the CPU's in the median turn\n\n"+
		"| what | Hanok | CPU | qemu-img convert | CPU | speed to qemu-img's |\n| --- | --- | --- | --- | --- | --- |\n", turns)
	for _, row := range []struct {
		name         string
		ours, theirs func(string) error
	}{
		{"full clone, thin", clone, convert("-O", "raw")},
		{"export, streamOptimized", export, convert("-O", "vmdk", "-o", "subformat=streamOptimized")},
	} {
		ours, theirs := &conversions{who: unix.RUSAGE_SELF, convert: row.ours, reset: remove}, &conversions{who: unix.RUSAGE_CHILDREN, convert: row.theirs}
		for turn := range turns {
			order := []*conversions{ours, theirs}
			if turn%2 == 1 {
				slices.Reverse(order)
			}
			for _, c := range order {
				if err := errors.Join(ctx.Err(), c.cold(work)); err != nil {
					return err
				}
			}
		}
		fmt.Printf("| %s | %s | %.0f | %s | %.0f | %.2f |\n", row.name, spreadText(ours.took), milliseconds(median(ours.cpu)), spreadText(theirs.took),
			milliseconds(median(theirs.cpu)), float64(median(theirs.took))/float64(median(ours.took)))
	}
	return nil
}

package compute

import (
	"cmp"
	"slices"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
)

// admitHardware returns the machine's hardware and how many bytes its images have: its guest's, with what the request changes.
func (s *Service) admitHardware(tx *store.Tx, req CreateRequest, nextMAC func() string) (dc.Hardware, int64, error) {
	v := tx.View()
	if req.Hardware != nil {
		h := *req.Hardware
		h.UUID, h.InstanceUUID, h.NICs = random.UUID(), random.UUID(), slices.Clone(h.NICs)
		for i := range h.NICs {
			h.NICs[i].MAC = freeMAC(v, h.NICs, nextMAC)
		}
		return h, 0, dc.CheckHardware(h)
	}
	guest := cmp.Or(req.GuestID, req.Change.GuestID)
	if guest != "" {
		if err := dc.CheckGuestID(guest); err != nil {
			return dc.Hardware{}, 0, err
		}
	}
	disks, imageBytes, imageGuest, err := newDisks(tx, req.Disks)
	if err != nil {
		return dc.Hardware{}, 0, err
	}
	if err := useFiles(tx, req.Change, ""); err != nil {
		return dc.Hardware{}, 0, err
	}
	change := req.Change
	change.CPUs, change.MemoryMB = cmp.Or(req.CPUs, change.CPUs, 1), cmp.Or(req.MemoryMB, change.MemoryMB)
	change.AddDisks, change.AddNICs = disks, nil
	for _, n := range req.NICs {
		change.AddNICs = append(change.AddNICs, dc.NewNIC{PortGroup: n.PortGroup})
	}
	change.AddNICs = append(change.AddNICs, req.Change.AddNICs...)
	guest = cmp.Or(guest, imageGuest, defaultGuestID)
	h, err := change.Apply(dc.NewHardware(guest, cmp.Or(req.Version, dc.VersionForGuest(guest)),
		cmp.Or(req.Firmware, req.Change.Firmware)))
	if err != nil {
		return h, 0, err
	}
	h.UUID, h.InstanceUUID = random.UUID(), random.UUID()
	chooseMACs(v, &h, nextMAC)
	if err := dc.CheckHardware(h); err != nil {
		return h, 0, err
	}
	if err := dc.CheckGuestVersion(h.GuestID, h.Version); err != nil {
		return h, 0, err
	}
	return h, imageBytes, dc.CheckGuest(h)
}

// newDisks returns the disks that are asked for, how many bytes their images have, and the guest of the first image, or "".
func newDisks(tx *store.Tx, requests []DiskRequest) (disks []dc.NewDisk, imageBytes int64, guest string, err error) {
	for i, d := range requests {
		disk := d.Form
		disk.Image = ""
		if disk.File == (dc.FileRef{}) {
			disk.CapacityBytes = d.CapacityBytes
		}
		if d.Image != "" {
			image, err := store.Get[*dc.Image](tx.View(), dc.ID(d.Image))
			if err != nil {
				return nil, 0, "", err
			}
			tx.Exists(dc.ID(d.Image))
			disk.Image = image.Digest
			disk.CapacityBytes = cmp.Or(disk.CapacityBytes, dc.RoundUpMB(image.SizeBytes))
			if disk.CapacityBytes < image.SizeBytes {
				return nil, 0, "", dc.Errorf(dc.Invalid, "disks[%d].capacityBytes: %d is less than the %d of %s", i, disk.CapacityBytes,
					image.SizeBytes, dc.Describe(dc.KindImage, image.Name)).Fix("give %d or more, or none", dc.RoundUpMB(image.SizeBytes))
			}
			imageBytes += image.SizeBytes
			guest = cmp.Or(guest, image.GuestID)
		}
		disks = append(disks, disk)
	}
	return disks, imageBytes, guest, nil
}

// chooseMACs gives an address to the adapters that have none.
func chooseMACs(v *store.View, h *dc.Hardware, next func() string) {
	for i := range h.NICs {
		if n := &h.NICs[i]; n.MAC == "" {
			n.MAC = freeMAC(v, h.NICs, next)
		}
	}
}

// freeMAC returns an address of next's that no machine has, nor one of the NICs. One that is taken until the commit fails
// the transaction's condition, and the store asks again.
func freeMAC(v *store.View, nics []dc.NIC, next func() string) string {
	for {
		mac := next()
		_, taken := store.Claimed(v, "mac/"+mac)
		if !taken && !slices.ContainsFunc(nics, func(n dc.NIC) bool { return n.MAC == mac }) {
			return mac
		}
	}
}

// fileUses are the privileges on datastores that a change needs for its files: who may not write any file there, must not through a
// serial port.
func fileUses(change dc.HardwareChange) []use {
	var uses []use
	for _, m := range change.Media() {
		uses = append(uses, use{dc.PrivDatastoreBrowse, dc.ID(m.Datastore)})
	}
	for _, file := range change.DiskFiles() {
		uses = append(uses, use{dc.PrivDatastoreBrowse, dc.ID(file.Datastore)})
	}
	for _, m := range change.PortFiles() {
		uses = append(uses, use{dc.PrivFileManagement, dc.ID(m.Datastore)})
	}
	return uses
}

// useFiles makes it a condition of tx that the datastores of a change's files stay, and checks that the host reaches them, if there
// is one already.
func useFiles(tx *store.Tx, change dc.HardwareChange, host dc.HostID) error {
	if err := change.CheckFiles(); err != nil {
		return err
	}
	for _, m := range append(change.Media(), change.PortFiles()...) {
		ds, err := store.Get[*dc.Datastore](tx.View(), dc.ID(m.Datastore))
		if err != nil {
			return err
		}
		if host != "" && !ds.Spec.ReachedBy(host) {
			return dc.Errorf(dc.Invalid, "its host does not reach %s", dc.Describe(dc.KindDatastore, ds.Name)).
				Fix("copy the file to a datastore that the host reaches")
		}
		tx.Exists(dc.ID(m.Datastore))
	}
	return nil
}

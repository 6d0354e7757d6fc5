package qemu

import (
	"context"
	"fmt"

	"hanok/dc"
)

// compare asks QEMU what the machine has, and notes where that is not what was asked for.
func (m *machine) compare(ctx context.Context) error {
	m.comparing.Lock()
	defer m.comparing.Unlock()
	has, err := m.inventory(ctx)
	if err != nil {
		return err
	}
	m.update(func() {
		spec := m.asked
		said := append(differences(spec.Hardware), has.compareDevices(wanted(spec), func(string) bool { return false })...)
		said = append(said, has.compareSize(spec.Hardware)...)
		said = append(said, has.wiring.compare(spec)...)
		said = append(said, m.tpmEnded()...)
		for _, d := range spec.Disks {
			if is, ok := has.sizes[diskID(d.Key)]; ok && is != d.CapacityBytes {
				said = append(said, fmt.Sprintf("disk %d has %d bytes, not %d", d.Key, is, d.CapacityBytes))
			}
		}
		for _, d := range spec.Drives {
			_, is := has.sets[driveID(d.Key)]
			switch wanted := d.Connected && d.Media != (dc.Media{}); {
			case wanted && !is:
				said = append(said, fmt.Sprintf("%s is empty, since %s could not be opened", describeDrive(d), d.Media.Path))
			case !wanted && is:
				said = append(said, fmt.Sprintf("%s has media in it that it should not have", describeDrive(d)))
			}
		}
		m.differences = said
	})
	return nil
}

func diskID(key int32) string  { return fmt.Sprintf("disk%d", key) }
func driveID(key int32) string { return fmt.Sprintf("drive%d", key) }

func describeDrive(d dc.Drive) string {
	if d.Type == dc.Floppy {
		return fmt.Sprintf("floppy drive %d", d.Unit+1)
	}
	return fmt.Sprintf("CD-ROM drive %d", d.Key)
}

// differences says what the guest finds that was not asked for, because QEMU has no such thing.
func differences(h dc.Hardware) []string {
	var said []string
	for _, c := range h.Controllers {
		if c.Type == dc.ControllerLSILogic {
			said = append(said, fmt.Sprintf("SCSI controller %d is an LSI Logic SAS 1068 for the guest, since QEMU has no LSI Logic Parallel: "+
				"the guest needs the driver of the SAS model", c.Bus()))
		}
	}
	return said
}

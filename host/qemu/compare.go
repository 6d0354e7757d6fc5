package qemu

import (
	"context"
	"fmt"
	"path"

	"hanok/dc"
)

// compare asks QEMU what the machine has, and notes where that is not what was asked for.
func (m *machine) compare(ctx context.Context) error {
	said := differences(m.spec.Hardware)
	if len(m.spec.Drives) > 0 {
		var drives []struct {
			Device   string    `json:"qdev"`
			Inserted *struct{} `json:"inserted"`
		}
		if err := m.execute(ctx, "query-block", nil, &drives); err != nil {
			return err
		}
		full := map[string]bool{}
		for _, d := range drives {
			full[path.Base(d.Device)] = d.Inserted != nil
		}
		for _, d := range m.spec.Drives {
			wanted := d.Connected && d.Media != dc.Media{}
			switch is := full[fmt.Sprintf("drive%d", d.Key)]; {
			case wanted && !is:
				said = append(said, fmt.Sprintf("%s is empty, since %s could not be opened when the machine was powered on",
					describeDrive(d), d.Media.Path))
			case !wanted && is:
				said = append(said, fmt.Sprintf("%s has media in it that it should not have", describeDrive(d)))
			}
		}
	}
	m.update(func() { m.differences = said })
	return nil
}

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

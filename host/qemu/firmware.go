package qemu

import (
	"errors"
	"io/fs"
	"os"

	"hanok/dc"
)

// firmwares are where distributions keep EFI firmware for virtual machines, the code with its empty variables, the best
// first: 4 MB without Secure Boot.
var firmwares = []struct{ code, variables string }{
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
}

// openFirmware opens the EFI firmware and the machine's own variables. BIOS machines need neither.
func (l *launch) openFirmware() error {
	if l.spec.Firmware != dc.EFI {
		return nil
	}
	for _, f := range firmwares {
		code, err := os.Open(f.code)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return noFirmware(l.spec, err)
		}
		l.command.Firmware = l.inheritFile(code, f.code)
		template, err := os.ReadFile(f.variables)
		if err != nil {
			return noFirmware(l.spec, err)
		}
		nvram, err := l.files.NVRAM(template)
		if err != nil {
			return err
		}
		l.command.NVRAM = l.inheritFile(nvram, nvram.Name())
		return nil
	}
	return noFirmware(l.spec, fs.ErrNotExist)
}

func noFirmware(spec dc.Machine, err error) error {
	return failure(dc.Unavailable, spec, "the EFI firmware can't be opened on this host: %w", err).
		Fix("install the package ovmf, or give the machine BIOS firmware")
}

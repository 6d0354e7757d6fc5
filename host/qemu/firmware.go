package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"hanok/dc"
)

// firmwares are where distributions keep EFI firmware for virtual machines, the code with its empty variables, the best
// first: 4 MB without Secure Boot.
var firmwares = []struct{ code, variables string }{
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
}

// signed are the same for Secure Boot, with the keys of what may start in their variables.
var signed = []struct{ code, variables string }{
	{"/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"},
}

// openFirmware opens the EFI firmware and the machine's own variables. BIOS machines need neither.
func (l *launch) openFirmware() error {
	if l.spec.Firmware != dc.EFI {
		return nil
	}
	builds := firmwares
	if l.spec.Boot.Secure {
		builds = signed
	}
	for _, f := range builds {
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
		l.command.NVRAM, l.nvram = l.inheritFile(nvram, nvram.Name()), nvram
		if l.spec.Boot.Secure {
			return l.checkEnrolled(nvram)
		}
		return nil
	}
	return noFirmware(l.spec, fs.ErrNotExist)
}

func noFirmware(spec dc.Machine, err error) error {
	return failure(dc.Unavailable, spec, "the EFI firmware can't be opened on this host: %w", err).
		Fix("install the package ovmf, or give the machine BIOS firmware")
}

// checkEnrolled refuses variables without keys: with them the firmware would start anything.
func (l *launch) checkEnrolled(nvram *os.File) error {
	content, err := io.ReadAll(io.NewSectionReader(nvram, 0, maxNVRAM))
	if err != nil {
		return failure(dc.Unavailable, l.spec, "reading its EFI variables: %w", err).Fix("look at the health of its datastore")
	}
	if !enrolled(content) {
		return failure(dc.WrongState, l.spec, "its EFI variables have no keys for Secure Boot: they were made without it").
			Fix("move its .nvram file away; the machine then starts with fresh variables, which have the keys")
	}
	return nil
}

// maxNVRAM bounds what is read of the variables.
const maxNVRAM = 16 << 20

// enrolled reports whether EFI variables have a platform key, without which Secure Boot is not in force (UEFI specification, Secure
// Boot modes). The form is AUTHENTICATED_VARIABLE_HEADER in edk2's MdeModulePkg/Include/Guid/VariableFormat.h.
func enrolled(variables []byte) bool {
	platformKey := append(slices.Clone(globalVariable), wide("PK")...)
	for at := 0; ; {
		i := bytes.Index(variables[at:], platformKey)
		if i < 0 {
			return false
		}
		at += i
		if at >= vendorAt {
			h := variables[at-vendorAt : at]
			name, data := binary.LittleEndian.Uint32(h[36:]), binary.LittleEndian.Uint32(h[40:])
			if h[0] == 0xaa && h[1] == 0x55 && h[2] == variableAdded && name == 6 && data > 0 {
				return true
			}
		}
		at++
	}
}

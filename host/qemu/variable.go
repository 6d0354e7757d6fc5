package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"hanok/dc"
)

// A machine's EFI variables are a firmware volume (UEFI Platform Initialization specification, volume 3, 3.2) with a variable store in
// it, as edk2's MdeModulePkg/Include/Guid/VariableFormat.h has it: each variable a header, its name in UTF-16, and its content, one after
// the other up to the first that doesn't begin with variableMark.
const (
	volumeMark    = "_FVH"
	volumeMarkAt  = 40
	volumeLength  = 48 // where the length of the volume's header is
	storeHeader   = 28
	variableMark  = 0x55aa
	variableAdded = 0x3f // whole, and not deleted
	header        = 60
	vendorAt      = 44
	// persistent are the attributes of a variable that stays, and that boot loaders and systems see.
	persistent = 7
	// bootToSetup is a bit of OsIndications (UEFI specification, 8.5.4): the next boot opens the firmware's setup, and takes it back.
	bootToSetup = 1
)

var (
	// globalVariable is EFI_GLOBAL_VARIABLE.
	globalVariable = []byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}
	// authenticatedStore is the kind of store that OVMF has.
	authenticatedStore = []byte{0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92}
	osIndications      = wide("OsIndications")
)

// wide returns an ASCII text in UTF-16, with the zero at its end.
func wide(text string) []byte {
	var b []byte
	for i := range len(text) {
		b = append(b, text[i], 0)
	}
	return append(b, 0, 0)
}

// enterSetup lets the firmware open its setup at the next boot.
func (l *launch) enterSetup() error {
	if !l.spec.Boot.EnterSetup || l.memory != nil {
		return nil
	}
	content, err := io.ReadAll(io.NewSectionReader(l.nvram, 0, maxNVRAM))
	var edits []edit
	if err == nil {
		edits, err = askForSetup(content)
	}
	for _, e := range edits {
		if err == nil {
			_, err = l.nvram.WriteAt(e.data, int64(e.at))
		}
		if err == nil {
			err = l.nvram.Sync()
		}
	}
	if errors.Is(err, errVariables) {
		return failure(dc.WrongState, l.spec, "its firmware can't be told to open its setup: %w", err).
			Fix("move its .nvram file away; the machine then starts with fresh variables")
	}
	if err != nil {
		return failure(dc.Unavailable, l.spec, "writing its EFI variables: %w", err).Fix("look at the health of its datastore")
	}
	return nil
}

var errVariables = errors.New("its EFI variables")

// edit is a change of a file: data is written at a place.
type edit struct {
	at   int
	data []byte
}

// askForSetup returns what is to be written, one after the other, to set the bit in the variables. What the firmware looks at first comes
// last, so that a power cut leaves the variables as they were.
func askForSetup(content []byte) ([]edit, error) {
	store, err := variableStore(content)
	if err != nil {
		return nil, err
	}
	at := store.first
	for at+header <= store.end && binary.LittleEndian.Uint16(content[at:]) == variableMark {
		h := content[at : at+header]
		name, data := int64(binary.LittleEndian.Uint32(h[36:])), int64(binary.LittleEndian.Uint32(h[40:]))
		if int64(at)+header+name+data > int64(store.end) {
			return nil, errors.Join(errVariables, errors.New("one of them is longer than all of them"))
		}
		body := content[at+header : at+header+int(name+data)]
		if h[2] == variableAdded && data > 0 && bytes.Equal(h[vendorAt:], globalVariable) && bytes.Equal(body[:name], osIndications) {
			return []edit{{at + header + int(name), []byte{body[name] | bootToSetup}}}, nil
		}
		at = align(at + header + int(name+data))
	}
	variable := newVariable(osIndications, []byte{bootToSetup, 0, 0, 0, 0, 0, 0, 0})
	if at+len(variable) > store.end {
		return nil, errors.Join(errVariables, errors.New("there is no room for another one"))
	}
	const mark = 4
	return []edit{{at + mark, variable[mark:]}, {at, variable[:mark]}}, nil
}

// span is where the variables are.
type span struct{ first, end int }

// variableStore finds the variables.
func variableStore(content []byte) (span, error) {
	unknown := errors.Join(errVariables, errors.New("they are of a form that is not known"))
	if len(content) < volumeLength+2 || string(content[volumeMarkAt:volumeMarkAt+len(volumeMark)]) != volumeMark {
		return span{}, unknown
	}
	at := int(binary.LittleEndian.Uint16(content[volumeLength:]))
	if at+storeHeader > len(content) || !bytes.Equal(content[at:at+16], authenticatedStore) {
		return span{}, unknown
	}
	end := int64(at) + int64(binary.LittleEndian.Uint32(content[at+16:]))
	if end > int64(len(content)) {
		return span{}, unknown
	}
	return span{first: at + storeHeader, end: int(end)}, nil
}

// newVariable returns a variable of EFI's own.
func newVariable(name, data []byte) []byte {
	v := make([]byte, header, header+len(name)+len(data))
	binary.LittleEndian.PutUint16(v, variableMark)
	v[2] = variableAdded
	binary.LittleEndian.PutUint32(v[4:], persistent)
	binary.LittleEndian.PutUint32(v[36:], uint32(len(name)))
	binary.LittleEndian.PutUint32(v[40:], uint32(len(data)))
	copy(v[vendorAt:], globalVariable)
	return append(append(v, name...), data...)
}

// align returns the place of the variable that follows one which ends there.
func align(at int) int { return (at + 3) &^ 3 }

package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"hanok/dc"
)

// variables returns a file of EFI variables with room for size bytes of them.
func variables(size int, all ...[]byte) []byte {
	const volume = 72
	v := make([]byte, volume+storeHeader)
	copy(v[volumeMarkAt:], volumeMark)
	binary.LittleEndian.PutUint16(v[volumeLength:], volume)
	copy(v[volume:], authenticatedStore)
	binary.LittleEndian.PutUint32(v[volume+16:], uint32(storeHeader+size))
	for _, one := range all {
		v = append(v, one...)
		for len(v)%4 != 0 {
			v = append(v, 0xff)
		}
	}
	return append(v, bytes.Repeat([]byte{0xff}, volume+storeHeader+size-len(v))...)
}

// written returns the content after edits.
func written(content []byte, edits []edit) []byte {
	content = slices.Clone(content)
	for _, e := range edits {
		copy(content[e.at:], e.data)
	}
	return content
}

func TestAskForSetup(t *testing.T) {
	bit := func(data byte) []byte { return newVariable(osIndications, []byte{data, 0, 0, 0, 0, 0, 0, 0}) }
	deleted := bit(0)
	deleted[2] = 0x3d
	other := newVariable(wide("Lang"), []byte("eng"))
	endless := slices.Clone(other)
	binary.LittleEndian.PutUint32(endless[40:], 1<<32-1)
	for name, test := range map[string]struct {
		content, want []byte
		err           string
	}{
		"none":            {variables(300), variables(300, bit(1)), ""},
		"another":         {variables(300, other), variables(300, other, bit(1)), ""},
		"deleted":         {variables(300, deleted), variables(300, deleted, bit(1)), ""},
		"with other bits": {variables(300, other, bit(4)), variables(300, other, bit(5)), ""},
		"asked already":   {variables(300, bit(1)), variables(300, bit(1)), ""},
		"full":            {variables(100, other), nil, "no room"},
		"too long":        {variables(300, endless), nil, "longer"},
		"cut off":         {variables(300)[:200], nil, "not known"},
		"of another kind": {bytes.Replace(variables(300), authenticatedStore[:4], []byte("none"), 1), nil, "not known"},
		"none at all":     {nil, nil, "not known"},
	} {
		edits, err := askForSetup(test.content)
		if test.err != "" {
			if !errors.Is(err, errVariables) || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(written(test.content, edits), test.want) {
			t.Errorf("%s: %v, %+v", name, err, edits)
		}
		if len(edits) == 2 && !bytes.Equal(test.content[:edits[0].at], written(test.content, edits[:1])[:edits[0].at]) {
			t.Errorf("%s: what the firmware looks at first is not written last", name)
		}
	}
}

// FuzzAskForSetup stays within the file, whatever that is.
func FuzzAskForSetup(f *testing.F) {
	f.Add(variables(300))
	f.Add(variables(300, newVariable(wide("Lang"), []byte("eng")), newVariable(osIndications, make([]byte, 8))))
	f.Add(variables(100, newVariable(osIndications, nil)))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, content []byte) {
		edits, err := askForSetup(content)
		if err != nil && !errors.Is(err, errVariables) {
			t.Errorf("error %v", err)
		}
		for _, e := range edits {
			if e.at < 0 || e.at+len(e.data) > len(content) {
				t.Errorf("%+v is outside of %d bytes", e, len(content))
			}
		}
	})
}

// The firmware opens its setup once, and takes the request back.
func TestEnterSetup(t *testing.T) {
	m := tinyMachine()
	m.Firmware, m.MemoryMB, m.Boot.EnterSetup = dc.EFI, 128, true
	l := newLab(t, m)
	l.start()
	l.serial().await(`starting Boot\d+ "UiApp"`)
}

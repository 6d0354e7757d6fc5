package image

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

func TestMasterBootRecord(t *testing.T) {
	code := bytes.Repeat([]byte{0x90}, bootCodeSize)
	sector, err := masterBootRecord(code,
		partition{kind: typeFAT16, active: true, start: 1 << 20, size: 3 << 20},
		partition{kind: typeLinux, start: 4 << 20, size: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if len(sector) != 512 || sector[510] != 0x55 || sector[511] != 0xaa {
		t.Fatalf("%d bytes that end in % x, want 512 that end in 55 aa", len(sector), sector[510:])
	}
	if !bytes.Equal(sector[:440], code) {
		t.Error("the code is not as given")
	}
	for i, want := range []struct {
		flag, kind  byte
		start, size uint32
	}{{0x80, 0x0e, 2048, 6144}, {0, 0x83, 8192, 4096}, {0, 0, 0, 0}} {
		entry := sector[446+16*i:]
		if entry[0] != want.flag || entry[4] != want.kind ||
			binary.LittleEndian.Uint32(entry[8:]) != want.start || binary.LittleEndian.Uint32(entry[12:]) != want.size {
			t.Errorf("partition %d: % x, want %+v", i+1, entry[:16], want)
		}
	}
}

func TestMasterBootRecordRefusesLongCode(t *testing.T) {
	if _, err := masterBootRecord(make([]byte, 441)); err == nil || !strings.Contains(err.Error(), "441 bytes") {
		t.Errorf("got %v, want an error that names the size", err)
	}
}

func TestWriteDiskRefusesWhatDoesNotFit(t *testing.T) {
	err := writeDisk(t.Context(), t.TempDir()+"/disk", t.TempDir(), make([]byte, 30<<20), make([]byte, 30<<20))
	if err == nil || !strings.Contains(err.Error(), "do not fit") {
		t.Errorf("got %v, want an error that says it does not fit", err)
	}
}

func TestBootConfig(t *testing.T) {
	for _, line := range []string{
		"SERIAL 0 115200", // the loader speaks on the serial port
		"PROMPT 0",        // and waits for nobody
		"TIMEOUT 0",
		"  LINUX /vmlinuz",
		"  INITRD /initrd",
		"  APPEND console=tty0 console=ttyS0,115200 quiet nokaslr panic=5", // the last console is /dev/console
	} {
		if !strings.Contains(bootConfig, line+"\n") {
			t.Errorf("syslinux.cfg lacks %q:\n%s", line, bootConfig)
		}
	}
}

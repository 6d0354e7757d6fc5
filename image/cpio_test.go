package image

import (
	"bytes"
	"strings"
	"testing"
)

func TestWriteCPIO(t *testing.T) {
	var archive bytes.Buffer
	err := writeCPIO(&archive, []cpioEntry{
		{name: "dev", mode: modeDirectory | 0o755},
		{name: "dev/console", mode: modeCharacter | 0o600, major: 5, minor: 1},
		{name: "init", mode: modeRegular | 0o755, data: []byte("#!/bin/sh\n")},
		{name: "sh", mode: modeSymlink | 0o777, data: []byte("busybox")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if archive.Len()%4 != 0 {
		t.Errorf("archive has %d bytes, not a multiple of four", archive.Len())
	}
	// Field by field, as the kernel's documentation lays the header out.
	const init = "070701" + "00000003" + "000081ed" + "00000000" + "00000000" + "00000001" + "00000000" +
		"0000000a" + "00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" +
		"init\x00" + "\x00" + "#!/bin/sh\n" + "\x00\x00"
	if !strings.Contains(archive.String(), init) {
		t.Errorf("archive lacks the entry of init:\n%q", archive.String())
	}
	const console = "00000005" + "00000001" + "0000000c" + "00000000" + "dev/console\x00"
	if !strings.Contains(archive.String(), console) {
		t.Errorf("archive lacks the device numbers of dev/console:\n%q", archive.String())
	}
	if !bytes.Contains(archive.Bytes(), []byte("TRAILER!!!\x00")) {
		t.Error("archive has no trailer")
	}
}

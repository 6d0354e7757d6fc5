package image

import (
	"os"
	"strings"
	"testing"
)

// hostFiles reads files of this machine, which runs what the packages hold in another version.
func hostFiles(t *testing.T, names ...string) files {
	t.Helper()
	found := files{}
	for _, name := range names {
		data, err := os.ReadFile("/" + name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = file{data: data}
	}
	return found
}

const (
	hostLoader  = "lib64/ld-linux-x86-64.so.2"
	hostLibrary = "lib/x86_64-linux-gnu/libc.so.6"
	hostProgram = "bin/dash"
)

func TestReadProgram(t *testing.T) {
	packages := hostFiles(t, hostProgram, hostLibrary, hostLoader)
	packages["usr/lib/other/libc.so.6"] = file{link: "absent"} // what another package would hold
	p, err := readProgram(packages, hostProgram)
	if err != nil {
		t.Fatal(err)
	}
	if p.interpreter != "/"+hostLoader || len(p.loader) == 0 {
		t.Errorf("loader %q of %d bytes, want /%s", p.interpreter, len(p.loader), hostLoader)
	}
	// libc needs the loader in its turn.
	for _, name := range []string{"libc.so.6", "ld-linux-x86-64.so.2"} {
		if len(p.libraries[name]) == 0 {
			t.Errorf("%s is not among the libraries", name)
		}
	}
}

func TestReadProgramNamesWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name     string
		packages files
		want     string
	}{
		{"program", files{}, "no package has bin/dash"},
		{"library", hostFiles(t, hostProgram, hostLoader), "bin/dash needs libc.so.6, which no package has"},
		{"library's library", hostFiles(t, hostProgram, hostLibrary), "libc.so.6 needs ld-linux-x86-64.so.2, which no package has"},
		{"not a program", files{hostProgram: {data: []byte(strings.Repeat("#!/bin/sh\n", 10))}}, "bad magic number"},
		{"static", files{hostProgram: {data: object(t)}}, "not a dynamically linked program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := readProgram(c.packages, hostProgram); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

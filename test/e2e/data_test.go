package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"hanok/internal/testhost"
)

// TestBadData starts the service on folders that it can't use: it says why, and leaves them as they were.
func TestBadData(t *testing.T) {
	testhost.Require(t)
	const elsewhere = "choose another folder with DATA=DIR"
	tests := []struct {
		name string
		// prepare returns DATA, given a folder for the test.
		prepare func(t *testing.T, dir string) string
		parts   []string
	}{
		{"a small disk", func(t *testing.T, dir string) string {
			return newSmallDisk(t, filepath.Join(dir, "disk"), "64m").path
		}, []string{"its disk has 6", " MB left, and a data center needs 256 MB to start", "next: free some space there, or " + elsewhere}},
		{"a full disk", func(t *testing.T, dir string) string {
			disk := newSmallDisk(t, filepath.Join(dir, "disk"), "64m")
			disk.fill(0)
			return filepath.Join(disk.path, "data")
		}, []string{"its disk is full", "next: free some space there, or " + elsewhere}},
		{"somebody else's", func(t *testing.T, dir string) string {
			if err := os.Chown(dir, 12345, 12345); err != nil {
				t.Fatal(err)
			}
			return dir
		}, []string{"it belongs to user 12345, not to root (0)", "next: " + elsewhere}},
		{"of something else", func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, []string{`it holds "thesis.tex" and is not a data center's`, "next: " + elsewhere}},
		{"a file", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "file")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, []string{"it is not a folder", "next: " + elsewhere}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := test.prepare(t, t.TempDir())
			before := tree(t, filepath.Dir(data))
			refused(t, nil, append([]string{`hanok: up: data folder "` + data + `": `}, test.parts...), "up", "--data", data, "--listen", "127.0.0.1:0")
			if after := tree(t, filepath.Dir(data)); after != before {
				t.Errorf("there was\n%sand is\n%s", before, after)
			}
		})
	}
}

// tree lists what is below a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var list string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		list += path + "\n"
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

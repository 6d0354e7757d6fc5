package main

import (
	"os"
	"path/filepath"
	"testing"

	"hanok/dc"
)

// A data folder has one role.
func TestSetHost(t *testing.T) {
	tests := []struct {
		name    string
		manager string   // that the folder knows
		files   []string // that are in it
		given   string   // by the command, or "" for `hanok host run`
		want    string   // what the host's manager is then, or ""
		parts   []string
	}{
		{"join", "", nil, "https://a", "https://a", nil},
		{"join again", "https://a", []string{"agent/identity.json"}, "https://b", "https://b", nil},
		{"run", "https://a", []string{"agent/identity.json"}, "", "https://a", nil},
		{"run of no host", "", nil, "", "", []string{"no host of a data center", "hanok host join"}},
		{"run after a join that failed", "https://a", nil, "", "", []string{"no host of a data center", "hanok host join"}},
		{"join of a manager's folder", "", []string{"manager/store"}, "https://a", "", []string{"a manager's", "hanok up"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &dataFolder{path: t.TempDir(), marker: marker{Format: dataFormat, Run: "run", Manager: test.manager}}
			for _, name := range test.files {
				if err := os.MkdirAll(filepath.Dir(d.file(name)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(d.file(name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c := hostConfig{manager: test.given}
			err := d.setHost(&c)
			if test.parts != nil {
				wantError(t, err, dc.WrongState, test.parts...)
				return
			}
			if err != nil || c.manager != test.want {
				t.Errorf("the manager is %q, %v; want %q", c.manager, err, test.want)
			}
		})
	}
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"hanok/dc"
)

// Where the store is, is said once. What is refused leaves the data folder as it was.
func TestKeepEtcd(t *testing.T) {
	at := func(prefix string, endpoints ...string) etcdSettings {
		return etcdSettings{Endpoints: endpoints, Prefix: prefix}
	}
	known := at("/lab/", "http://10.0.0.1:2379")
	files := at("/lab/", "https://10.0.0.1:2379")
	files.CA = "no-such-file.pem"
	tests := []struct {
		name     string
		known    *etcdSettings
		embedded bool
		given    etcdSettings
		kind     dc.ErrorKind
		parts    []string
	}{
		{"first start", nil, false, known, "", nil},
		{"again", &known, false, known, "", nil},
		{"another member", &known, false, at("/lab/", "http://10.0.0.2:2379"), "", nil},
		{"another prefix", &known, false, at("/labs/", "http://10.0.0.1:2379"), dc.WrongState, []string{`prefix "/lab/", not "/labs/"`, "--etcd-prefix"}},
		{"store in the folder", nil, true, known, dc.WrongState, []string{"in the folder", "without --etcd"}},
		{"no such file", &known, false, files, dc.Invalid, []string{"certificate authority of etcd", "no-such-file.pem", "--etcd-ca"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			before := marker{Format: dataFormat, Run: "run", Etcd: test.known}
			if err := writeMarker(dir, before); err != nil {
				t.Fatal(err)
			}
			d := &dataFolder{path: dir, marker: before}
			err := d.keepEtcd(test.given, test.embedded)
			want := test.known
			if test.kind == "" {
				want = &test.given
			}
			switch {
			case test.kind == "" && err != nil:
				t.Fatal(err)
			case test.kind != "":
				wantError(t, err, test.kind, test.parts...)
			}
			m, err := readMarker(dir)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case want == nil && m.Etcd != nil:
				t.Errorf("%+v is remembered, want nothing", m.Etcd)
			case want != nil && (m.Etcd == nil || m.Etcd.Endpoints[0] != want.Endpoints[0] || m.Etcd.Prefix != want.Prefix):
				t.Errorf("%+v is remembered, want %+v", m.Etcd, want)
			}
		})
	}
}

// A relative path of a file means the same file at the next start, wherever that is.
func TestKeepEtcdFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("ca.pem", []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &dataFolder{path: dir}
	err := d.keepEtcd(etcdSettings{Endpoints: []string{"https://localhost:2379"}, CA: "ca.pem"}, false)
	wantError(t, err, dc.Invalid, "no certificate in "+filepath.Join(dir, "ca.pem"))
}

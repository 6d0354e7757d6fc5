package compute

import (
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

func TestPlace(t *testing.T) {
	host := func(name string, change func(c *candidate), stores ...target) candidate {
		c := candidate{executes: func(dc.Hardware) bool { return true }, host: &dc.Host{ID: dc.HostID("host-" + name), Meta: dc.Meta{Name: name},
			Status: dc.HostStatus{Connection: dc.Connected, CPUs: 4, MemoryMB: 4096}}, datastores: func() []target { return stores }}
		if change != nil {
			change(&c)
		}
		return c
	}
	disk := func(name string, freeMB int64) target {
		return target{datastore: &dc.Datastore{ID: dc.DatastoreID("datastore-" + name), Meta: dc.Meta{Name: name},
			Status: dc.DatastoreStatus{Accessible: true}}, usage: &dc.DatastoreUsage{FreeBytes: freeMB << 20}}
	}
	silent := disk("silent", 0)
	silent.usage = nil
	broken := disk("broken", 1000)
	broken.datastore.Status = dc.DatastoreStatus{Failure: &dc.Failure{Message: "no such folder"}}
	unseen := disk("unseen", 1000)
	unseen.datastore.Status.Accessible = false
	old := func(c *candidate) { c.executes = func(dc.Hardware) bool { return false } }
	away := func(c *candidate) { c.host.Status.Connection = dc.NotResponding }
	given := func(mb int64) func(c *candidate) { return func(c *candidate) { c.givenMB = mb } }

	tests := []struct {
		name       string
		change     func(d *demand)
		candidates []candidate
		want       string // "host datastore"
		kind       dc.ErrorKind
		message    string
	}{
		{"one host", nil, []candidate{host("a", nil, disk("x", 1000))}, "host-a datastore-x", "", ""},
		{"the one with more memory left", nil,
			[]candidate{host("a", given(1), disk("x", 1000)), host("b", nil, disk("y", 1000))}, "host-b datastore-y", "", ""},
		{"the first by name among equals", nil,
			[]candidate{host("b", given(9), disk("y", 1000)), host("a", given(9), disk("x", 1000))}, "host-a datastore-x", "", ""},
		{"more memory given than there is", nil, []candidate{host("a", given(99999), disk("x", 1000))}, "host-a datastore-x", "", ""},
		{"the datastore with more space", nil, []candidate{host("a", nil, disk("x", 500), disk("y", 501))}, "host-a datastore-y", "", ""},
		{"the first datastore by name", nil, []candidate{host("a", nil, disk("y", 500), disk("x", 500))}, "host-a datastore-x", "", ""},
		{"just enough space", nil, []candidate{host("a", nil, disk("x", 100))}, "host-a datastore-x", "", ""},
		{"space not known yet", nil, []candidate{host("a", nil, silent)}, "host-a datastore-silent", "", ""},
		{"the second host, as the first is full", nil,
			[]candidate{host("a", nil, disk("x", 99)), host("b", given(9), disk("y", 100))}, "host-b datastore-y", "", ""},
		{"the host asked for", func(d *demand) { d.host = "host-b" },
			[]candidate{host("a", nil, disk("x", 1000)), host("b", given(9), disk("y", 1000))}, "host-b datastore-y", "", ""},
		{"the datastore asked for", func(d *demand) { d.datastore = "datastore-y" },
			[]candidate{host("a", nil, disk("x", 1000)), host("b", given(9), disk("y", 1000))}, "host-b datastore-y", "", ""},

		{"no host", nil, nil, "", dc.Unavailable, `cluster "c1" has no hosts`},
		{"a host of another cluster", func(d *demand) { d.host = "host-z" }, []candidate{host("a", nil, disk("x", 1000))},
			"", dc.Invalid, `host-z is not in cluster "c1"`},
		{"all away", nil, []candidate{host("b", away), host("a", away)}, "", dc.Unavailable,
			`no host can hold it: host "a": it is not connected; host "b": it is not connected`},
		{"all too old", nil, []candidate{host("b", old), host("a", away)}, "", dc.Unsupported,
			`no host can hold it: host "a": it is not connected; host "b": its program is too old for the machine's hardware`},
		{"one too old", nil, []candidate{host("b", old, disk("y", 1000)), host("a", given(9), disk("x", 1000))}, "host-a datastore-x", "", ""},
		{"one too old, one too small", nil, []candidate{host("b", old), host("a", func(c *candidate) { c.host.Status.CPUs = 0 })}, "", dc.Exhausted,
			`no host can hold it: host "a": needs 1 CPUs, has 0; host "b": its program is too old for the machine's hardware`},
		{"media elsewhere", func(d *demand) { d.files = []dc.Media{{Datastore: "datastore-y", Path: "a.iso"}} }, []candidate{host("a", nil, disk("x", 1000))}, "",
			dc.Exhausted, `no host can hold it: host "a": does not reach the datastore datastore-y with a.iso`},
		{"every reason", func(d *demand) { d.hardware.CPUs = 4 },
			[]candidate{
				host("c", nil), host("b", func(c *candidate) { c.host.Status.CPUs = 2 }), host("a", away),
				host("d", func(c *candidate) { c.host.Status.MemoryMB = 512 }), host("e", nil, broken, disk("full", 99), unseen),
			}, "", dc.Exhausted,
			`no host can hold it: host "a": it is not connected; host "b": needs 4 CPUs, has 2; host "c": has no datastore; ` +
				`host "d": needs 1024 MB of memory and 86 MB to execute it, has 248 MB; host "e": datastore "broken": not accessible (no such folder), ` +
				`datastore "full": needs 100 MB, has 99 MB free, datastore "unseen": not accessible`},
		{"the datastore asked for is elsewhere", func(d *demand) { d.datastore = "datastore-y" }, []candidate{host("a", nil, disk("x", 1000))},
			"", dc.Exhausted, `no host can hold it: host "a": does not reach the datastore datastore-y`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := demand{hardware: dc.Hardware{CPUs: 1, MemoryMB: 1024}, imageBytes: 100 << 20, cluster: "c1"}
			if tt.change != nil {
				tt.change(&d)
			}
			h, ds, err := place(d, tt.candidates)
			if got := strings.TrimSpace(string(h) + " " + string(ds)); got != tt.want {
				t.Errorf("placed on %q, want %q", got, tt.want)
			}
			wantError(t, err, tt.kind, tt.message)
			if f := dc.FailureOf(err); f != nil && f.Kind != dc.Invalid && (f.Kind == dc.Exhausted) != strings.Contains(f.Remedy, "smaller") {
				t.Errorf("the remedy is %q", f.Remedy)
			}
		})
	}
}

// wantError checks an error's kind and its whole text but the remedy; kind "" stands for no error. A refusal must have a
// remedy, unless there is nothing to do.
func wantError(t testing.TB, err error, kind dc.ErrorKind, text string) {
	t.Helper()
	if kind == "" {
		if err != nil {
			t.Errorf("got error %v", err)
		}
		return
	}
	f := dc.FailureOf(err)
	if f == nil {
		t.Errorf("got no error, want %s: %s", kind, text)
		return
	}
	got := f.Message
	if f.Object != "" {
		got = f.Object + ": " + got
	}
	if f.Kind != kind || got != text {
		t.Errorf("got  %s: %s\nwant %s: %s", f.Kind, got, kind, text)
	}
	if f.Remedy == "" && f.Kind != dc.NotFound && !strings.HasSuffix(f.Message, " already") {
		t.Errorf("%q has no remedy", got)
	}
}

func TestSanitize(t *testing.T) {
	for name, want := range map[string]string{
		"hello":                       "hello",
		"Web server (2), test":        "Web server (2), test",
		"Müller":                      "Müller",
		"..hello":                     "hello",
		". .-x":                       "x",
		"-rf":                         "rf",
		"...":                         "vm",
		"日本":                          "日本",
		`a:b*c?"d<e>|f`:               "a_b_c__d_e__f",
		"a$(x)`y`;z":                  "a_(x)_y__z",
		"end.":                        "end",
		strings.Repeat("é", 80) + "x": strings.Repeat("é", 80) + "x",
		strings.Repeat("日", 80):       strings.Repeat("日", 66),
	} {
		if got := sanitize(name); got != want {
			t.Errorf("sanitize(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestFolderNameIsNumberedWhereTaken(t *testing.T) {
	w := newWorld(t)
	for i, folder := range []string{"hello", "hello_1", "hello_3"} {
		vm := &dc.VirtualMachine{ID: dc.VirtualMachineID("vm-" + string(rune('a'+i))), Meta: dc.Meta{Name: folder, Parent: "group-vm"}}
		vm.Spec.Datastore, vm.Spec.Folder = "datastore-a", folder
		w.change(func(tx *store.Tx) error { tx.Put(vm); return nil })
	}
	if got := w.svc.folderName(w.st.View(), "datastore-a", "hello", nil); got != "hello_2" {
		t.Errorf("got %q", got)
	}
	w.hosts.set(func(h *hosts) {
		o := orphan("lost")
		o.Machine.Folder = "hello_2"
		h.orphans = []dc.Orphan{o}
	})
	if got := w.svc.folderName(w.st.View(), "datastore-a", "hello", nil); got != "hello_4" {
		t.Errorf("beside an orphan got %q", got)
	}
	if got := w.svc.folderName(w.st.View(), "datastore-b", "hello", nil); got != "hello" {
		t.Errorf("another datastore: got %q", got)
	}
}

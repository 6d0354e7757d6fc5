package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/host/sim"
	"hanok/internal/ovf"
)

// TestExport takes a machine away as an archive and as a folder, and makes machines of both, which have the same hardware.
func TestExport(t *testing.T) {
	c := startCenter(t, sim.Options{})
	c.must(t, "vm", "create", "web", "--cpus", "2", "--memory", "512M", "--disk", "4M", "--disk", "8M", "--image", "starter", "--network", "VM Network", "--annotation", "the <web> server")
	dir := t.TempDir()
	ova, folder := filepath.Join(dir, "web.ova"), filepath.Join(dir, "folder")
	c.must(t, "vm", "export", "web", ova)
	c.must(t, "vm", "export", "web", folder)

	f, err := os.Open(ova)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if h.Format != tar.FormatUSTAR {
			t.Errorf("%s is in the format %s", h.Name, h.Format)
		}
	}
	if want := []string{"web.ovf", "web-disk1.vmdk", "web-disk2.vmdk", "web.mf"}; !slices.Equal(names, want) {
		t.Errorf("in the archive are %q", names)
	}
	text, err := os.ReadFile(filepath.Join(folder, "web.ovf"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ovf.Parse(text)
	if err != nil || m.Name != "web" || m.HardwareVersion != "vmx-19" || len(m.Disks) != 2 || m.Files[0].Size <= 0 {
		t.Errorf("the descriptor is %+v, %v", m, err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 4 {
		t.Errorf("in the folder are %v, %v", entries, err)
	}

	c.must(t, "vm", "import", ova, "--name", "back", "--network", "VM Network", "--power-on")
	c.must(t, "vm", "import", filepath.Join(folder, "web.ovf"), "--name", "again", "--network", "VM Network")
	hardware := func(name string) string {
		var vm struct {
			Annotation string         `json:"annotation"`
			Hardware   map[string]any `json:"hardware"`
		}
		if err := json.Unmarshal([]byte(c.must(t, "vm", "get", name, "-o", "json")), &vm); err != nil {
			t.Fatal(err)
		}
		delete(vm.Hardware, "uuid")
		delete(vm.Hardware, "instanceUuid")
		for _, d := range vm.Hardware["disks"].([]any) {
			delete(d.(map[string]any), "file")
			delete(d.(map[string]any), "image")
		}
		for _, n := range vm.Hardware["nics"].([]any) {
			delete(n.(map[string]any), "mac")
		}
		b, _ := json.MarshalIndent(vm, "", " ")
		return string(b)
	}
	want := hardware("web")
	for _, name := range []string{"back", "again"} {
		if got := hardware(name); got != want {
			t.Errorf("%s has\n%s\nand not\n%s", name, got, want)
		}
	}
	if list := c.must(t, "task", "list"); strings.Count(list, "VirtualMachine.exportVm") != 2 || strings.Contains(list, "running") {
		t.Errorf("the tasks are\n%s", list)
	}

	for _, tt := range []struct{ machine, to, want string }{
		{"web", ova, "it is there already"},
		{"web", folder, "it is there already"},
		{"back", filepath.Join(dir, "x.ova"), "it is powered on"},
		{"web", filepath.Join(dir, "none", "x.ova"), "no such file"},
	} {
		if code, _, stderr := c.run(t.Context(), "vm", "export", tt.machine, tt.to); code != exitFailure || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s to %s: exit code %d: %s", tt.machine, tt.to, code, stderr)
		}
	}
	c.must(t, "vm", "start", "web") // nothing holds it any more
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestExportGoesOn asks for a disk again from the middle on, and gets the rest of the same file.
func TestExportGoesOn(t *testing.T) {
	c := startCenter(t, sim.Options{})
	c.must(t, "vm", "create", "web", "--disk", "100M")
	client := c.clientOf(t, c.token)
	lease, err := client.machines.ExportVirtualMachine(t.Context(), &hanokv1.ExportVirtualMachineRequest{VirtualMachine: "web"})
	if err != nil {
		t.Fatal(err)
	}
	get := func(offset int) (string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/exports/%s/0?offset=%d", c.url, lease.Task.Id, offset), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.exchange(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), res.Trailer.Get(sumHeader)
	}
	whole, sum := get(0)
	rest, again := get(1000)
	if len(whole) < 64<<10 || whole[1000:] != rest || sum != again || sum != fmt.Sprintf("%x", sha256.Sum256([]byte(whole))) {
		t.Errorf("%d bytes, and then %d with the checksum %s", len(whole), len(rest), again)
	}
	if _, err := client.machines.PowerVirtualMachine(t.Context(), &hanokv1.PowerVirtualMachineRequest{VirtualMachine: "web", Op: "powerOn"}); dc.KindOf(client.explain(err)) != dc.Conflict {
		t.Errorf("it is powered on: %v", err)
	}
	if _, err := client.machines.EndExport(t.Context(), &hanokv1.EndExportRequest{Task: lease.Task.Id, Complete: true}); err != nil {
		t.Error(err)
	}
}

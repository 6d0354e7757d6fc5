package ovf

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func testdata(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestVMware(t *testing.T) {
	m, err := Parse([]byte(testdata(t, "vmware.ovf")))
	if err != nil {
		t.Fatal(err)
	}
	const stream = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
	want := &Machine{
		Name: "web", Annotation: "the web server", Product: Product{"Web", "Example", "1.2"}, GuestID: "debian11_64Guest", OSType: 96,
		HardwareVersion: "vmx-19", CPUs: 4, CoresPerSocket: 2, MemoryMB: 2048, Firmware: "efi", SecureBoot: true,
		Controllers: []Controller{{"3", "scsi", "VirtualSCSI", 0}, {"4", "sata", "vmware.sata.ahci", 0}},
		Disks: []Disk{
			{CapacityBytes: 16 << 30, PopulatedBytes: 2097152, Format: stream, File: "web-disk1.vmdk", Controller: "3", Unit: 0},
			{CapacityBytes: 512 << 20, PopulatedBytes: -1, Format: stream, Controller: "3", Unit: 1},
		},
		Drives:   []Drive{{"cdrom", "4", 0}},
		NICs:     []NIC{{Model: "VmxNet3", Network: "VM Network"}},
		Networks: []Network{{"VM Network", "The VM Network network"}},
		Files:    []File{{"file1", "web-disk1.vmdk", 7}, {"file2", "web-file1.nvram", 5}},
		Video:    &Video{},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got\n%+v\nwant\n%+v", m, want)
	}
}

func TestVirtualBox(t *testing.T) {
	m, err := Parse([]byte(testdata(t, "virtualbox.ovf")))
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "box" || m.CPUs != 1 || m.MemoryMB != 1024 || m.Firmware != "bios" || m.HardwareVersion != "" || len(m.Controllers) != 2 ||
		m.Controllers[1].Kind != "sata" || len(m.Disks) != 1 || m.Disks[0].CapacityBytes != 10<<30 || m.Disks[0].Controller != "5" ||
		len(m.NICs) != 1 || m.NICs[0] != (NIC{Model: "E1000", Network: "NAT"}) {
		t.Errorf("got %+v", m)
	}
}

// TestRefusedDescriptors alters one thing of a good descriptor.
func TestRefusedDescriptors(t *testing.T) {
	good := testdata(t, "vmware.ovf")
	for _, tt := range []struct{ old, new, want string }{
		{"<Envelope", "<!DOCTYPE x [<!ENTITY a \"b\">]><Envelope", "a document type is not allowed"},
		{"<Name>web</Name>", "<Name>&a;</Name>", "is no"},
		{"<Name>web</Name>", strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), "more than 32 deep"},
		{"<Name>web</Name>", strings.Repeat("<a/>", 200_000), "more than 200000 parts"},
		{"<Name>web</Name>", "<Name>" + strings.Repeat("x", MaxDescriptor) + "</Name>", "is longer than"},
		{"</Envelope>", "", "is no"},
		{`href="web-disk1.vmdk"`, `href="/etc/shadow"`, `"/etc/shadow" is not the name`},
		{`href="web-disk1.vmdk"`, `href="../x.vmdk"`, "is not the name"},
		{`href="web-disk1.vmdk"`, `href="http://x/y.vmdk"`, "is not the name"},
		{`href="web-disk1.vmdk"`, `href="web-file1.nvram"`, "is named twice"},
		{`ovf:id="file2"`, `ovf:id="file1"`, "is named twice"},
		{`ovf:size="7"`, `ovf:size="-7"`, "is no number"},
		{`ovf:size="7"`, `ovf:size="7" ovf:compression="gzip"`, "is compressed (gzip)"},
		{`ovf:size="7"`, `ovf:size="7" ovf:chunkSize="3"`, "is in chunks"},
		{`ovf:capacity="16"`, `ovf:capacity="${size}"`, "is a property"},
		{`ovf:capacity="16"`, `ovf:capacity="0"`, "can't be"},
		{`ovf:capacity="16"`, `ovf:capacity="9223372036854775807"`, "is too much"},
		{`"byte * 2^30"`, `"byte * 3^30"`, "is not known"},
		{`ovf:diskId="vmdisk1"`, `ovf:diskId="vmdisk2"`, "is there twice"},
		{`ovf:fileRef="file1"`, `ovf:fileRef="file9"`, "not among the References"},
		{`ovf:fileRef="file1"`, `ovf:fileRef="file1" ovf:parentRef="vmdisk2"`, "builds on"},
		{"ovf:/disk/vmdisk1", "ovf:/file/file1", "is no disk of the package"},
		{"ovf:/disk/vmdisk1", "ovf:/disk/vmdisk7", `there is no disk "vmdisk7"`},
		{"<rasd:Parent>3</rasd:Parent>", "<rasd:Parent>77</rasd:Parent>", "which is not there"},
		{"<rasd:AddressOnParent>1<", "<rasd:AddressOnParent>0<", "two disks are at the controller"},
		{"<rasd:InstanceID>7<", "<rasd:InstanceID>6<", "which another one has"},
		{"<rasd:ResourceType>15<", "<rasd:ResourceType>17<", "which is no disk of the package"},
		{"<rasd:Connection>VM Network<", "<rasd:Connection>Other<", "not among the networks"},
		{"<rasd:VirtualQuantity>4<", "<rasd:VirtualQuantity>0<", "a machine with 0 CPUs"},
		{"<rasd:VirtualQuantity>2048<", "<rasd:VirtualQuantity>99999999999<", "MB of memory can't be"},
		{`vmw:value="efi"`, `vmw:value="openboot"`, `the firmware "openboot"`},
		{"<VirtualSystem ovf:id=\"web\">", "<VirtualSystem ovf:id=\"first\"/><VirtualSystem ovf:id=\"web\">", "has 2 virtual machines"},
		{"VirtualHardwareSection", "Other", "has no VirtualHardwareSection"},
		{"VirtualSystem ovf", "Other ovf", "is no"},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		if tt.old == "VirtualHardwareSection" {
			text = strings.ReplaceAll(good, tt.old, tt.new)
		}
		if text == good {
			t.Errorf("%q is not in the descriptor", tt.old)
		}
		_, err := Parse([]byte(text))
		var own *Error
		if !errors.As(err, &own) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q for %q: %v, want %q", tt.new[:min(len(tt.new), 40)], tt.old, err, tt.want)
		}
	}
}

// entry is one entry of an archive.
type entry struct {
	name, text string
	kind       byte
}

func archive(entries ...entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.text)), Mode: 0o600, Typeflag: tar.TypeReg}
		if e.kind != 0 {
			h.Typeflag, h.Linkname, h.Size = e.kind, "/etc/passwd", 0
		}
		_ = w.WriteHeader(h)
		if e.kind == 0 {
			_, _ = io.WriteString(w, e.text)
		}
	}
	w.Close()
	return b.Bytes()
}

func manifest(entries ...entry) entry {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "SHA256(%s)= %x\n", e.name, sha256.Sum256([]byte(e.text)))
	}
	return entry{name: "web.mf", text: b.String()}
}

func TestArchives(t *testing.T) {
	ovf := entry{name: "web.ovf", text: testdata(t, "vmware.ovf")}
	disk, nvram := entry{name: "web-disk1.vmdk", text: "content"}, entry{name: "web-file1.nvram", text: "nvram"}
	mf := manifest(ovf, disk, nvram)
	lie := manifest(ovf, entry{name: disk.name, text: "CONTENT"}, nvram)
	for _, tt := range []struct {
		name    string
		entries []entry
		want    string // of the error, "" for none
	}{
		{"VMware's order", []entry{ovf, mf, disk, nvram}, ""},
		{"the manifest last", []entry{ovf, disk, nvram, mf}, ""},
		{"without a manifest", []entry{ovf, disk, nvram}, ""},
		{"with a certificate", []entry{ovf, mf, {name: "web.cert", text: "x"}, disk, nvram}, ""},
		{"nothing", nil, "there is no descriptor"},
		{"the descriptor is not first", []entry{disk, ovf, nvram}, "should be the descriptor"},
		{"a file is missing", []entry{ovf, disk}, "web-file1.nvram is missing"},
		{"a file is twice there", []entry{ovf, disk, nvram, disk}, "is there twice"},
		{"a manifest that lies", []entry{ovf, lie, disk, nvram}, "is not what the manifest says"},
		{"a manifest that lies, last", []entry{ovf, disk, nvram, lie}, "is not what the manifest says"},
		{"a manifest that lacks a file", []entry{ovf, manifest(ovf, disk), disk, nvram}, "does not name the file web-file1.nvram"},
		{"a manifest with more", []entry{ovf, manifest(ovf, disk, nvram, entry{name: "x"}), disk, nvram}, "which the manifest names, is missing"},
		{"a manifest of nonsense", []entry{ovf, {name: "web.mf", text: "\nMD5(x)= 1\n"}, disk, nvram}, "line 2 of the manifest"},
		{"a climbing manifest", []entry{ovf, {name: "web.mf", text: "SHA1(../x)= " + strings.Repeat("0", 40)}, disk, nvram}, "is not the name of a file"},
		{"a symbolic link", []entry{ovf, {name: disk.name, kind: tar.TypeSymlink}, nvram}, "is no file"},
		{"a hard link", []entry{ovf, {name: disk.name, kind: tar.TypeLink}, nvram}, "is no file"},
		{"a device", []entry{ovf, {name: disk.name, kind: tar.TypeChar}, nvram}, "is no file"},
		{"a folder", []entry{{name: "dir/", kind: tar.TypeDir}, ovf}, "is no file"},
		{"a climbing name", []entry{ovf, {name: "../web-disk1.vmdk", text: "content"}, nvram}, "is not the name of a file"},
		{"an absolute name", []entry{ovf, {name: "/web-disk1.vmdk", text: "content"}, nvram}, "is not the name of a file"},
		{"another length", []entry{ovf, {name: disk.name, text: "content and more"}, nvram}, "has 16 bytes, the descriptor says 7"},
		{"no tar", []entry{{name: "x"}}, "should be the descriptor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			taken := map[string]string{}
			p, err := ReadArchive(bytes.NewReader(archive(tt.entries...)), func(_ *Machine, f File, content io.Reader) error {
				text, err := io.ReadAll(content)
				taken[f.Name] = string(text)
				return err
			})
			var own *Error
			if tt.want != "" {
				if !errors.As(err, &own) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || p.Machine.Name != "web" || taken[disk.name] != "content" || taken[nvram.name] != "nvram" || (p.Manifest == nil) != (tt.name == "without a manifest") {
				t.Errorf("got %+v, %v, %v", p, taken, err)
			}
		})
	}
}

// TestLargeDescriptor has a descriptor of 10 GB, by its header and in truth.
func TestLargeDescriptor(t *testing.T) {
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "web.ovf", Size: 10 << 30, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	_, err := ReadArchive(io.MultiReader(&b, strings.NewReader(strings.Repeat(" ", 1<<20))), nil)
	var own *Error
	if !errors.As(err, &own) || !strings.Contains(err.Error(), "the descriptor has 10737418240 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestCutOff(t *testing.T) {
	ovf := entry{name: "web.ovf", text: testdata(t, "vmware.ovf")}
	whole := archive(ovf, entry{name: "web-disk1.vmdk", text: "content"}, entry{name: "web-file1.nvram", text: "nvram"})
	for n := 0; n < len(whole)-2048; n += 100 {
		_, err := ReadArchive(bytes.NewReader(whole[:n]), func(_ *Machine, _ File, content io.Reader) error {
			_, err := io.ReadAll(content)
			return err
		})
		var own *Error
		if !errors.As(err, &own) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestFiles(t *testing.T) {
	ovf := entry{name: "web.ovf", text: testdata(t, "vmware.ovf")}
	disk, nvram := entry{name: "web-disk1.vmdk", text: "content"}, entry{name: "web-file1.nvram", text: "nvram"}
	files := map[string]string{ovf.name: ovf.text, disk.name: disk.text, nvram.name: nvram.text, "web.mf": manifest(ovf, disk, nvram).text}
	open := func(name string) (io.ReadCloser, int64, error) {
		text, ok := files[name]
		if !ok {
			return nil, 0, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
	}
	taken := 0
	take := func(*Machine, File, io.Reader) error { taken++; return nil }
	if p, err := ReadFiles("web.ovf", open, take); err != nil || taken != 2 || p.Manifest == nil {
		t.Errorf("got %+v, %d files, %v", p, taken, err)
	}
	files[disk.name] = "CONTENT"
	if _, err := ReadFiles("web.ovf", open, take); err == nil {
		t.Error("a manifest that lies was believed")
	}
	delete(files, disk.name)
	if _, err := ReadFiles("web.ovf", open, take); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(testdata(f, "vmware.ovf")))
	f.Add([]byte(testdata(f, "virtualbox.ovf")))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		var own *Error
		if err != nil && !errors.As(err, &own) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if fileName(file.Name) != nil {
				t.Fatalf("the file %q", file.Name)
			}
		}
		for _, d := range m.Disks {
			if d.CapacityBytes <= 0 || d.CapacityBytes > maxCapacity {
				t.Fatalf("%+v", d)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("SHA256(a.ovf)= " + strings.Repeat("0", 64) + "\nSHA1(b.vmdk)= " + strings.Repeat("f", 40) + "\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		var own *Error
		if err != nil && !errors.As(err, &own) {
			t.Fatal(err)
		}
		for name := range m {
			if fileName(name) != nil {
				t.Fatalf("the file %q", name)
			}
		}
	})
}

func FuzzArchive(f *testing.F) {
	ovf := entry{name: "web.ovf", text: testdata(f, "vmware.ovf")}
	disk, nvram := entry{name: "web-disk1.vmdk", text: "content"}, entry{name: "web-file1.nvram", text: "nvram"}
	f.Add(archive(ovf, manifest(ovf, disk, nvram), disk, nvram))
	f.Add(archive(ovf, disk, nvram))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := ReadArchive(bytes.NewReader(b), func(_ *Machine, file File, content io.Reader) error {
			if fileName(file.Name) != nil {
				t.Fatalf("the file %q", file.Name)
			}
			_, err := io.Copy(io.Discard, io.LimitReader(content, 1<<20))
			return err
		})
		var own *Error
		if err != nil && !errors.As(err, &own) {
			t.Fatal(err)
		}
	})
}

package wire

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write since.go anew from the library's source")

// TestSince holds the table of since.go against the library, which keeps its own to itself.
func TestSince(t *testing.T) {
	ofType := regexp.MustCompile(`minAPIVersionForType\["(\w+)"\] = "([\d.]+)"`)
	ofEnum := regexp.MustCompile(`(?s)minAPIVersionForEnumValue\["(\w+)"\] = map\[string\]string\{(.*?)\n\t\}`)
	ofValue := regexp.MustCompile(`"([^"]+)":\s*"([\d.]+)"`)
	var lines, values []string
	entry := func(name, version string) string {
		v, err := ParseVersion(version)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("\t%q: {%d, %d, %d, %d},\n", name, v[0], v[1], v[2], v[3])
	}
	text := librarySource(t)
	for _, m := range ofType.FindAllSubmatch(text, -1) {
		lines = append(lines, entry(string(m[1]), string(m[2])))
	}
	for _, m := range ofEnum.FindAllSubmatch(text, -1) {
		for _, value := range ofValue.FindAllSubmatch(m[2], -1) {
			values = append(values, entry(string(m[1])+"."+string(value[1]), string(value[2])))
		}
	}
	if len(lines) < 300 || len(values) < 50 {
		t.Fatalf("%d types and %d values: the library's source is otherwise than it was", len(lines), len(values))
	}
	slices.Sort(lines)
	slices.Sort(values)
	var out bytes.Buffer
	out.WriteString("package wire\n\n// typeSince has the types that are newer than 6.7, with the first version that knows them; since_test.go makes it.\nvar typeSince = map[string]Version{\n")
	for _, l := range slices.Compact(lines) {
		out.WriteString(l)
	}
	out.WriteString("}\n\n// valueSince has the values of enumerations that are newer, as TYPE.VALUE.\nvar valueSince = map[string]Version{\n")
	for _, l := range slices.Compact(values) {
		out.WriteString(l)
	}
	out.WriteString("}\n")
	want, err := format.Source(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("since.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile("since.go"); err != nil || !bytes.Equal(have, want) {
		t.Error("since.go is not what the library's source says: run go test ./facade/vsphere/wire -update", err)
	}
}

// librarySource returns the source of the library's types.
var librarySource = func() func(t *testing.T) []byte {
	var text []byte
	return func(t *testing.T) []byte {
		t.Helper()
		if text != nil {
			return text
		}
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/vmware/govmomi").Output()
		if err != nil {
			t.Fatal(err)
		}
		sources, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "vim25/types/*.go"))
		if err != nil || len(sources) == 0 {
			t.Fatal("the library's source is not there:", err)
		}
		for _, source := range sources {
			part, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, part...)
		}
		return text
	}
}()

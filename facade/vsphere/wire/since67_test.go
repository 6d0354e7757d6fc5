package wire

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/internal/testhost"
)

// pyVmomi is Debian's package of the Python bindings, of version 6.7.1: its tables say what that version knows. The library's tags begin
// with 7.0.0.2.
const pyVmomi = "/usr/lib/python3/dist-packages/pyVmomi"

// TestSince67 holds the table of since67.go against what version 6.7.1 of the API knows.
func TestSince67(t *testing.T) {
	testhost.Require(t)
	sources, err := filepath.Glob(filepath.Join(pyVmomi, "*Objects.py"))
	if err != nil || len(sources) == 0 {
		t.Fatal("python3-pyvmomi is not there:", err)
	}
	data := regexp.MustCompile(`CreateDataType\("[^"]+", "(\w+)", "([^"]+)", "[^"]+", (None|\[.*\])\)`)
	member := regexp.MustCompile(`\("(\w+)", "[^"]+", "[^"]+", `)
	enum := regexp.MustCompile(`CreateEnumType\("[^"]+", "(\w+)", "[^"]+", \[(.*)\]\)`)
	word := regexp.MustCompile(`"([^"]+)"`)
	var text []byte
	for _, source := range sources {
		part, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	known := map[string]map[string]bool{}
	for _, m := range data.FindAllSubmatch(text, -1) {
		members := map[string]bool{}
		for _, name := range member.FindAllSubmatch(m[3], -1) {
			members[string(name[1])] = true
		}
		known[string(m[1])] = members
	}
	enums := map[string]map[string]bool{}
	for _, m := range enum.FindAllSubmatch(text, -1) {
		values := map[string]bool{}
		for _, v := range word.FindAllSubmatch(m[2], -1) {
			values[string(v[1])] = true
		}
		enums[string(m[1])] = values
	}
	if len(known) < 2000 || len(enums) < 300 {
		t.Fatalf("%d types and %d enumerations: the tables are otherwise than they were", len(known), len(enums))
	}

	var newer []string
	valuesOf := enumValues(t)
	for name, typ := range libraryTypes(t) {
		switch {
		case typ.Name() != name: // the interface of a type that others extend
		case typ.Kind() == reflect.Struct && embedsData(typ):
			members := known[name]
			if members == nil {
				if _, ok := typeSince[name]; !ok {
					newer = append(newer, name)
				}
				continue
			}
			for i := range typ.NumField() {
				f := typ.Field(i)
				if tag, _, _ := strings.Cut(f.Tag.Get("xml"), ","); !f.Anonymous && tag != "" && tag != "-" && !members[tag] && f.Tag.Get("vim") == "" {
					newer = append(newer, name+"."+tag)
				}
			}
		case typ.Kind() == reflect.String:
			values := enums[name]
			if values == nil {
				continue
			}
			for _, v := range valuesOf[name] {
				if _, ok := valueSince[name+"."+v]; !ok && !values[v] {
					newer = append(newer, name+"."+v)
				}
			}
		}
	}
	slices.Sort(newer)
	var out bytes.Buffer
	out.WriteString("package wire\n\n// after67 are the types, fields (TYPE.FIELD) and values of enumerations (TYPE.VALUE) without a version in the library that version 6.7.1 of\n// the API does not know; since67_test.go makes it.\nvar after67 = map[string]bool{\n")
	for _, n := range slices.Compact(newer) {
		fmt.Fprintf(&out, "\t%q: true,\n", n)
	}
	out.WriteString("}\n")
	want, err := format.Source(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("since67.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile("since67.go"); err != nil || !bytes.Equal(have, want) {
		t.Error("since67.go is not what the tables say: run this test with -update", err)
	}
}

// libraryTypes returns all types of the library by their names in the API.
func libraryTypes(t *testing.T) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, m := range regexp.MustCompile(`\tt\["(\w+)"\] = reflect`).FindAllSubmatch(librarySource(t), -1) {
		if typ, ok := types.TypeFunc()(string(m[1])); ok {
			out[string(m[1])] = typ
		}
	}
	return out
}

// embedsData reports whether a struct is a data object, not a list or the parameters of a method.
func embedsData(t reflect.Type) bool {
	for t.Name() != "DynamicData" {
		if t.NumField() == 0 || !t.Field(0).Anonymous || t.Field(0).Type.Kind() != reflect.Struct {
			return false
		}
		t = t.Field(0).Type
	}
	return true
}

// enumValues returns the values of all enumerations.
func enumValues(t *testing.T) map[string][]string {
	out := map[string][]string{}
	for _, m := range regexp.MustCompile(`\t\w+ += (\w+)\("([^"]+)"\)`).FindAllSubmatch(librarySource(t), -1) {
		out[string(m[1])] = append(out[string(m[1])], string(m[2]))
	}
	return out
}

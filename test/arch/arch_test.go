package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "hanok"

// file is one parsed Go file of the module.
type file struct {
	path string // relative to the module's root
	pkg  string // the folder, relative to the module's root
	test bool
	ast  *ast.File
}

// rule says what the packages under one room may import of this module.
type rule struct {
	room  string
	allow []string // rooms, with everything below them
	why   string
}

// rules are looked up by the longest room that holds a package. A package may always import the other packages of its
// own room where allow names that room.
var rules = []rule{
	{"dc", nil, "dc is pure values: the standard library only"},
	{"internal", []string{"internal"}, "internal libraries know nothing of data centers"},
	{"api", []string{"api", "dc"}, "the contract knows the vocabulary and nothing else"},
	{"manager", []string{"manager", "dc", "api", "internal"}, "the manager never imports the agent, a facade or a driver"},
	{"agent", []string{"agent", "dc", "api", "internal"}, "the agent never imports the manager, a facade or a driver"},
	{"host", []string{"host", "dc", "internal"}, "drivers know dc; the agent declares their interfaces"},
	{"facade", []string{"dc", "internal"}, "a facade declares the backend that it needs; it imports no manager, host or other facade"},
	{"facade/native", []string{"facade/native", "dc", "api", "internal", "ui"}, "the native facade speaks api and serves ui, nothing more"},
	{"facade/vsphere", []string{"facade/vsphere", "dc", "internal"}, "the vSphere API knows the data center by its own small backend"},
	{"facade/metrics", []string{"facade/metrics", "dc", "internal"}, "the page of metrics knows the data center by its own small backend"},
	{"image", []string{"image", "internal"}, "the image builder knows packages and disks, not data centers"},
	{"cmd", []string{""}, "cmd wires everything"},
	{"test", []string{""}, "tests may use everything"},
}

// testExtra is what test files may import beyond their room's rule: the conformance suites, and neighbours that an
// integration test joins as cmd does.
var testExtra = map[string][]string{
	"host":             {"agent/drivertest", "image"},
	"manager/dispatch": {"agent", "host/sim"},
	"manager/compute":  {"agent", "host/sim"},
	"manager/file":     {"host/files"},
	"facade/native":    {"manager"},
	"manager/identity": {"test/slapd", "test/provider"},
	"agent":            {"host/sim"},
}

// mayExecute are the rooms that run other programs. cmd may run its own executable again.
var mayExecute = []string{"host", "image", "test"}

func TestImports(t *testing.T) {
	for _, f := range files(t) {
		r := ruleFor(f.pkg)
		if r == nil {
			t.Errorf("%s: no rule for the room of package %q: add one to test/arch with its reason", f.path, f.pkg)
			continue
		}
		for _, imp := range imports(f) {
			dep, ok := strings.CutPrefix(imp, module+"/")
			if !ok || dep == f.pkg || within(dep, r.allow) || f.test && allowedInTest(f.pkg, dep) {
				continue
			}
			t.Errorf("%s imports %s: %s", f.path, imp, r.why)
		}
	}
}

func TestValuesStayPure(t *testing.T) {
	for _, f := range files(t) {
		if f.pkg != "dc" || f.test {
			continue
		}
		for _, imp := range imports(f) {
			if strings.Contains(imp, ".") {
				t.Errorf("%s imports %s: dc imports the standard library only", f.path, imp)
			}
			if slices.Contains([]string{"os", "net", "net/http", "os/exec", "math/rand", "math/rand/v2", "crypto/rand"}, imp) {
				t.Errorf("%s imports %s: dc does no I/O and makes no random numbers", f.path, imp)
			}
		}
		for _, call := range []string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker"} {
			if at := uses(f, "time", call); at != "" {
				t.Errorf("%s uses time.%s: callers of dc pass the time", at, call)
			}
		}
	}
}

func TestProgramsAreExecutedInTheirRooms(t *testing.T) {
	for _, f := range files(t) {
		if f.test || within(f.pkg, mayExecute) {
			continue
		}
		for _, imp := range imports(f) {
			if imp == "os/exec" {
				t.Errorf("%s imports os/exec: programs are executed in host, image and test only", f.path)
			}
		}
		if at := uses(f, "os", "StartProcess"); at != "" {
			t.Errorf("%s starts a process: programs are executed in host, image and test only", at)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		if f.test || generated(f) {
			continue
		}
		documented[f.pkg] = documented[f.pkg] || f.ast.Doc != nil && len(f.ast.Doc.Text()) > 80
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s: say in a package comment what it is, what it is not and who calls it", pkg)
		}
	}
}

func TestOnlyOnePlaceSkips(t *testing.T) {
	for _, f := range files(t) {
		if f.pkg == "internal/testhost" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && f.test && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				t.Errorf("%s skips by itself: call testhost.Require, which says what is missing", f.path)
			}
			return true
		})
	}
}

// TestRulesCanFail feeds the checks a file that breaks them.
func TestRulesCanFail(t *testing.T) {
	bad, err := parser.ParseFile(token.NewFileSet(), "bad.go", `package dc
import ("os/exec"; "hanok/manager"; clock "time")
var _, _, _ = exec.Command, manager.New, clock.Now`, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	f := file{path: "dc/bad.go", pkg: "dc", ast: bad}
	if got := imports(f); !slices.Contains(got, "hanok/manager") {
		t.Errorf("imports = %v", got)
	}
	if within("manager", ruleFor("dc").allow) {
		t.Error("dc may import manager")
	}
	if uses(f, "time", "Now") == "" {
		t.Error("a renamed import of time hides time.Now")
	}
	if r := ruleFor("facade/native/x"); r == nil || r.room != "facade/native" {
		t.Errorf("the longest room does not win: %+v", r)
	}
}

// files parses every Go file of the module, generated ones included, the separate tools module not.
func files(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var out []file
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || rel == "tools" || rel == "bin" ||
				strings.HasSuffix(rel, "node_modules")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), rel, src, parser.ParseComments)
		if err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		out = append(out, file{path: rel, pkg: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(rel, "_test.go"), ast: parsed})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ruleFor(pkg string) *rule {
	var best *rule
	for i := range rules {
		if within(pkg, []string{rules[i].room}) && (best == nil || len(rules[i].room) > len(best.room)) {
			best = &rules[i]
		}
	}
	return best
}

// within reports whether pkg is one of the rooms or below one; the room "" holds everything.
func within(pkg string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool {
		return room == "" || pkg == room || strings.HasPrefix(pkg, room+"/")
	})
}

// allowedInTest reports whether a test file of pkg may import dep. Suites may be imported by any test.
func allowedInTest(pkg, dep string) bool {
	if within(dep, []string{"internal/testhost", "manager/store/storetest", "agent/drivertest"}) {
		return true
	}
	for room, extra := range testExtra {
		if within(pkg, []string{room}) && within(dep, extra) {
			return true
		}
	}
	return false
}

func imports(f file) []string {
	var out []string
	for _, spec := range f.ast.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		out = append(out, path)
	}
	return out
}

// uses returns where f mentions name of the package at path, or "".
func uses(f file, path, name string) string {
	local := ""
	for _, spec := range f.ast.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == path {
			local = filepath.Base(path)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return ""
	}
	at := ""
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
				at = f.path
			}
		}
		return true
	})
	return at
}

func generated(f file) bool {
	return ast.IsGenerated(f.ast)
}

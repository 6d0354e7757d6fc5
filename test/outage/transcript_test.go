package outage

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hanok/test/netns"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// transcript is what a user types and sees.
type transcript struct {
	t    *testing.T
	text strings.Builder
}

// newTranscript begins a transcript, which is compared with the file of the name at the end of the test.
func newTranscript(t *testing.T, name string) *transcript {
	s := &transcript{t: t}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the user saw:\n%s", s.text.String())
			return
		}
		path := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, []byte(s.text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), s.text.String()); diff != "" {
			t.Errorf("the user sees something else than in %s (-want +got):\n%s", path, diff)
		}
	})
	return s
}

// chapter says what has happened.
func (s *transcript) chapter(title string) {
	if s.text.Len() > 0 {
		s.text.WriteString("\n")
	}
	s.text.WriteString("# " + title + "\n")
}

// types runs a command on the machine as a user would.
func (s *transcript) types(m *netns.Machine, args ...string) (code int) {
	s.t.Helper()
	out, complaint, err := m.Try(args...)
	return s.saw(args, "", out, complaint, err)
}

// looksFor runs a command whose output has more than can be foreseen, and shows the lines that match; those of doctor, whose order is
// not by their names, are sorted.
func (s *transcript) looksFor(pattern string, m *netns.Machine, args ...string) {
	s.t.Helper()
	out, complaint, err := m.Try(args...)
	match := regexp.MustCompile(pattern)
	var lines []string
	for line := range strings.Lines(out) {
		if match.MatchString(line) {
			lines = append(lines, plain(line))
		}
	}
	filter := " | grep '" + pattern + "'"
	if args[0] == "doctor" {
		filter += " | sort"
		slices.Sort(lines)
	}
	s.saw(args, filter, strings.Join(lines, ""), complaint, err)
}

// progress are the lines about a task.
var progress = regexp.MustCompile(`^[A-Z][A-Za-z]+\.[A-Za-z]+ \S+: `)

// lasting leaves out the progress of a task, which one may see or miss, but for why it waits, which lasts.
func lasting(complaint string) string {
	var kept strings.Builder
	for line := range strings.Lines(complaint) {
		if !progress.MatchString(line) || strings.Contains(line, ": waiting: ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// saw notes a command and what came of it.
func (s *transcript) saw(args []string, filter, out, complaint string, err error) (code int) {
	s.t.Helper()
	quoted := make([]string, len(args))
	for i, a := range args {
		if quoted[i] = a; strings.Contains(a, " ") {
			quoted[i] = "'" + a + "'"
		}
	}
	s.text.WriteString("\n$ hanok " + strings.Join(quoted, " ") + filter + "\n" + plain(out) + plain(lasting(complaint)))
	if err != nil {
		s.text.WriteString("(" + err.Error() + ")\n")
		return 1
	}
	return 0
}

// changing are the parts that are others each time.
var changing = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d)?`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\b(host|vm|task|datastore|network)-[0-9a-z]{12,}\b`), "$1-ID"},
	{regexp.MustCompile(`\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b`), "MAC"},
	{regexp.MustCompile(`\b10\.77\.\d+\.`), "10.77.0."},
	{regexp.MustCompile(`\b\d+(\.\d+)? [KMGT]?B\b`), "SIZE"},
	{regexp.MustCompile(`\b(Cluster +)\d.*`), "$1..."},                        // of host list: the machine's hardware and the program's version
	{regexp.MustCompile(`(etcd has failed: ).*(: no space left)`), "$1...$2"}, // at whichever of its files
	{regexp.MustCompile(`/tmp/\S*?/00\d/`), "/"},
	{regexp.MustCompile(` {2,}`), "  "},
	{regexp.MustCompile(` +\n`), "\n"},
}

func plain(text string) string {
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.instead)
	}
	return text
}

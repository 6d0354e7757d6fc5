package audit

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"hanok/dc"
)

// maxProblems is how many a report has.
const maxProblems = 100

// Verify reads the whole log in a folder that no manager writes to, and checks its chain. known is the Head of an earlier report, or
// "". Errors are those of the file system, and Invalid for a known that is none.
func Verify(folder, known string) (*dc.AuditReport, error) {
	all, err := names(folder)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, dc.Errorf(dc.NotFound, "there is no audit log").On("folder " + folder).Fix("name the data folder of a manager")
	}
	v, err := newVerifier(known)
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		data, err := read(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		v.file(name, data)
	}
	return v.end(), nil
}

// verifier follows a chain through the files.
type verifier struct {
	report  dc.AuditReport
	chain   link // the record before; of the number 0 before the first one
	known   link
	found   bool // the known record
	removed map[int64]bool
	name    string
}

// parseHead is the inverse of link.String.
func parseHead(text string) (link, error) {
	if text == "" {
		return link{}, nil
	}
	number, sum, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || len(sum) != sumLength {
		return link{}, dc.Errorf(dc.Invalid, "%q is no head of an audit log", text).Fix("give NUMBER:SHA256 as an earlier verification has said it")
	}
	return link{n, sum}, nil
}

func (l link) String() string {
	if l.number == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%s", l.number, l.sum)
}

func newVerifier(known string) (*verifier, error) {
	head, err := parseHead(known)
	return &verifier{known: head, removed: map[int64]bool{}}, err
}

func (v *verifier) problem(line int, number int64, format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, dc.AuditProblem{File: v.name, Line: line, Number: number, Message: fmt.Sprintf(format, args...)})
	}
}

// file checks the next file.
func (v *verifier) file(name string, data []byte) {
	v.name = name
	gap, at := []byte(nil), 0 // lines that are no records, and the first one's number
	first := true
	for n := 1; len(data) > 0; n++ {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		r, sum, ok := decode(line)
		switch {
		case ok && ended:
			if first && nameFor(r.Number) != name {
				v.problem(n, r.Number, "it is the first record of a file that is named after another")
			}
			first = false
			v.close(gap, at, r.Gap)
			v.record(n, r, link{r.Number, sum})
			gap = nil
		case whole.Match(line) && ended:
			v.close(gap, at, "")
			gap = nil
			v.problem(n, v.chain.number+1, "the record after %d was changed", v.chain.number)
		default:
			if gap == nil {
				at = n
			}
			gap = append(gap, data[:len(data)-len(rest)]...)
		}
		data = rest
	}
	if gap != nil {
		v.problem(at, 0, "this is no record; if the manager has just crashed, its next start says so in the log")
	}
}

// close judges lines that are no records by what the record behind them says of them.
func (v *verifier) close(gap []byte, at int, says string) {
	switch {
	case gap == nil && says == "":
	case gap == nil:
		v.problem(0, 0, "what a crash has left before the record after %d is missing", v.chain.number)
	case says == sumOf(gap):
		v.report.Gaps++
	default:
		v.problem(at, 0, "this is no record, and none says that a crash has left it")
	}
}

// record checks that a record follows the one before.
func (v *verifier) record(line int, r dc.AuditRecord, l link) {
	before := v.chain
	switch {
	case v.report.Records == 0:
		v.report.First = r.Number
		if r.Number == 1 && r.Previous != "" {
			v.problem(line, r.Number, "it is the first record, and names one before it")
		}
	case r.Number > before.number+1:
		v.problem(line, r.Number, "the records %d to %d before it are missing", before.number+1, r.Number-1)
	case r.Number <= before.number:
		v.problem(line, r.Number, "it stands after record %d: inserted, or out of order", before.number)
	case r.Previous != before.sum:
		v.problem(line, r.Number, "it does not follow the record before it, which was changed or exchanged")
	}
	v.report.Records++
	if r.Removed > 0 {
		v.removed[r.Removed] = true
	}
	if r.Number == v.known.number {
		v.found = true
		if l.sum != v.known.sum {
			v.problem(line, r.Number, "it is not the record that was noted")
		}
	}
	v.chain = l
	v.report.Last = max(v.report.Last, r.Number)
}

// end checks the log as a whole.
func (v *verifier) end() *dc.AuditReport {
	if f := v.report.First; f > 1 && !v.removed[f-1] {
		v.problem(0, f, "the records before %d are missing, and none says that they were removed as the log is bounded", f)
	}
	if v.known.number > 0 && !v.found && v.known.number >= v.report.First {
		v.problem(0, v.known.number, "the record that was noted is missing")
	}
	v.report.Head = v.chain.String()
	return &v.report
}

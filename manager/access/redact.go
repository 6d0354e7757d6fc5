package access

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hanok/dc"
	"hanok/manager/store"
)

// redacted stands for a name that the caller may not know.
const redacted = "…"

// Shown returns a function that returns an object as the caller may know it: a task, a scheduled task or an event with the names in its texts left out that
// are those of objects which he may not see, or which are gone, and any other object as it is. Objects that it changes are copies. It is
// good for one pass over a view, and not for concurrent use. The error is of kind Unauthenticated.
//
// Texts are sentences for people, made when somebody else, who might see more, did something. A name is recognized by itself, as long as
// what has it is there, and by the words before it: host "alpha".
func (s *Service) Shown(by dc.Caller) (func(dc.Object) dc.Object, error) {
	text, err := s.redactor(by)
	if err != nil {
		return nil, err
	}
	return func(o dc.Object) dc.Object {
		switch o := o.(type) {
		case *dc.Event:
			if message := text(o.Message, o.TargetName); message != o.Message {
				c := *o
				c.Message = message
				return &c
			}
		case *dc.Task:
			return shownTask(o, text)
		case *dc.ScheduledTask:
			if f := o.Status.Last.Failure; f != nil {
				c, f := *o, failureOf(f, text, o.Name)
				c.Status.Last.Failure = &f
				return &c
			}
		}
		return o
	}, nil
}

// shownTask returns a task with the texts of its failure and of its results as a redactor leaves them.
func shownTask(o *dc.Task, text func(text string, own ...string) string) *dc.Task {
	c, changed := *o, false
	if o.Failure != nil {
		f := failureOf(o.Failure, text, o.TargetName)
		changed, c.Failure = f != *o.Failure, &f
	}
	c.Results = slices.Clone(o.Results)
	for i, r := range c.Results {
		if r.Failure != nil {
			f := failureOf(r.Failure, text, o.TargetName, r.Name)
			changed, c.Results[i].Failure = changed || f != *r.Failure, &f
		}
	}
	if !changed {
		return o
	}
	return &c
}

// ShownText is Shown for one text about an object of the name.
func (s *Service) ShownText(by dc.Caller, text, about string) (string, error) {
	redact, err := s.redactor(by)
	if err != nil {
		return "", err
	}
	return redact(text, about), nil
}

// ShownFailure is Shown for a failure; own are words that it may have in any case, such as those that the caller has used himself: of a name that is
// left out only where there is such an object, he would learn that there is.
func (s *Service) ShownFailure(by dc.Caller, f *dc.Failure, own []string) (*dc.Failure, error) {
	redact, err := s.redactor(by)
	if err != nil || f == nil {
		return nil, err
	}
	shown := failureOf(f, redact, own...)
	return &shown, nil
}

// failureOf returns a failure with its texts as a redactor leaves them.
func failureOf(f *dc.Failure, text func(text string, own ...string) string, own ...string) dc.Failure {
	return dc.Failure{Kind: f.Kind, Object: text(f.Object, own...), Message: text(f.Message, own...), Remedy: text(f.Remedy, own...)}
}

// redactor returns a function that leaves out of a text what the caller may not know. own are words that it may have in any case. What
// there is to be left out is found out when the first text comes.
func (s *Service) redactor(by dc.Caller) (func(text string, own ...string) string, error) {
	visible, err := s.Visible(by)
	if err != nil {
		return nil, err
	}
	v := s.store.View()
	if s.rights(v, by).Unrestricted() {
		return func(text string, _ ...string) string { return text }, nil
	}
	var r *redaction
	return func(text string, own ...string) string {
		if text == "" {
			return text
		}
		if r == nil {
			r = newRedaction(v, visible)
		}
		return r.of(text, own)
	}, nil
}

// redaction is what one caller may know of one view.
type redaction struct {
	view    *store.View
	visible func(dc.Object) bool
	// names says of the name of each object of the inventory whether the caller sees one that has it, and longest is the longest in bytes.
	names   map[string]bool
	longest int
}

func newRedaction(v *store.View, visible func(dc.Object) bool) *redaction {
	r := &redaction{view: v, visible: visible, names: map[string]bool{}}
	note := func(o dc.Object) {
		name := o.Metadata().Name
		r.names[name] = r.names[name] || visible(o)
		r.longest = max(r.longest, len(name))
	}
	each(v, note)
	delete(r.names, "")
	for _, name := range everybodys() {
		delete(r.names, name)
	}
	return r
}

// everybodys are names that tell nothing, and are words of sentences: what the kinds are called, and what every data center has.
func everybodys() []string {
	names := []string{string(dc.FolderVM), string(dc.FolderHost), string(dc.FolderDatastore), string(dc.FolderNetwork), dc.RootPoolName}
	for kind := range seen {
		names = append(names, kind.Noun())
	}
	return names
}

// each calls with every object of the inventory.
func each(v *store.View, with func(dc.Object)) {
	all(store.List[*dc.Folder](v), with)
	all(store.List[*dc.Datacenter](v), with)
	all(store.List[*dc.Cluster](v), with)
	all(store.List[*dc.ResourcePool](v), with)
	all(store.List[*dc.Host](v), with)
	all(store.List[*dc.Datastore](v), with)
	all(store.List[*dc.PortGroup](v), with)
	all(store.List[*dc.Image](v), with)
	all(store.List[*dc.VirtualMachine](v), with)
}

func all[T dc.Object](objects func(func(T) bool), with func(dc.Object)) {
	for o := range objects {
		with(o)
	}
}

// described finds an object as dc.Describe writes it.
var described = func() *regexp.Regexp {
	var nouns []string
	for kind := range seen {
		nouns = append(nouns, regexp.QuoteMeta(kind.Noun()))
	}
	slices.Sort(nouns)
	return regexp.MustCompile(`\b(` + strings.Join(nouns, "|") + `) ("(?:[^"\\]|\\.)*")`)
}()

// of returns a text without what the caller may not know.
func (r *redaction) of(text string, own []string) string {
	text = described.ReplaceAllStringFunc(text, func(found string) string {
		parts := described.FindStringSubmatch(found)
		name, err := strconv.Unquote(parts[2])
		if err == nil && (name == "" || slices.Contains(own, name) || r.names[name] || r.knowsID(name)) {
			return found
		}
		return parts[1] + ` "` + redacted + `"`
	})
	return r.words(text, own)
}

// knowsID reports whether a name is the ID of an object that the caller sees.
func (r *redaction) knowsID(name string) bool {
	o := r.view.Find(dc.ID(name))
	return o != nil && r.visible(o)
}

// words leaves out the names of objects, and their IDs, wherever they stand as words of their own. Of several that begin at the same
// place, the longest counts.
func (r *redaction) words(text string, own []string) string {
	longest := max(r.longest, maxID)
	for _, word := range own {
		longest = max(longest, len(word))
	}
	var out strings.Builder
	for at := 0; at < len(text); {
		_, n := utf8.DecodeRuneInString(text[at:])
		kept := text[at : at+n]
		if boundary(text, at) {
			for end := min(len(text), at+longest); end > at; end-- {
				if !boundary(text, end) {
					continue
				}
				if known, hidden := r.knows(text[at:end], own); known {
					if n, kept = end-at, text[at:end]; hidden {
						kept = redacted
					}
					break
				}
			}
		}
		out.WriteString(kept)
		at += n
	}
	return out.String()
}

// maxID is the longest ID of an object, in bytes.
const maxID = 48

// knows reports whether a word is a name or an ID, and whether of what the caller does not see.
func (r *redaction) knows(word string, own []string) (known, hidden bool) {
	if slices.Contains(own, word) {
		return true, false
	}
	if visible, ok := r.names[word]; ok {
		return true, !visible
	}
	if _, ok := seen[dc.ID(word).Kind()]; ok {
		if o := r.view.Find(dc.ID(word)); o != nil {
			return true, !r.visible(o)
		}
	}
	return false, false
}

// boundary reports whether a word may begin or end at a place of a text: not inside of what is written together.
func boundary(text string, at int) bool {
	if at == 0 || at == len(text) {
		return true
	}
	if !utf8.RuneStart(text[at]) {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	after, _ := utf8.DecodeRuneInString(text[at:])
	return !wordRune(before) || !wordRune(after)
}

func wordRune(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' || c == '-' }

package dc

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest name of an inventory object, in characters, as in vSphere.
const MaxName = 80

// CheckName returns an error of kind Invalid unless name may be the name of an object of the given kind. A name never
// reaches a path unchecked, yet names that could climb are refused outright, so that no tool has to quote them.
func CheckName(kind Kind, name string) error {
	fail := func(msg string) error {
		return &Error{Kind: Invalid, Object: Describe(kind, name), Message: msg,
			Remedy: "choose a name of 1 to 80 characters without slashes and control characters"}
	}
	switch {
	case name == "":
		return fail("the name is empty")
	case !utf8.ValidString(name):
		return fail("the name is not UTF-8 text")
	case utf8.RuneCountInString(name) > MaxName:
		return fail("the name is longer than 80 characters")
	case strings.ContainsAny(name, `/\`):
		return fail(`the name has a slash or backslash in it`)
	case name == "." || name == "..":
		return fail("the name is a folder's own")
	case strings.TrimSpace(name) != name:
		return fail("the name begins or ends with a space")
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fail("the name has a control character in it")
		}
	}
	return nil
}

package compute

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFolder is the longest folder name made here, in bytes: Linux allows 255 in a file's name, and the files in the folder
// have the same name with up to 20 characters more.
const maxFolder = 200

// sanitize turns a machine's name into one path element. Letters and digits of all languages stay; spaces, dots, hyphens
// and a few harmless signs too, yet never at the beginning, where they would hide the folder or look like an option.
func sanitize(name string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune(" ._-+()@,", r) {
			return r
		}
		return '_'
	}, name)
	clean = strings.TrimLeft(clean, " .-")
	for len(clean) > maxFolder {
		_, size := utf8.DecodeLastRuneInString(clean)
		clean = clean[:len(clean)-size]
	}
	clean = strings.TrimRight(clean, " .")
	if clean == "" {
		return "vm"
	}
	return clean
}

// Package vmx reads and writes the two text files of a VMware virtual machine: its configuration (.vmx) and the
// descriptor of a virtual disk (.vmdk). Both are defensive: they come from outside.
//
// It knows the formats and VMware's words in them, not what a machine should have: package volume decides that. It
// opens no files.
package vmx

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxSize is the largest file that the parsers take, in bytes.
const MaxSize = 1 << 20

// encodingKey is the key for the encoding of the file itself.
const encodingKey = ".encoding"

// SyntaxError is a line that a parser does not understand.
type SyntaxError struct {
	// Line is its number, from 1.
	Line int
	// Message says what is wrong with it.
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

func syntaxErrorf(line int, format string, args ...any) error {
	return &SyntaxError{Line: line, Message: fmt.Sprintf(format, args...)}
}

// Config is the content of a .vmx: keys with values, in order. Case doesn't count in keys. Lines that nobody changes
// stay as they were, comments among them. It is not safe for concurrent use.
type Config struct {
	lines []line
	index map[string]int // by key in lower case
}

// line is one line: text as it is written, without its end. key is empty for a comment or blank line.
type line struct{ text, key, value string }

// New returns a configuration that holds its encoding only.
func New() *Config {
	c := &Config{index: map[string]int{}}
	c.Set(encodingKey, "UTF-8")
	return c
}

// Parse reads the content of a .vmx. The error is a *SyntaxError. Refused are: a file larger than MaxSize, a line that is
// neither a comment nor key = "value" (quotes may be missing around a value without spaces), a key that occurs twice,
// characters beyond ASCII in another encoding than UTF-8.
func Parse(data []byte) (*Config, error) {
	if len(data) > MaxSize {
		return nil, syntaxErrorf(1, "the file is longer than %d bytes", MaxSize)
	}
	c := &Config{index: map[string]int{}}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	for number, text := range splitLines(data) {
		number++
		if !utf8.ValidString(text) {
			return nil, syntaxErrorf(number, "the text is not UTF-8; save the file as UTF-8 and set %s to that", encodingKey)
		}
		key, value, err := parseLine(text)
		if err != nil {
			return nil, syntaxErrorf(number, "%v", err)
		}
		if first, ok := c.index[strings.ToLower(key)]; ok && key != "" {
			return nil, syntaxErrorf(number, "the key %s stands in line %d already", key, first+1)
		}
		c.add(line{text, key, value})
	}
	return c, nil
}

// splitLines splits at LF or CR LF. Text behind the last line end is a line too.
func splitLines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return lines
}

// parseLine splits key = "value"; the key is empty for a comment or blank line.
func parseLine(text string) (key, value string, err error) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return "", "", nil
	}
	key, rest, ok := strings.Cut(text, "=")
	key, rest = strings.TrimSpace(key), strings.TrimSpace(rest)
	if !ok {
		return "", "", fmt.Errorf("there is no = in it")
	}
	if !validKey(key) {
		return "", "", fmt.Errorf("%q is not a key", key)
	}
	if strings.HasPrefix(rest, `"`) {
		quoted, tail, ok := strings.Cut(rest[1:], `"`)
		if !ok {
			return "", "", fmt.Errorf("the value of %s has no closing quotation mark", key)
		}
		if tail = strings.TrimSpace(tail); tail != "" && tail[0] != '#' {
			return "", "", fmt.Errorf("there is text behind the value of %s", key)
		}
		rest = quoted
	} else {
		rest, _, _ = strings.Cut(rest, "#")
		rest = strings.TrimSpace(rest)
		if strings.ContainsAny(rest, " \t\"") {
			return "", "", fmt.Errorf("the value of %s needs quotation marks", key)
		}
	}
	value, err = unescape(rest)
	if err != nil {
		return "", "", fmt.Errorf("the value of %s: %v", key, err)
	}
	return key, value, nil
}

func validKey(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"#=|`, r)
	})
}

func (c *Config) add(l line) {
	if l.key != "" {
		c.index[strings.ToLower(l.key)] = len(c.lines)
	}
	c.lines = append(c.lines, l)
}

// Get returns the value of a key, and whether there is one.
func (c *Config) Get(key string) (string, bool) {
	if i, ok := c.index[strings.ToLower(key)]; ok {
		return c.lines[i].value, true
	}
	return "", false
}

// Set gives a key a value, in the place where it stands or at the end. A line that says so already stays as it is. It
// panics on a key that Parse would refuse; invalid UTF-8 in the value becomes question marks.
func (c *Config) Set(key, value string) {
	if !validKey(key) {
		panic(fmt.Sprintf("vmx: %q is not a key", key))
	}
	value = strings.ToValidUTF8(value, "?")
	i, ok := c.index[strings.ToLower(key)]
	if ok && c.lines[i].value == value {
		return
	}
	if ok {
		key = c.lines[i].key // as it is spelled there
	}
	l := line{fmt.Sprintf(`%s = "%s"`, key, escape(value)), key, value}
	if ok {
		c.lines[i] = l
	} else {
		c.add(l)
	}
}

// DeletePrefix removes all keys that begin with prefix, such as "ethernet1.".
func (c *Config) DeletePrefix(prefix string) {
	c.delete(func(key string) bool {
		return len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix)
	})
}

// delete removes the lines of the keys that are doomed.
func (c *Config) delete(doomed func(key string) bool) {
	before := len(c.lines)
	kept := slices.DeleteFunc(c.lines, func(l line) bool { return l.key != "" && doomed(l.key) })
	if len(kept) == before {
		return
	}
	c.lines, c.index = nil, map[string]int{}
	for _, l := range kept {
		c.add(l)
	}
}

// Bytes returns the content as it is to be written.
func (c *Config) Bytes() []byte {
	var b bytes.Buffer
	for _, l := range c.lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// escape writes what would end a value or a line, and the mark itself, as a bar and two hexadecimal digits.
func escape(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if ch := value[i]; ch < ' ' || ch == 0x7f || ch == '"' || ch == '|' {
			fmt.Fprintf(&b, "|%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}

func unescape(text string) (string, error) {
	var b strings.Builder
	for {
		plain, rest, ok := strings.Cut(text, "|")
		b.WriteString(plain)
		if !ok {
			break
		}
		if len(rest) < 2 {
			return "", fmt.Errorf("a bar is not followed by two hexadecimal digits")
		}
		ch, err := strconv.ParseUint(rest[:2], 16, 8)
		if err != nil {
			return "", fmt.Errorf("a bar is not followed by two hexadecimal digits")
		}
		b.WriteByte(byte(ch))
		text = rest[2:]
	}
	if s := b.String(); utf8.ValidString(s) {
		return s, nil
	}
	return "", fmt.Errorf("it is not UTF-8 text")
}

package cgroup

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is a mounted hierarchy.
type mount struct {
	version Version
	point   string
	options []string // of version 1: its controllers are among them
}

// controllers returns what the hierarchy controls.
func (m mount) controllers() []string {
	if m.version == V1 {
		return m.options
	}
	list, err := os.ReadFile(filepath.Join(m.point, "cgroup.controllers"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(list))
}

func readMounts(path string) ([]mount, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the mounts: %w", err)
	}
	defer f.Close()
	return parseMounts(f)
}

// parseMounts returns the hierarchies among the lines of a mountinfo file (proc_pid_mountinfo(5)).
func parseMounts(r io.Reader) ([]mount, error) {
	var all []mount
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 6 || len(kind) < 3 {
			continue
		}
		m := mount{point: unescape(fields[4])}
		switch kind[0] {
		case "cgroup":
			m.version, m.options = V1, strings.Split(kind[2], ",")
		case "cgroup2":
			m.version = V2
		default:
			continue
		}
		if filepath.IsAbs(m.point) {
			all = append(all, m)
		}
	}
	return all, lines.Err()
}

// unescape turns the octal escapes of the kernel's lists back.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n := octal(s[i+1 : i+4]); n >= 0 {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func octal(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '7' {
			return -1
		}
		n = n*8 + int(c-'0')
	}
	if n > 255 {
		return -1
	}
	return n
}

// ownGroup returns the path of this process's group in the version 2 hierarchy, "/" where that is not known.
func ownGroup(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "/"
	}
	for line := range bytes.Lines(data) {
		if own, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "0::"); ok && filepath.IsAbs(own) {
			return filepath.Clean(own)
		}
	}
	return "/"
}

// delegated reports whether a service manager has left a group to the processes in it: systemd says so in an attribute.
func delegated(dir string) bool {
	value := make([]byte, 8)
	for _, attribute := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, attribute, value); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

func contains(list, word string) bool { return slices.Contains(strings.Fields(list), word) }

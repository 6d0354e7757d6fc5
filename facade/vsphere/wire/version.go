package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a version of the vSphere API, such as {8, 0, 1, 0}. Versions are compared with Before.
type Version [4]uint8

// version70 stands for the first version after 6.7.1 of what has no version in the library: 6.7.2 to 7.0.0.0.
var version70 = Version{7}

// ParseVersion reads a version of at most four numbers, such as "6.7.1".
func ParseVersion(s string) (Version, error) {
	var v Version
	parts := strings.Split(s, ".")
	if len(parts) > len(v) {
		return v, fmt.Errorf("%q is no version: more than %d numbers", s, len(v))
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return v, fmt.Errorf("%q is no version such as 8.0.1.0", s)
		}
		v[i] = uint8(n)
	}
	return v, nil
}

// Before reports whether v is older than o.
func (v Version) Before(o Version) bool {
	for i := range v {
		if v[i] != o[i] {
			return v[i] < o[i]
		}
	}
	return false
}

// String returns all four numbers.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d.%d", v[0], v[1], v[2], v[3]) }

// Package random makes the unguessable and never repeated strings of the system: the suffixes of IDs, tokens and
// initial passwords. It knows nothing of data centers; the manager and the command call it.
package random

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net"
	"time"
)

// alphabet is Crockford's base 32 in lower case: no i, l, o and u, and in ASCII order, so that encoded big-endian
// numbers sort as they count.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var encoding = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// Suffix returns 12 characters with 60 random bits, for the ID of a new object.
func Suffix() string { return text(8)[:12] }

// Ordered returns 21 characters that sort by t, to the nanosecond, and are unique through 40 random bits behind it:
// for objects that are listed in the order of their making. t must lie between 1970 and 2262.
func Ordered(t time.Time) string {
	var b [13]byte
	binary.BigEndian.PutUint64(b[:8], uint64(t.UnixNano()))
	rand.Read(b[8:]) // never fails since Go 1.24
	return encoding.EncodeToString(b[:])
}

// Token returns 32 characters with 160 random bits, for bearer tokens and tickets.
func Token() string { return text(20) }

// Password returns four groups of four characters with hyphens, 80 random bits: long enough to keep, short enough to type.
func Password() string {
	s := text(10)
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// UUID returns a random UUID of version 4 (RFC 9562, section 5.4), in lower case.
func UUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// MAC returns a random unicast address with QEMU's prefix 52:54:00, which is locally administered.
func MAC() string {
	mac := net.HardwareAddr{0x52, 0x54, 0x00, 0, 0, 0}
	rand.Read(mac[3:])
	return mac.String()
}

func text(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return encoding.EncodeToString(b)
}

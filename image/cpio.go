package image

import (
	"bytes"
	"fmt"
	"io"
)

// File type bits of a cpio entry's mode, as in stat(2).
const (
	modeDirectory = 0o040000
	modeRegular   = 0o100000
	modeSymlink   = 0o120000
	modeCharacter = 0o020000
)

// cpioEntry is one file of an initramfs. Its owner is root and its time is the epoch.
type cpioEntry struct {
	name         string // relative to the root, without a leading slash
	mode         uint32 // type and permission bits
	data         []byte // content, or a symbolic link's target
	major, minor uint32 // of a character device
}

// cpioTrailer ends an archive.
const cpioTrailer = "TRAILER!!!"

// writeCPIO writes entries in the order given as a "newc" archive, the format that the kernel unpacks
// (Documentation/driver-api/early-userspace/buffer-format.rst). A directory must come before what is in it.
func writeCPIO(w io.Writer, entries []cpioEntry) error {
	var b bytes.Buffer
	for i, entry := range append(entries[:len(entries):len(entries)], cpioEntry{name: cpioTrailer}) {
		inode := i + 1
		if entry.name == cpioTrailer {
			inode = 0
		}
		links := 1
		if entry.mode&modeDirectory == modeDirectory {
			links = 2
		}
		b.Reset()
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, entry.major, entry.minor, len(entry.name)+1, 0)
		b.WriteString(entry.name)
		b.WriteByte(0)
		pad4(&b)
		b.Write(entry.data)
		pad4(&b)
		if _, err := w.Write(b.Bytes()); err != nil {
			return fmt.Errorf("write cpio entry %s: %w", entry.name, err)
		}
	}
	return nil
}

// pad4 fills b with zeros to a multiple of four bytes; every entry starts at one.
func pad4(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

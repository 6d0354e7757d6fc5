package outage

import (
	"path/filepath"
	"time"

	"hanok/test/netns"
)

// patience bounds every wait for something that a slow machine may take long over.
const patience = 3 * time.Minute

// gigabyte is room for a host's images and machines.
const gigabyte = 1 << 30

// onDisk gives the machine a disk of its own and lets its hanok keep everything there.
func onDisk(m *netns.Machine, size int64) *netns.Disk {
	d := m.AddDisk("disk", size)
	m.Data = filepath.Join(d.Path, "data")
	return d
}

package dc

import (
	"fmt"
	"slices"
	"strings"
)

// FlatFile returns the file with the bytes of the disk whose descriptor is at the path: both are in one folder.
func FlatFile(descriptor string) string {
	if descriptor == "" {
		return ""
	}
	return strings.TrimSuffix(descriptor, ".vmdk") + "-flat.vmdk"
}

// NameDisks gives each disk without a file the first name in the machine's folder that no other disk of it has: "hello/hello.vmdk",
// "hello/hello_1.vmdk" and so on, as vSphere does.
func (h *Hardware) NameDisks(folder string) {
	h.Disks = slices.Clone(h.Disks)
	for i := range h.Disks {
		for n := 0; h.Disks[i].File == ""; n++ {
			name := folder + "/" + folder + ".vmdk"
			if n > 0 {
				name = fmt.Sprintf("%s/%[1]s_%d.vmdk", folder, n)
			}
			if !slices.ContainsFunc(h.Disks, func(d Disk) bool { return d.File == name }) {
				h.Disks[i].File = name
			}
		}
	}
}

package dc

import (
	"fmt"
	"strconv"
	"strings"
)

// VariablesKey stands in the place of a disk's key for the variables of a machine's firmware.
const VariablesKey = 0

// ContentOf names, in the place of an image's digest, what a disk of another machine has: "vm-12/2000". A disk that starts as that has
// the name until its files are made.
func ContentOf(vm VirtualMachineID, key int32) string { return fmt.Sprintf("%s/%d", vm, key) }

func validContent(s string) bool {
	_, _, ok := ParseContent(s)
	return ok
}

// ParseContent returns the machine and the key of a name that ContentOf has made, and whether it is one.
func ParseContent(s string) (vm VirtualMachineID, key int32, ok bool) {
	id, number, _ := strings.Cut(s, "/")
	n, err := strconv.ParseInt(number, 10, 32)
	vm = VirtualMachineID(id)
	if err != nil || n < 0 || ID(vm).Kind() != KindVirtualMachine || ContentOf(vm, int32(n)) != s {
		return "", 0, false
	}
	return vm, int32(n), true
}

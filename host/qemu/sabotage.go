package qemu

import (
	"strings"

	"hanok/internal/sabotage"
)

// sabotaged returns QEMU's arguments, with its disks unsafe where that was asked for.
func sabotaged(args []string) []string {
	var unsafe *strings.Replacer
	switch {
	case sabotage.Is(sabotage.UnsafeCache):
		unsafe = strings.NewReplacer(`{"driver":`, `{"cache":{"no-flush":true},"driver":`)
	case sabotage.Is(sabotage.SecondQEMU):
		unsafe = strings.NewReplacer(`{"driver":"file"`, `{"locking":"off","driver":"file"`)
	default:
		return args
	}
	for i, arg := range args {
		args[i] = unsafe.Replace(arg)
	}
	return args
}

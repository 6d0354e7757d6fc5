package store

import (
	"fmt"
	"strconv"

	"hanok/dc"
)

// format is the version of the layout of keys and values that this program reads and writes.
const format = 1

// checkFormat refuses a store that a newer program has written. A nil value is that of an empty store.
func checkFormat(value []byte) error {
	if value == nil {
		return nil
	}
	n, err := strconv.Atoi(string(value))
	if err == nil && n == format {
		return nil
	}
	return &dc.Error{Kind: dc.Unsupported, Object: "the store",
		Message: fmt.Sprintf("its format is %q and this program knows %d", value, format),
		Remedy:  "start the version of hanok that wrote it, or a newer one"}
}

package store

import (
	"errors"
	"fmt"
	"strconv"

	"hanok/dc"
)

// format is the version of the layout of keys and values that this program writes. It reads that of the format before, too:
// a store is brought up to the own one when it is opened, and no program goes back.
//
//	1  the first
//	2  there may be a base: what a program that knows nothing of it shows of a restored store, hosts would take for old
const format = 2

// migration returns what brings an empty store, or one of the format before, up to the own one: the number, and nothing else,
// since format 2 can say all that format 1 says. revision is that of the number before, or 0.
func migration(revision int64) transaction {
	return transaction{
		conditions: []condition{unchanged(formatKey, revision)},
		operations: []keyValue{{key: formatKey, value: []byte(strconv.Itoa(format))}},
	}
}

// restoring is what stands in the format's place while a store is being restored.
const restoring = "restoring"

// ErrRestoring is the cause of the error, of kind WrongState, that opening a store has whose restore was cut off.
var ErrRestoring = errors.New("the store is being restored")

// readFormat returns the format of a store that this program can open.
func readFormat(value []byte) (int, error) {
	if string(value) == restoring {
		return 0, &dc.Error{Kind: dc.WrongState, Object: "the store", Message: "its restore from a backup was not finished",
			Remedy: `run the same "hanok restore" again`, Err: ErrRestoring}
	}
	n, err := strconv.Atoi(string(value))
	if err == nil && (n == format || n == format-1) {
		return n, nil
	}
	out := &dc.Error{Kind: dc.Unsupported, Object: "the store",
		Message: fmt.Sprintf("its format is %q and this program knows %d and %d", value, format-1, format),
		Remedy:  "start the version of hanok that wrote it, or a newer one"}
	if err == nil && n < format {
		out.Remedy = "start the versions of hanok that came between, one after the other"
	}
	return 0, out
}

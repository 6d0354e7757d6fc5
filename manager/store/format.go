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
//	3  roles are in permissions: a program that looks for them in users lets everybody or nobody in
const format = 3

// begin returns what makes a store of an empty one.
func begin() transaction {
	return transaction{
		conditions: []condition{unwritten(formatKey)},
		operations: []keyValue{{key: formatKey, value: []byte(strconv.Itoa(format))}},
	}
}

// restoring is what stands in the format's place while a store is being restored.
const restoring = "restoring"

// ErrRestoring is the cause of the error, of kind WrongState, that opening a store has whose restore was cut off.
var ErrRestoring = errors.New("the store is being restored")

// readFormat reports whether a store has the own format; it has to be migrated otherwise. The error says that this program can't
// open it.
func readFormat(value []byte) (current bool, err error) {
	switch string(value) {
	case restoring:
		return false, &dc.Error{Kind: dc.WrongState, Object: "the store", Message: "its restore from a backup was not finished",
			Remedy: `run the same "hanok restore" again`, Err: ErrRestoring}
	case migrating(format):
		return false, nil
	}
	n, err := strconv.Atoi(string(value))
	if err == nil && (n == format || n == format-1) {
		return n == format, nil
	}
	out := &dc.Error{Kind: dc.Unsupported, Object: "the store",
		Message: fmt.Sprintf("its format is %q and this program knows %d and %d", value, format-1, format),
		Remedy:  "start the version of hanok that wrote it, or a newer one"}
	if err == nil && n < format {
		out.Remedy = "start the versions of hanok that came between, one after the other"
	}
	return false, out
}

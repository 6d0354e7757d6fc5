//go:build sabotage

package sabotage

import (
	"fmt"
	"os"
	"slices"
)

// chosen is the way to break a promise that was asked for, or empty.
var chosen = Name(os.Getenv("HANOK_SABOTAGE"))

func init() {
	if chosen != "" && !slices.Contains(Names, chosen) {
		panic(fmt.Sprintf("HANOK_SABOTAGE=%s: there is no such name; there are %q", chosen, Names))
	}
}

// Is reports whether this program is to break the promise.
func Is(name Name) bool { return name == chosen }

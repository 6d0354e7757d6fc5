//go:build !sabotage

package sabotage

// Is reports whether this program is to break the promise.
func Is(Name) bool { return false }

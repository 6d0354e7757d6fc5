// Package arch holds the rules of the house as tests: which room may import which, where programs may be executed, what
// may read the clock, and that every package says what it is. It has no code of its own; `go test ./test/arch` runs it.
package arch

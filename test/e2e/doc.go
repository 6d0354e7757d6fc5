// Package e2e tests the whole: the real program, started as its users start it, with real guests, through its command
// line. It needs what `make test` prepares. Its guests have no way out: `make test` runs it in a network namespace of
// its own.
package e2e

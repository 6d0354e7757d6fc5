// Package testhost tells tests whether the machine was prepared for them. It is the only place in the repository that
// skips a test. It prepares nothing itself: `make test` does, and runs the tests inside namespaces of their own, so that
// guests and servers reach nothing outside.
package testhost

import "os"

// Variable is the environment variable that `make test` sets to 1 on a machine that it has prepared.
const Variable = "HANOK_TEST_HOST"

// TB is what of testing.TB Require uses.
type TB interface {
	Helper()
	Skip(args ...any)
}

// Require skips the test unless the machine is prepared: the packages of `scripts/setup --test` are there, so are
// .cache/image-packages and .cache/device-packages, and the test runs as root in its own process, mount and network namespace.
func Require(t TB) {
	t.Helper()
	if os.Getenv(Variable) != "1" {
		t.Skip("needs a prepared host: run make test")
	}
}

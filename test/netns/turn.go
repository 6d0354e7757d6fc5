package netns

import (
	"errors"
	"net"
	"syscall"
)

// turn is what a site has as long as it is the only one: an address that exists once in a network namespace, and not in the file
// system (unix(7), abstract sockets). It ends with the process at the latest.
const turn = "@hanok-site"

// takeTurn waits until no other site is in this network namespace: go test runs several packages at once.
func takeTurn(t TB) {
	t.Helper()
	for {
		mine, err := net.Listen("unix", turn)
		if err == nil {
			t.Cleanup(func() { _ = mine.Close() })
			return
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		// Who has it answers nothing, and hangs up at its end.
		if theirs, err := net.Dial("unix", turn); err == nil {
			_, _ = theirs.Read(make([]byte, 1))
			_ = theirs.Close()
		}
	}
}

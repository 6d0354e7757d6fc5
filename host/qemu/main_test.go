package qemu

import (
	"context"
	"os"
	"testing"
)

var ctxBackground = context.Background()

// scratch are folders that live as long as the test program.
var scratch []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range scratch {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

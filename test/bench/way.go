package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// patience bounds every wait, on a machine that is busy with something else.
const patience = 2 * time.Minute

// way is one way to power on a machine with the same devices and the same content of its disk. Its methods are called one at
// a time.
type way interface {
	// powerOn returns when the guest's first output was read.
	powerOn(ctx context.Context) (reached, error)
	// powerOff returns when nothing of the machine runs any more.
	powerOff(ctx context.Context) error
}

// reached is how long after the wish a machine came where.
type reached struct {
	// running is when its monitor has answered and its CPUs run.
	running time.Duration
	// told is when whoever wished it knows that.
	told time.Duration
	// output is when the first byte that the guest says on its serial port was read.
	output time.Duration
}

// firstOutput waits for the guest to say something.
func firstOutput(port io.Reader) error {
	var first [1]byte
	if _, err := io.ReadFull(port, first[:]); err != nil {
		return fmt.Errorf("the serial port: %w", err)
	}
	return nil
}

// copyDisk makes a copy of an image that takes as little space as the original.
func copyDisk(from, to string) error {
	return execute("cp", "--sparse=always", from, to)
}

// execute runs a program, whose words are the error if it fails.
func execute(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// Command hanok is a software-defined data center in one program: the manager, the host's agent and the client.
//
// This package wires the rooms together by hand and holds the command line: one file for each group of commands. The
// client's commands use the generated client of the native contract and nothing else of the system; up, manager run, host join,
// host run, host sim and sim start parts of it, and clean removes them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	env := environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		progress: term.IsTerminal(int(os.Stderr.Fd())),
		raw:      rawTerminal,
	}
	code := run(ctx, env, os.Args[1:])
	stop()
	os.Exit(code)
}

// rawTerminal gives every key that is typed to the program at once, if standard input is a terminal, until restore.
func rawTerminal() (restore func(), err error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		return func() {}, nil
	}
	before, err := term.MakeRaw(in)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(in, before) }, nil // the program ends: nothing is left to do about an error
}

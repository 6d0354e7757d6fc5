package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hanok/host/sim"
)

// TestScripts runs the stories of testdata/script, each against a data center of its own. In them
//
//	hanok ARGS...           runs a command that has to succeed, or with "!" has to fail with exit code 1
//	hanok <FILE ARGS...     the same with standard input from a file
//	usage ARGS...           runs a command that has to fail with exit code 2
//	taskid                  sets $TASK to the last command's output
//	token FILE              sets $HANOK_TOKEN to a file's content
//	crash VM                lets a machine's process die, and waits until its host has said so
//	entering HOST           waits until a host is entering maintenance mode
//	booted VM               waits until a machine's guest has said where it is
//	ran SCHEDULE            waits until a scheduled task has run
//	unscheduled SCHEDULE    waits until a scheduled task is gone
//	lose VM                 removes a machine from the inventory as if the manager had been restored from before it was made
//	orphaned VM             waits until its host has reported it as an orphan
//	forgotten               waits until the first login was removed from $DATA
//
// The environment has a session of the first user; $DATA is the data center's folder.
func TestScripts(t *testing.T) {
	type key struct{}
	command := func(ts *testscript.TestScript, args []string) int {
		var stdin io.Reader = strings.NewReader("")
		if len(args) > 0 && strings.HasPrefix(args[0], "<") {
			stdin, args = strings.NewReader(ts.ReadFile(args[0][1:])), args[1:]
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return run(ctx, environment{stdin: stdin, stdout: ts.Stdout(), stderr: ts.Stderr(), getenv: ts.Getenv, raw: noTerminal}, args)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			c := startCenter(env.T().(testing.TB), sim.Options{})
			env.Values[key{}] = c
			for name, value := range c.env() {
				env.Setenv(name, value)
			}
			env.Setenv("URL", c.url)
			env.Setenv("DATA", c.data)
			env.Setenv("PASSWORD", c.first.Password)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"hanok": func(ts *testscript.TestScript, neg bool, args []string) {
				want := exitOK
				if neg {
					want = exitFailure
				}
				if code := command(ts, args); code != want {
					ts.Fatalf("exit code %d, want %d", code, want)
				}
			},
			"usage": func(ts *testscript.TestScript, _ bool, args []string) {
				if code := command(ts, args); code != exitUsage {
					ts.Fatalf("exit code %d, want %d", code, exitUsage)
				}
			},
			"taskid": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("TASK", strings.TrimSpace(ts.ReadFile("stdout")))
			},
			"token": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv("HANOK_TOKEN", strings.TrimSpace(ts.ReadFile(args[0])))
			},
			"crash": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.crash(args[0]))
			},
			"restarted": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.restarted(args[0]))
			},
			"entering": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.entering(args[0]))
			},
			"booted": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.booted(args[0]))
			},
			"ran": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.ran(args[0]))
			},
			"unscheduled": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.unscheduled(args[0]))
			},
			"lose": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.lose(args[0]))
			},
			"orphaned": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.orphaned(args[0]))
			},
			"forgotten": func(ts *testscript.TestScript, _ bool, _ []string) {
				c := ts.Value(key{}).(*center)
				ts.Check(c.forgotten())
			},
		},
	})
}

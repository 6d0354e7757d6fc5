package main

import (
	"fmt"
	"os"
)

// test is what a site has in the place of a test. What fails ends the attempt that it is part of.
type test struct{ dir string }

// failure is what an attempt panics with.
type failure struct{ error }

// attempt calls do, and returns what failed in it.
func attempt(do func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.error
		default:
			panic(r)
		}
	}()
	do()
	return nil
}

func (test) Helper() {}

// Cleanup has nothing to do: all that there is ends with the namespaces that the program is in.
func (test) Cleanup(func()) {}

func (t test) TempDir() string                 { return t.dir }
func (t test) Skip(args ...any)                { t.Fatal(args...) }
func (test) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, "dev: "+format+"\n", args...) }
func (test) Fatal(args ...any)                 { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }
func (test) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

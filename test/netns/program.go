package netns

import (
	"fmt"
	"os"
)

// Program is the TB of a program that is no test and runs in namespaces of its own, with which all that it makes ends. What fails
// ends the Attempt that it is part of.
type Program struct {
	// Name stands before what is complained of.
	Name string
	// Dir is the folder of the machines' disks. It is not removed.
	Dir string
}

// failure is what an attempt panics with.
type failure struct{ error }

// Attempt calls do, and returns what failed in it. It is for one goroutine: what fails in another one ends the program.
func Attempt(do func()) (err error) {
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

// Helper does nothing.
func (Program) Helper() {}

// Cleanup does nothing: all that there is ends with the namespaces.
func (Program) Cleanup(func()) {}

// TempDir returns Dir.
func (p Program) TempDir() string { return p.Dir }

// Skip fails: a program is started where it can work.
func (p Program) Skip(args ...any) { p.Fatal(args...) }

// Errorf complains, and nothing ends.
func (p Program) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, p.Name+": "+format+"\n", args...)
}

// Fatal ends the attempt.
func (Program) Fatal(args ...any) { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }

// Fatalf ends the attempt.
func (Program) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

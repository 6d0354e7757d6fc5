// Package storetest is the conformance suite of the store: what every backend promises, as named tests. It is not for
// what one backend alone does, such as surviving a crash. The tests of package store run it against each backend.
package storetest

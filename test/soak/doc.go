// Package soak lets a data center run and kills its parts: a manager and hosts on machines of their own, clients that work with
// them, guests that write to their disks, and a seeded sequence of kill -9 and of losses of power, each in the middle of something.
// What is killed is started again, and every promise of doc/promises.md that can be seen from outside is looked at.
//
// It knows the data center as its clients and a person with a shell on every host do: by the native API, the command line, the
// list of processes and what guests read from their disks. `make test` runs a short one, `make soak` a long one, and then one for
// each promise with a program that breaks it (internal/sabotage), which has to be noticed.
package soak

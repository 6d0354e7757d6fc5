// Package qemu executes machines with QEMU, which it drives over its own monitor protocol (QMP), without libvirt. The
// agent calls it as its Hypervisor.
//
// Each machine is one QEMU process that outlives this one: it has its own session, nothing of it is inherited but files,
// and a later process of the agent finds it again by its handle (Driver.Recover). The process is not trusted, because
// its guest is not. It runs as a user of its own, one for each machine, that owns nothing and has no name; seccomp keeps
// it from executing programs and from getting other rights; every file and every listening socket reaches it as an open
// descriptor, so that it works below folders which it may not enter. In a process list it shows the machine's name, and
// its folder and files as the labels of these descriptors.
//
// What goes where: command.go says what hardware a machine has, with storage.go, nic.go, peripheral.go and boot.go for its parts;
// support.go what QEMU can't execute; compare.go where it differs from what was asked; start.go, recover.go and suspend.go are the ways into
// and out of execution; machine.go follows one machine by QEMU's events; resource.go says what it gets of
// the host's CPU and memory, which package cgroup enforces; exit.go says how it ended. How QEMU answers is
// written at the calls; it was tried with QEMU 10.0.2.
//
// The package keeps no files (package volume does), makes no networks, and decides nothing about where or whether a
// machine runs.
package qemu

// Package dispatch is the manager's side of the agent protocol: hosts join, each keeps one control connection, gets what
// is assigned to it, and reports what it sees. It holds what is known of hosts right now and never stored: who is
// connected, how full datastores are, how far copies are; and it opens streams to consoles.
//
// It is the one writer of the Status of virtual machines, datastores and hosts. Each commit is conditional on the fence
// that was taken for the host's connection, so that a manager or connection that was replaced, and does not know it,
// writes nothing. A host gets and reports its own machines and datastores only.
//
// It decides nothing about machines: services and tasks write Spec, the host's agent carries it out. The manager mounts
// Handler on its TLS server; package compute calls it through its Hosts interface.
package dispatch

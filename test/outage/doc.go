// Package outage lets what a data center stands on go away for a while, and looks at it with its users' eyes: the manager, a host's
// cable, the power with all that disks had not flushed, the room on a disk, its speed. What works without it goes on, what doesn't
// says so, nothing that was acknowledged is lost, and afterwards everything goes on by itself.
//
// What a user types and sees meanwhile is in testdata, as text that was read by somebody; go test -update writes it anew. It holds
// tests only, which run the real program with real guests on machines of test/netns.
package outage

// Package sim simulates a host: machines that exist in memory only, behind the same interfaces as the real drivers. It
// is for demonstrations of scale, for developing what stands above the drivers, and for their tests.
//
// A World is the host with everything on it, and outlives the agent; a Host is the drivers of one process of the agent,
// and implements the agent's Hypervisor, Storage and Network at once. A machine "boots" in no time, or in the time that
// Options say, and then has a guest that reports an address; its screen is a small picture and its serial port shows a
// prompt. Nothing is executed and nothing is written to a disk. Tests make the world's faults happen: Crash, Fill, Hang,
// Reboot.
//
// It simulates no network, no data in disks, and no other host.
package sim

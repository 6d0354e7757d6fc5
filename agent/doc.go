// Package agent is the host side of the data center: it takes the assignments of one host, advances each machine one idempotent
// step at a time through its drivers, and reports what it sees. It declares the driver interfaces; it drives no program
// itself. cmd starts it; it talks to a manager through package api.
package agent

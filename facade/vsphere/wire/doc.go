// Package wire is the XML of the vSphere API: it writes values of govmomi's types as a vCenter of the client's version would, and reads
// what a client sends (SOAP 1.1) under limits.
//
// It knows no managed object and no method. The package above it, vsphere, is its only caller. The library's own encoder gives
// the same bytes (a test compares them), at many times the cost, and knows no versions: a client of 6.7 fails on a property of 8.0.
package wire

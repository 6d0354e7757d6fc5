// Package vsphere speaks the vSphere API (SOAP at /sdk): what govc, Terraform, pyVmomi and PowerCLI call of a vCenter.
//
// A call is decoded by package wire, finds its method in a table, and is carried out by the manager's services with the caller's
// identity; privileges and rules are theirs. What the inventory is like is package model's, and what clients read and wait for is
// package property's. This package has the sessions, and the managed objects that a client makes for itself. A method that
// is not in the table answers NotSupported: none claims success and does nothing. cmd joins the package to the manager through Backend.
package vsphere

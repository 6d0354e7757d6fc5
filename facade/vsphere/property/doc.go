// Package property is the vSphere API's PropertyCollector: it selects managed objects by traversal, reads properties of them by path, and
// tells a client what has changed since the version that it knows.
//
// It knows no managed object: what there is and what it is like comes from a Picture, one moment of the data center as one client sees it.
// A value that is the same for all clients is written as XML once and kept until something changes that it may depend on. Nothing is
// remembered for each object and client: an update is what changed after the client's version. Package vsphere is the only caller.
package property

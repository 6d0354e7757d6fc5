// Package model shows the data center's objects as the vSphere API's managed objects: for each kind a table of properties, and for each
// property a function from the object and what stands around it to a value of govmomi's types.
//
// Nothing is kept: a managed object is a view of a dc object, and its reference is the dc object's ID. A property says what it depends on
// besides the object itself, so that Feed, which follows the data center's changes, knows what is touched by one. The managed objects
// that a client makes for itself (views, collectors) are package vsphere's, the only caller.
package model

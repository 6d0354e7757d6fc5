// Package native speaks the data center's own dialect: the contract of api/proto/hanok/v1 over Connect (gRPC, gRPC-web and
// plain JSON), consoles over WebSockets, and the page at "/".
//
// It turns each request into calls of the manager's services, with the caller's identity, and their answers into messages.
// It checks that somebody is logged in and nothing more: privileges and rules are the services' own. It imports dc and api
// and says in Backend what it needs; cmd joins it to the manager.
package native

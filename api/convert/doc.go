// Package convert is the only conversion between dc's values and the wire: the messages of api/hanok/v1 and of
// api/hanok/agent/v1, and the errors of the Connect protocol.
//
// It decides nothing, checks no permission and knows no store. The native facade, the manager, the agent and the
// command line share it. All functions are pure; what they return shares no memory that either side may change.
package convert

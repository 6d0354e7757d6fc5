package model

import (
	"errors"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

// Fault returns the API's fault for an error of the data center. object is what was worked on.
func Fault(err error, object Ref) types.BaseMethodFault {
	var insufficient *dc.Insufficient
	if errors.As(err, &insufficient) {
		return &types.InsufficientResourcesFault{}
	}
	switch dc.KindOf(err) {
	case dc.Invalid:
		return &types.InvalidArgument{}
	case dc.Unauthenticated:
		return &types.NotAuthenticated{NoPermission: types.NoPermission{Object: &object, PrivilegeId: string(dc.PrivView)}}
	case dc.Denied:
		var missing *dc.MissingPrivilege
		if errors.As(err, &missing) {
			return &types.NoPermission{Object: &Ref{Type: typeNames[missing.On.Kind()], Value: string(missing.On)}, PrivilegeId: string(missing.Privilege)}
		}
		return &types.NoPermission{Object: &object}
	case dc.NotFound:
		return &types.ManagedObjectNotFound{Obj: object}
	case dc.Exists:
		return &types.DuplicateName{Object: object}
	case dc.Conflict:
		return &types.ConcurrentAccess{}
	case dc.WrongState:
		return &types.InvalidState{}
	case dc.Exhausted:
		return &types.InsufficientResourcesFault{}
	case dc.Unsupported:
		return &types.NotSupported{}
	case dc.Unavailable:
		return &types.HostNotConnected{}
	case dc.Canceled:
		return &types.RequestCanceled{}
	}
	return &types.SystemError{Reason: "an internal error"}
}

// LocalizedFault returns an error as a task shows it.
func LocalizedFault(err error, object Ref) *types.LocalizedMethodFault {
	return &types.LocalizedMethodFault{Fault: Fault(err, object), LocalizedMessage: Message(err)}
}

// Message returns what an error says to a client: what failed, on which object, and what to do. An internal error says nothing.
func Message(err error) string {
	if dc.KindOf(err) == dc.Internal {
		return "an internal error: the manager's log has its cause"
	}
	return err.Error()
}

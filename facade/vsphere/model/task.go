package model

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

var task = map[string]prop{
	// The texts of a task are cut for those who may not see everything, and its progress changes by itself.
	"info": {value: func(p *Picture, o dc.Object) any { return p.TaskInfo(o.(*dc.Task)) }, each: true},
}

// TaskInfo returns a task as the client may know it.
func (p *Picture) TaskInfo(t *dc.Task) types.TaskInfo {
	if p.client.Shown != nil {
		t = p.client.Shown(t).(*dc.Task)
	}
	info := types.TaskInfo{
		Key: string(t.ID), Task: Ref{Type: "Task", Value: string(t.ID)}, Name: methods[t.Type], DescriptionId: t.Type, EntityName: t.TargetName,
		State: types.TaskInfoState(t.State), Cancelled: t.CancelRequested, Cancelable: !t.Done(), QueueTime: t.Created,
		Reason: &types.TaskReasonUser{UserName: t.User},
	}
	if typeNames[t.Target.Kind()] != "" {
		info.Entity = p.refOr(t.Target)
	}
	if !t.Started.IsZero() {
		started := t.Started
		info.StartTime = &started
	}
	if !t.Completed.IsZero() {
		completed := t.Completed
		info.CompleteTime = &completed
	}
	switch t.State {
	case dc.TaskSuccess:
		info.Progress = 100
		if results[t.Type] {
			info.Result = p.ref(t.Target)
		}
	case dc.TaskError:
		if t.Failure != nil {
			info.Error = LocalizedFault(t.Failure.Err(), p.ref(t.Target))
		}
	default:
		if percent, ok := p.feed.state.Progress(t.ID); ok {
			info.Progress = int32(percent)
		}
	}
	return info
}

// methods are the API's names of the methods that make tasks, by their description IDs.
var methods = map[string]string{
	"Folder.createVm": "CreateVM_Task", "VirtualMachine.powerOn": "PowerOnVM_Task", "VirtualMachine.powerOff": "PowerOffVM_Task",
	"VirtualMachine.reset": "ResetVM_Task", "VirtualMachine.suspend": "SuspendVM_Task", "VirtualMachine.destroy": "Destroy_Task",
	"VirtualMachine.reconfigure": "ReconfigVM_Task", "VirtualMachine.clone": "CloneVM_Task", "VirtualMachine.upgradeVirtualHardware": "UpgradeVM_Task",
	"Folder.registerVm": "RegisterVM_Task",
}

// results are the tasks whose result is what they have made.
var results = map[string]bool{"Folder.createVm": true, "VirtualMachine.clone": true, "Folder.registerVm": true}

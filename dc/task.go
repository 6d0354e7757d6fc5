package dc

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// TaskState is how far a task is.
type TaskState string

// The task states, by vSphere's names. Success and failure are final.
const (
	TaskQueued  TaskState = "queued"
	TaskRunning TaskState = "running"
	TaskSuccess TaskState = "success"
	TaskError   TaskState = "error"
)

// Task is a long operation that survives a crash of the manager: a list of named steps with a cursor. Only the task
// engine changes it after its creation, except CancelRequested, which a service sets.
type Task struct {
	ID TaskID `json:"id"`
	Meta
	// Type is the operation, by vSphere's description ID: "VirtualMachine.powerOn".
	Type string `json:"type"`
	// Target is what the task works on, and TargetName its name when the task was made. A target has one open task
	// at most.
	Target     ID     `json:"target"`
	TargetName string `json:"targetName"`
	// Parts are what of the target, and of others, the task works on, where several may work on one target at once: files,
	// as "datastore-1/iso/debian.iso". A part has one open task at most. Empty: the target as a whole.
	Parts []string `json:"parts,omitempty"`
	// Reads are the objects that are to stay as they are while the task is open. Others may read them at the same time; no task works
	// on them. The target may be one of them: then the task works on nothing.
	Reads []ID `json:"reads,omitempty"`
	// User is the name of who asked.
	User string `json:"user"`
	// Args are the arguments of the task's type, in that type's own form.
	Args  json.RawMessage `json:"args,omitempty"`
	State TaskState       `json:"state"`
	// Steps are the names of the steps, in order.
	Steps []string `json:"steps"`
	// Cursor is the index of the step in progress: it counts up while the task does its steps and down while it
	// undoes them.
	Cursor int `json:"cursor"`
	// Undoing is set when a step failed or the task was canceled.
	Undoing         bool `json:"undoing,omitempty"`
	CancelRequested bool `json:"cancelRequested,omitempty"`
	// Failure is why the task is undone, from the moment of the failure on. Canceled tasks have one of kind Canceled.
	Failure   *Failure  `json:"failure,omitempty"`
	Started   time.Time `json:"started,omitzero"`
	Completed time.Time `json:"completed,omitzero"`
	// Batch is the bulk task that this one is a part of, or "", and Place the index of its object there.
	Batch TaskID `json:"batch,omitempty"`
	Place int    `json:"place,omitempty"`
	// Results are, of a bulk task that has ended, how it went with each object. The task's last step writes them.
	Results []TaskResult `json:"results,omitempty"`
}

// TaskResult is how it went with one object of a bulk task.
type TaskResult struct {
	// Object is "" for what was not there, and Name what the user called it.
	Object ID     `json:"object,omitempty"`
	Name   string `json:"name"`
	// State is TaskSuccess or TaskError.
	State TaskState `json:"state"`
	// Failure is of kind Canceled for an object whose turn did not come any more.
	Failure *Failure `json:"failure,omitempty"`
	// Task is the part that was about the object, or "" where there was none.
	Task TaskID `json:"task,omitempty"`
}

// Done reports whether the task has ended.
func (o *Task) Done() bool { return o.State == TaskSuccess || o.State == TaskError }

func (*Task) Kind() Kind     { return KindTask }
func (o *Task) Identity() ID { return ID(o.ID) }

// Claims is the target, while the task is open: a second task on it is refused. A task with parts claims those, and that its
// target is not deleted; so it does with what it reads. A part of a bulk task claims its place there, also when it has ended.
func (o *Task) Claims() []string {
	var claims []string
	if o.Batch != "" {
		claims = append(claims, BatchClaim(o.Batch, o.Place))
	}
	if o.Done() {
		return claims
	}
	for _, read := range o.Reads {
		claims = append(claims, UseClaim(read, ID(o.ID)))
	}
	if slices.Contains(o.Reads, o.Target) {
		return claims
	}
	if len(o.Parts) == 0 {
		return append(claims, TaskClaim(o.Target))
	}
	claims = append(claims, UseClaim(o.Target, ID(o.ID)))
	for _, part := range o.Parts {
		claims = append(claims, TaskClaim(ID(part)))
	}
	return claims
}

// ReadClaims returns the prefix of the claims that open tasks hold on an object that they read (Task.Reads).
func ReadClaims(read ID) string { return UseClaim(read, NewID(KindTask, "")) }

// BatchClaim returns the claim of the task that does a bulk task's part about the object at the place.
func BatchClaim(batch TaskID, place int) string { return fmt.Sprintf("batch/%s/%d", batch, place) }

// TaskClaim returns the claim that the open task on target holds.
func TaskClaim(target ID) string { return "task/" + string(target) }

// EventType is what happened, by the name of vSphere's event class.
type EventType string

// The events that the manager records.
const (
	EventUserLogin         EventType = "UserLoginSessionEvent"
	EventUserLogout        EventType = "UserLogoutSessionEvent"
	EventBadLogin          EventType = "BadUsernameSessionEvent"
	EventUserCreated       EventType = "AccountCreatedEvent"
	EventUserRemoved       EventType = "AccountRemovedEvent"
	EventPasswordChanged   EventType = "UserPasswordChanged"
	EventPermissionAdded   EventType = "PermissionAddedEvent"
	EventPermissionUpdated EventType = "PermissionUpdatedEvent"
	EventPermissionRemoved EventType = "PermissionRemovedEvent"
	EventRoleAdded         EventType = "RoleAddedEvent"
	EventRoleUpdated       EventType = "RoleUpdatedEvent"
	EventRoleRemoved       EventType = "RoleRemovedEvent"
	EventDatacenterCreated EventType = "DatacenterCreatedEvent"
	EventDatacenterRemoved EventType = "TaskEvent" // vSphere has no class of its own for it
	EventClusterCreated    EventType = "ClusterCreatedEvent"
	EventClusterRemoved    EventType = "ClusterDestroyedEvent"
	EventPoolCreated       EventType = "ResourcePoolCreatedEvent"
	EventPoolRemoved       EventType = "ResourcePoolDestroyedEvent"
	EventPoolMoved         EventType = "ResourcePoolMovedEvent"
	EventPoolReconfigured  EventType = "ResourcePoolReconfiguredEvent"
	EventDatastoreCreated  EventType = "LocalDatastoreCreatedEvent"
	EventDatastoreRemoved  EventType = "DatastoreRemovedOnHostEvent"
	EventFileCopied        EventType = "DatastoreFileCopiedEvent"
	EventFileMoved         EventType = "DatastoreFileMovedEvent"
	EventFileDeleted       EventType = "DatastoreFileDeletedEvent"
	EventPortGroupCreated  EventType = "DVPortgroupCreatedEvent"
	EventPortGroupRemoved  EventType = "DVPortgroupDestroyedEvent"
	EventGeneral           EventType = "GeneralUserEvent" // what has no class of its own: folders, images
	EventHostAdded         EventType = "HostAddedEvent"
	EventHostConnected     EventType = "HostConnectedEvent"
	EventHostLost          EventType = "HostConnectionLostEvent"
	EventHostDisconnected  EventType = "HostDisconnectedEvent"
	EventHostRemoved       EventType = "HostRemovedEvent"
	EventHostMaintenance   EventType = "EnteredMaintenanceModeEvent"
	EventHostEntering      EventType = "EnteringMaintenanceModeEvent"
	EventHostInService     EventType = "ExitMaintenanceModeEvent"
	EventVMCreated         EventType = "VmCreatedEvent"
	EventVMBeingCloned     EventType = "VmBeingClonedEvent"
	EventVMCloned          EventType = "VmClonedEvent"
	EventVMBeingDeployed   EventType = "VmBeingDeployedEvent" // from a template
	EventVMDeployed        EventType = "VmDeployedEvent"
	EventVMRegistered      EventType = "VmRegisteredEvent" // an orphan was adopted
	EventVMReallocated     EventType = "VmResourceReallocatedEvent"
	EventVMReconfigured    EventType = "VmReconfiguredEvent"
	EventVMUpgraded        EventType = "VmUpgradeCompleteEvent"
	EventVMPoolMoved       EventType = "VmResourcePoolMovedEvent"
	EventVMRemoved         EventType = "VmRemovedEvent"
	EventVMPoweredOn       EventType = "VmPoweredOnEvent"
	EventVMPoweredOff      EventType = "VmPoweredOffEvent"
	EventVMSuspended       EventType = "VmSuspendedEvent"
	EventVMReset           EventType = "VmResettingEvent"
	EventVMGuestShutdown   EventType = "VmGuestShutdownEvent"
	EventVMGuestReboot     EventType = "VmGuestRebootEvent"
	EventVMFault           EventType = "GeneralVmErrorEvent" // it lost its power against everybody's will
	EventVMPaused          EventType = "VmMessageErrorEvent" // it stands still
	EventVMResumed         EventType = "VmMessageEvent"      // it runs on
	EventAlarmCreated      EventType = "AlarmCreatedEvent"
	EventAlarmChanged      EventType = "AlarmReconfiguredEvent"
	EventAlarmRemoved      EventType = "AlarmRemovedEvent"
	EventAlarmStatus       EventType = "AlarmStatusChangedEvent"
	EventAlarmAcknowledged EventType = "AlarmAcknowledgedEvent"
	EventAlarmCleared      EventType = "AlarmClearedEvent"
	EventScheduleCreated   EventType = "ScheduledTaskCreatedEvent"
	EventScheduleChanged   EventType = "ScheduledTaskReconfiguredEvent"
	EventScheduleRemoved   EventType = "ScheduledTaskRemovedEvent"
	EventScheduleStarted   EventType = "ScheduledTaskStartedEvent"
	EventScheduleCompleted EventType = "ScheduledTaskCompletedEvent"
	EventScheduleFailed    EventType = "ScheduledTaskFailedEvent"
	EventCustomFieldAdded  EventType = "CustomFieldDefAddedEvent"
	EventCustomFieldGone   EventType = "CustomFieldDefRemovedEvent"
	EventCustomFieldNamed  EventType = "CustomFieldDefRenamedEvent"
	EventCustomValue       EventType = "CustomFieldValueChangedEvent"
	EventDeletionsStopped  EventType = "hanok.guard.deletionsStopped" // vSphere has no such guard
	EventTagAttached       EventType = "com.vmware.cis.tagging.attach"
	EventTagDetached       EventType = "com.vmware.cis.tagging.detach"
)

// failedEvents are the classes of what failed, by the types of tasks.
var failedEvents = map[string]EventType{
	"VirtualMachine.clone":         "VmCloneFailedEvent",
	"VirtualMachine.powerOn":       "VmFailedToPowerOnEvent",
	"VirtualMachine.powerOff":      "VmFailedToPowerOffEvent",
	"VirtualMachine.reset":         "VmFailedToResetEvent",
	"VirtualMachine.suspend":       "VmFailedToSuspendEvent",
	"VirtualMachine.shutdownGuest": "VmFailedToShutdownGuestEvent",
	"VirtualMachine.rebootGuest":   "VmFailedToRebootGuestEvent",
}

// EventTask is what happened to a task that has no class of its own.
const EventTask EventType = "TaskEvent"

// FailedEvent returns the class of the event that a task of the type has failed.
func FailedEvent(taskType string) EventType {
	if t, ok := failedEvents[taskType]; ok {
		return t
	}
	return EventTask
}

// Event is one thing that happened. Events are never changed; old ones are removed.
type Event struct {
	ID EventID `json:"id"`
	Meta
	Type EventType `json:"type"`
	// Target is what it happened to, or "", and TargetName its name at that time.
	Target     ID     `json:"target,omitempty"`
	TargetName string `json:"targetName,omitempty"`
	// User is the name of who caused it, or "" for the system.
	User string `json:"user,omitempty"`
	// Task is the task that caused it, or "".
	Task TaskID `json:"task,omitempty"`
	// Message is a sentence for a person.
	Message string `json:"message"`
}

func (*Event) Kind() Kind         { return KindEvent }
func (o *Event) Identity() ID     { return ID(o.ID) }
func (o *Event) Claims() []string { return nil }

package dc

import "strings"

// Kind names a kind of object. The list is append-only: kinds are part of keys in the store.
type Kind string

// The kinds of objects.
const (
	KindFolder         Kind = "Folder"
	KindDatacenter     Kind = "Datacenter"
	KindCluster        Kind = "Cluster"
	KindHost           Kind = "Host"
	KindResourcePool   Kind = "ResourcePool"
	KindDatastore      Kind = "Datastore"
	KindPortGroup      Kind = "PortGroup"
	KindImage          Kind = "Image"
	KindVirtualMachine Kind = "VirtualMachine"
	KindTask           Kind = "Task"
	KindEvent          Kind = "Event"
	KindUser           Kind = "User"
	KindSession        Kind = "Session"
	KindJoinToken      Kind = "JoinToken"
	KindSecret         Kind = "Secret"
	KindRole           Kind = "Role"
	KindPermission     Kind = "Permission"
	KindGroup          Kind = "Group"
	KindSequence       Kind = "Sequence"
	KindAlarm          Kind = "Alarm"
	KindAlarmState     Kind = "AlarmState"
	KindTagCategory    Kind = "TagCategory"
	KindTag            Kind = "Tag"
	KindCustomField    Kind = "CustomField"
	KindAPIToken       Kind = "APIToken"
	KindDeletionGuard  Kind = "DeletionGuard"
	KindIdentitySource Kind = "IdentitySource"
	KindScheduledTask  Kind = "ScheduledTask"
)

// kinds lists every kind with the prefix of its IDs, the kind in words, and how to make an empty object of it. The prefixes of
// inventory objects are those of a vCenter's managed object references, so that an ID serves as one.
var kinds = []struct {
	kind         Kind
	prefix, noun string
	empty        func() Object
}{
	{KindFolder, "group-", "folder", func() Object { return new(Folder) }},
	{KindDatacenter, "datacenter-", "data center", func() Object { return new(Datacenter) }},
	{KindCluster, "domain-c", "cluster", func() Object { return new(Cluster) }},
	{KindHost, "host-", "host", func() Object { return new(Host) }},
	{KindResourcePool, "resgroup-", "resource pool", func() Object { return new(ResourcePool) }},
	{KindDatastore, "datastore-", "datastore", func() Object { return new(Datastore) }},
	{KindPortGroup, "network-", "port group", func() Object { return new(PortGroup) }},
	{KindImage, "image-", "image", func() Object { return new(Image) }},
	{KindVirtualMachine, "vm-", "virtual machine", func() Object { return new(VirtualMachine) }},
	{KindTask, "task-", "task", func() Object { return new(Task) }},
	{KindEvent, "event-", "event", func() Object { return new(Event) }},
	{KindUser, "user-", "user", func() Object { return new(User) }},
	{KindSession, "session-", "session", func() Object { return new(Session) }},
	{KindJoinToken, "join-", "join token", func() Object { return new(JoinToken) }},
	{KindSecret, "secret-", "secret", func() Object { return new(Secret) }},
	{KindRole, "role-", "role", func() Object { return new(Role) }},
	{KindPermission, "permission-", "permission", func() Object { return new(Permission) }},
	{KindGroup, "usergroup-", "group", func() Object { return new(Group) }},
	{KindSequence, "sequence-", "sequence", func() Object { return new(Sequence) }},
	{KindAlarm, "alarm-", "alarm", func() Object { return new(Alarm) }},
	{KindAlarmState, "alarmstate-", "triggered alarm", func() Object { return new(AlarmState) }},
	{KindTagCategory, "tagcategory-", "tag category", func() Object { return new(TagCategory) }},
	{KindTag, "tag-", "tag", func() Object { return new(Tag) }},
	{KindCustomField, "customfield-", "custom attribute", func() Object { return new(CustomField) }},
	{KindAPIToken, "apitoken-", "api token", func() Object { return new(APIToken) }},
	{KindIdentitySource, "identitysource-", "identity source", func() Object { return new(IdentitySource) }},
	{KindDeletionGuard, "deletionguard-", "deletion guard", func() Object { return new(DeletionGuard) }},
	{KindScheduledTask, "schedule-", "scheduled task", func() Object { return new(ScheduledTask) }},
}

// Kinds returns every kind, in a fixed order.
func Kinds() []Kind {
	out := make([]Kind, len(kinds))
	for i, k := range kinds {
		out[i] = k.kind
	}
	return out
}

// ID names an object of any kind: the kind's prefix and a suffix that is never used twice, not even after a restore
// of the store. The empty ID names nothing.
type ID string

// The typed IDs. Each converts to ID and back without loss.
type (
	FolderID         ID
	DatacenterID     ID
	ClusterID        ID
	HostID           ID
	ResourcePoolID   ID
	DatastoreID      ID
	PortGroupID      ID
	ImageID          ID
	VirtualMachineID ID
	TaskID           ID
	EventID          ID
	UserID           ID
	SessionID        ID
	JoinTokenID      ID
	SecretID         ID
	RoleID           ID
	PermissionID     ID
	GroupID          ID
	SequenceID       ID
	AlarmID          ID
	AlarmStateID     ID
	TagCategoryID    ID
	TagID            ID
	CustomFieldID    ID
	APITokenID       ID
	DeletionGuardID  ID
	IdentitySourceID ID
	ScheduledTaskID  ID
)

// RootFolder is the folder at the top of the inventory. It exists in every data center from its first start.
const RootFolder FolderID = "group-root"

// NewID joins a kind's prefix and a suffix. The suffix is the caller's: at least 60 random bits in lower-case letters
// and digits, or a fixed word for an object of which there is one. It panics on an unknown kind.
func NewID(kind Kind, suffix string) ID {
	for _, k := range kinds {
		if k.kind == kind {
			return ID(k.prefix + suffix)
		}
	}
	panic("dc: no kind " + string(kind))
}

// Kind returns the kind that the ID's prefix names, or "" for a string that is no ID.
func (id ID) Kind() Kind {
	for _, k := range kinds {
		if suffix, ok := strings.CutPrefix(string(id), k.prefix); ok && validSuffix(suffix) {
			return k.kind
		}
	}
	return ""
}

func validSuffix(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

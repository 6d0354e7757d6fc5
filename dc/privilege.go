package dc

import (
	"slices"
	"strings"
)

// privilegeGroups are the privileges that a vCenter 8 knows, by group. Tools make roles of any of them; those that are constants
// of this package are the ones that services ask for.
var privilegeGroups = []struct{ group, names string }{
	{"Alarm", "Acknowledge Create Delete DisableActions Edit SetStatus ToggleEnableOnEntity"},
	{"Authorization", "ModifyPermissions ModifyPrivileges ModifyRoles ModifyVTContainerMappings ModifyVTContainers " +
		"ReassignRolePermissions"},
	{"AutoDeploy.Host", "AssociateMachine"},
	{"AutoDeploy.Profile", "Create Edit"},
	{"AutoDeploy.Rule", "Create Delete Edit"},
	{"AutoDeploy.RuleSet", "Activate Edit"},
	{"Certificate", "Manage"},
	{"CertificateAuthority", "Administer Manage"},
	{"CertificateManagement", "Administer Manage"},
	{"Cns", "Searchable"},
	{"ComputePolicy", "Manage"},
	{"ContentLibrary", "AddCertToTrustStore AddLibraryItem AddSubscription CheckInTemplate CheckOutTemplate CreateLocalLibrary " +
		"CreateSubscribedLibrary DeleteCertFromTrustStore DeleteLibraryItem DeleteLocalLibrary DeleteSubscribedLibrary " +
		"DeleteSubscription DownloadSession EvictLibraryItem EvictSubscribedLibrary GetConfiguration ImportStorage " +
		"ManageClusterRegistryResource ManageRegistry ManageRegistryProject MigrateLibrary ProbeSubscription " +
		"PublishLibrary PublishLibraryItem ReadStorage SyncLibrary SyncLibraryItem TypeIntrospection " +
		"UpdateConfiguration UpdateLibrary UpdateLibraryItem UpdateLocalLibrary UpdateSession UpdateSubscribedLibrary " +
		"UpdateSubscription"},
	{"Cryptographer", "Access AddDisk Clone Decrypt Encrypt EncryptNew ManageEncryptionPolicy ManageKeyServers ManageKeys Migrate " +
		"ReadKeyServersInfo Recrypt RegisterHost RegisterVM"},
	{"DVPortgroup", "Create Delete Modify PolicyOp ScopeOp"},
	{"DVSwitch", "Create Delete HostOp Modify Move PolicyOp PortConfig PortSetting ResourceManagement Vspan"},
	{"Datacenter", "Create Delete IpPoolConfig IpPoolQueryAllocations IpPoolReleaseIp Move Reconfigure Rename UpdateCarbonInfo"},
	{"Datastore", "AllocateSpace Browse Config ConfigIOManagement Delete DeleteFile FileManagement Move Rename " +
		"UpdateVirtualMachineFiles UpdateVirtualMachineMetadata"},
	{"DirectPathProfileManager", "Manage"},
	{"EAM", "Config Modify View"},
	{"Extension", "Register Unregister Update"},
	{"ExternalStatsProvider", "Register Unregister Update"},
	{"Folder", "Create Delete ExternalFolderManagement Move Rename"},
	{"Global", "CancelTask CapacityPlanning Diagnostics DisableMethods EnableMethods GlobalTag Health Licenses LogEvent " +
		"ManageCustomFields Proxy ScriptAction ServiceManagers SetCustomField Settings SystemTag VCServer"},
	{"GuestDataPublisher", "GetData"},
	{"HLM", "Create Manage"},
	{"HealthUpdateProvider", "Register Unregister Update"},
	{"Host.Cim", "CimInteraction"},
	{"Host.Config", "AdvancedConfig AuthenticationStore AutoStart Connection DateTime Firmware GuestStore HyperThreading Image " +
		"Maintenance Memory NetService Network Nvdimm Patch PciPassthru Power ProductLocker Quarantine Resources " +
		"Settings Snmp Storage SystemFirewallRuleSet SystemManagement"},
	{"Host.Entropy", "Read Write"},
	{"Host.Hbr", "HbrDaemonManagement HbrManagement"},
	{"Host.Inventory", "AddHostToCluster AddStandaloneHost CreateCluster DeleteCluster EditCluster ManageClusterLifecyle MoveCluster " +
		"MoveHost RemoveHostFromCluster RenameCluster"},
	{"Host.Local", "CreateVM DeleteVM InstallAgent ManageUserGroups ReconfigVM"},
	{"Host.Sgx", "Register"},
	{"Host.Stats", "Query"},
	{"Host.Tpm", "Read Unseal"},
	{"Infraprofile", "Read Write"},
	{"IntercomNamespace", "Read Write"},
	{"InventoryService.Tagging", "AttachTag CreateCategory CreateTag DeleteCategory DeleteTag EditCategory EditTag ModifyUsedByForCategory " +
		"ModifyUsedByForTag ObjectAttachable"},
	{"Namespaces", "Backup Configure ListAccess Manage ManageCapabilities ManageDisks SelfServiceManage Upgrade"},
	{"Network", "Assign Config Delete Move"},
	{"Nsx", "Manage ModifyAll Read"},
	{"Observability", "Admin"},
	{"Observability.StatsProvider", "Manage"},
	{"OvfManager", "OvfConsumerAccess"},
	{"PartnerRestDaemon", "Read Write"},
	{"Performance", "ModifyIntervals"},
	{"Plugin", "Management"},
	{"Profile", "Clear Create Delete Edit Export View"},
	{"ReplicationService", "Administer"},
	{"Resource", "ApplyRecommendation AssignVAppToPool AssignVMToPool ColdMigrate CreatePool DeletePool EditPool HotMigrate " +
		"MovePool QueryVMotion RenamePool"},
	{"ScheduledTask", "Create Delete Edit Run"},
	{"ServiceAccount", "Administer ManageAccount ManagePassword"},
	{"Sessions", "CollectPrivilegeChecks GlobalMessage ImpersonateUser TerminateSession ValidateSession"},
	{"SettingsStore", "Manage"},
	{"StoragePod", "Config"},
	{"StorageProfile", "Apply Update View ViewPermissions"},
	{"StorageViews", "ConfigureService View"},
	{"SupervisorServices", "Install Manage"},
	{"System", "Anonymous Read View"},
	{"Task", "Create Update"},
	{"TenantManager", "Query Update"},
	{"TransferService", "Manage Monitor"},
	{"Trust", "Administer Manage"},
	{"TrustedAdmin", "ConfigureHostCertificates ConfigureHostMetadata ConfigureTokenConversionPolicy ManageAttestingSSO " +
		"ManageKMSTrust ManageTrustedHosts ReadAttestingSSO ReadKMSTrust ReadStsInfo ReadTrustedHosts " +
		"RetrieveHostMetadata RetrieveTPMHostCertificates"},
	{"VApp", "ApplicationConfig AssignResourcePool AssignVApp AssignVM Clone Create Delete Export ExtractOvfEnvironment " +
		"Import InstanceConfig ManagedByConfig Move PowerOff PowerOn PullFromUrls Rename ResourceConfig Suspend " +
		"Unregister"},
	{"VcIdentityProviders", "Create Manage Read"},
	{"VcIntegrity.Baseline", "com.vmware.vcIntegrity.AssignBaselines com.vmware.vcIntegrity.ManageBaselines"},
	{"VcIntegrity.ClusterConfiguration", "Export Modify Remediate View"},
	{"VcIntegrity.FileUpload", "com.vmware.vcIntegrity.ImportFile"},
	{"VcIntegrity.General", "com.vmware.vcIntegrity.Configure"},
	{"VcIntegrity.HardwareCompatibility", "Read Write"},
	{"VcIntegrity.Updates", "com.vmware.vcIntegrity.Remediate com.vmware.vcIntegrity.Scan com.vmware.vcIntegrity.Stage " +
		"com.vmware.vcIntegrity.ViewStatus"},
	{"VcIntegrity.lifecycleDepots", "Delete"},
	{"VcIntegrity.lifecycleGeneral", "Read Write"},
	{"VcIntegrity.lifecycleHealth", "Read Write"},
	{"VcIntegrity.lifecycleSettings", "Read Write"},
	{"VcIntegrity.lifecycleSoftwareRemediation", "Read Write"},
	{"VcIntegrity.lifecycleSoftwareSpecification", "Read Write"},
	{"VcLifecycle", "Upgrade View"},
	{"VirtualMachine.Config", "AddExistingDisk AddNewDisk AddRemoveDevice AdvancedConfig Annotation CPUCount ChangeTracking DiskExtend " +
		"DiskLease EditDevice HostUSBDevice ManagedBy Memory MksControl QueryFTCompatibility QueryUnownedFiles " +
		"RawDevice ReloadFromPath RemoveDisk Rename ResetGuestInfo Resource Settings SwapPlacement ToggleForkParent " +
		"UpgradeVirtualHardware"},
	{"VirtualMachine.DataSets", "DataSetCreate DataSetDelete DataSetEntryDelete DataSetEntryGet DataSetEntryList DataSetEntrySet DataSetGet " +
		"DataSetList DataSetUpdate"},
	{"VirtualMachine.GuestOperations", "Execute Modify ModifyAliases Query QueryAliases"},
	{"VirtualMachine.Hbr", "ConfigureReplication MonitorReplication ReplicaManagement"},
	{"VirtualMachine.Interact", "AnswerQuestion Backup ConsoleInteract CreateScreenshot CreateSecondary DefragmentAllDisks DeviceConnection " +
		"DisableSecondary DnD EnableSecondary GuestControl MakePrimary Pause PowerOff PowerOn PutUsbScanCodes Record " +
		"Replay Reset SESparseMaintenance SetCDMedia SetFloppyMedia Suspend SuspendToMemory TerminateFaultTolerantVM " +
		"ToolsInstall TurnOffFaultTolerance"},
	{"VirtualMachine.Inventory", "Create CreateFromExisting Delete Move Register Unregister"},
	{"VirtualMachine.Namespace", "Event EventNotify Management ModifyContent Query ReadContent"},
	{"VirtualMachine.Provisioning", "Clone CloneTemplate CreateTemplateFromVM Customize DeployTemplate DiskRandomAccess DiskRandomRead " +
		"FileRandomAccess GetVmFiles MarkAsTemplate MarkAsVM ModifyCustSpecs PromoteDisks PutVmFiles ReadCustSpecs"},
	{"VirtualMachine.State", "CreateSnapshot RemoveSnapshot RenameSnapshot RevertToSnapshot"},
	{"VirtualMachineClasses", "Manage"},
	{"Vsan.Cluster", "ShallowRekey"},
	{"Zone", "Manage ObjectAttachable"},
	{"vSANStats", "Access"},
	{"vService", "CreateDependency DestroyDependency ReconfigureDependency UpdateDependency"},
	{"vSphereClient", "UtilizeVerificationCode"},
	{"vSphereDataProtection", "Protection Recovery"},
	{"vStats", "CollectAny QueryAny Settings"},
}

// allPrivileges and their numbers, by which sets have them, are in the order of identifiers.
var allPrivileges, privilegeNumbers = func() (all []Privilege, numbers map[Privilege]int) {
	for _, g := range privilegeGroups {
		for name := range strings.FieldsSeq(g.names) {
			all = append(all, Privilege(g.group+"."+name))
		}
	}
	slices.Sort(all)
	numbers = make(map[Privilege]int, len(all))
	for i, p := range all {
		numbers[p] = i
	}
	return all, numbers
}()

// Privileges returns every privilege that there is, in the order of identifiers.
func Privileges() []Privilege { return slices.Clone(allPrivileges) }

// Known reports whether the privilege is one of Privileges.
func (p Privilege) Known() bool { _, ok := privilegeNumbers[p]; return ok }

// Group returns the group of a privilege, by vSphere's identifier: "VirtualMachine.Config".
func (p Privilege) Group() string {
	for _, g := range privilegeGroups {
		if name, ok := strings.CutPrefix(string(p), g.group+"."); ok && slices.Contains(strings.Fields(g.names), name) {
			return g.group
		}
	}
	return ""
}

// Name returns the privilege without its group: "Rename".
func (p Privilege) Name() string { return strings.TrimPrefix(string(p), p.Group()+".") }

// MissingPrivilege is the cause of an error of kind Denied, for dialects that name both parts by themselves.
type MissingPrivilege struct {
	Privilege Privilege
	// On is the object on which the caller does not have it.
	On ID
}

func (e *MissingPrivilege) Error() string {
	return "the privilege " + string(e.Privilege) + " is missing"
}

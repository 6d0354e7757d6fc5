package dc

// FoundMachine is a machine that a host has found in a folder of a datastore: by its .vmx, and its disks by their descriptors.
type FoundMachine struct {
	// Name is "" where the .vmx gives none.
	Name       string `json:"name,omitempty"`
	Annotation string `json:"annotation,omitempty"`
	// Folder is its folder on the datastore, and Config the name of the .vmx in it.
	Folder string `json:"folder"`
	Config string `json:"config"`
	// Hardware has the disks with their capacities and provisioning. Its adapters have no port groups, UUIDs and addresses may be
	// missing, and the datastore of media is what the .vmx calls it, or "" where the file lies in the folder.
	Hardware Hardware `json:"hardware"`
	// Networks are the names of the networks that the adapters are on, by the adapters' keys.
	Networks map[int32]string `json:"networks,omitempty"`
	// Owner is the machine whose mark the files have, or "".
	Owner VirtualMachineID `json:"owner,omitempty"`
	// Identity is what the .vmx says to do when it was moved or copied, or "" where somebody is to be asked.
	Identity RegisterIdentity `json:"identity,omitempty"`
}

// RegisterIdentity says whose identity a machine has that is registered from files: vSphere's question whether they were moved or
// copied.
type RegisterIdentity string

// The answers. The empty one is moved, and is refused where that is in doubt.
const (
	IdentityMoved  RegisterIdentity = "moved"  // it keeps its UUIDs and addresses
	IdentityCopied RegisterIdentity = "copied" // it gets new ones
)

// CheckRegisterIdentity returns an error of kind Invalid for another answer.
func CheckRegisterIdentity(i RegisterIdentity) error {
	switch i {
	case "", IdentityMoved, IdentityCopied:
		return nil
	}
	return Errorf(Invalid, "the files were neither moved nor copied but %q", i).Fix("say moved or copied, or nothing")
}

// Registration says that a machine's files were there before the machine: its host takes them over, and makes none.
type Registration struct {
	// Owner is the machine whose mark the files had when they were found, or "". The host takes over no others.
	Owner VirtualMachineID `json:"owner,omitempty"`
}

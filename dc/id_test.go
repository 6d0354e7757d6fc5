package dc

import (
	"strings"
	"testing"
)

func TestNewIDAndKindAgree(t *testing.T) {
	seen := map[ID]Kind{}
	for _, kind := range Kinds() {
		for _, suffix := range []string{"0123456789ab", "root", "c", strings.Repeat("z", 32)} {
			id := NewID(kind, suffix)
			if got := id.Kind(); got != kind {
				t.Errorf("NewID(%s, %q) = %q, whose kind is %q", kind, suffix, id, got)
			}
			if other, ok := seen[id]; ok {
				t.Errorf("%s and %s share the ID %q", kind, other, id)
			}
			seen[id] = kind
		}
	}
	if RootFolder := ID(RootFolder); RootFolder.Kind() != KindFolder {
		t.Errorf("the root folder's ID %q is of kind %q", RootFolder, RootFolder.Kind())
	}
}

func TestNewIDPanicsOnAnUnknownKind(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewID("Planet", "1")
}

func TestKindOfStringsThatAreNoIDs(t *testing.T) {
	for _, id := range []ID{"", "vm-", "vm", "VM-1", "vm-A", "vm-1/2", "vm-..", "vm-1 ", "planet-1", "hello",
		ID("vm-" + strings.Repeat("0", 33)), "vm-é"} {
		if got := id.Kind(); got != "" {
			t.Errorf("%q is of kind %q, want none", id, got)
		}
	}
}

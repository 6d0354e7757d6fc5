package dc

import "testing"

func TestContentOf(t *testing.T) {
	vm, key, ok := ParseContent(ContentOf("vm-12", 2000))
	if vm != "vm-12" || key != 2000 || !ok {
		t.Errorf("got %s, %d, %v", vm, key, ok)
	}
	for _, s := range []string{"", "vm-12", "vm-12/", "/2000", "host-1/2000", "vm-12/-1", "vm-12/02000", "vm-12/2000/1", "vm-12/99999999999", "sha256:00"} {
		if _, _, ok := ParseContent(s); ok {
			t.Errorf("%q is none", s)
		}
	}
}

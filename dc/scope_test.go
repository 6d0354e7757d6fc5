package dc

import (
	"maps"
	"slices"
	"testing"
)

func TestNarrow(t *testing.T) {
	for _, tt := range []struct {
		name  string
		scope TokenScope
		on    ID
		want  string
	}{
		{"no scope", TokenScope{}, "vm-1", "off on"},
		{"a role", TokenScope{Roles: []RoleID{"role-on"}}, "vm-1", "on"},
		{"roles and privileges unite", TokenScope{Roles: []RoleID{"role-on"}, Privileges: []Privilege{letters["off"]}}, "vm-1", "off on"},
		{"what the owner may not", TokenScope{Roles: []RoleID{"role-reset"}}, "vm-1", "view"},
		{"a role that is gone", TokenScope{Roles: []RoleID{"role-gone"}}, "vm-1", "view"},
		{"the object", TokenScope{Objects: []ID{"vm-1"}}, "vm-1", "off on"},
		{"below the object, by the folder", TokenScope{Objects: []ID{"web"}}, "vm-1", "off on"},
		{"below the object, by the pool", TokenScope{Objects: []ID{"pool"}}, "vm-1", "off on"},
		{"above the object", TokenScope{Objects: []ID{"vm-1"}}, "dc", "view"},
		{"beside the object", TokenScope{Objects: []ID{"vm-1"}}, "ds", ""},
		{"an object that is gone", TokenScope{Objects: []ID{"vm-9"}}, "vm-1", ""},
		{"role and object", TokenScope{Roles: []RoleID{"role-off"}, Objects: []ID{"web"}}, "vm-1", "off"},
		{"role and object, beside", TokenScope{Roles: []RoleID{"role-off"}, Objects: []ID{"web"}}, "ds", ""},
	} {
		narrow := rulesOf(permissions("root usergroup-a on", "root usergroup-b off")).Of(&User{ID: "user-bob"}, treeParents).Narrow(tt.scope)
		for range 2 { // the second time from memory
			if got := spell(narrow.On(tt.on)); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
		}
	}
}

// TestNarrowGivesNothing walks scopes of every pair of objects and every role: none gives what the owner does not have, and only what
// stands below its objects is more than visible.
func TestNarrowGivesNothing(t *testing.T) {
	given := permissions("root user-bob on", "pool usergroup-a reset", "ds user-bob noaccess")
	entities := slices.Sorted(maps.Keys(tree))
	for _, first := range entities {
		for _, second := range entities {
			for _, role := range []RoleID{"role-on", "role-reset", RoleAdmin} {
				owner := rulesOf(given).Of(&User{ID: "user-bob"}, treeParents)
				narrow := rulesOf(given).Of(&User{ID: "user-bob"}, treeParents).Narrow(TokenScope{Roles: []RoleID{role}, Objects: []ID{first, second}})
				for _, on := range entities {
					got := narrow.On(on)
					if more := got.Without(owner.On(on)).Privileges(); len(more) > 0 {
						t.Fatalf("%s on %s and %s gives %v on %s", role, first, second, more, on)
					}
					inside := on == first || on == second || under(on, first) || under(on, second)
					if !inside && got.Without(NewPrivilegeSet(PrivView)) != (PrivilegeSet{}) {
						t.Fatalf("%s on %s and %s gives %v on %s", role, first, second, got.Privileges(), on)
					}
				}
			}
		}
	}
}

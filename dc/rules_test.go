package dc

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// The inventory of the rules' tests: root / dc / vms / web / vm-1, and root / dc / hosts / cluster / pool, from which vm-1 draws.
var tree = map[ID][2]ID{
	"root": {}, "dc": {"root"}, "vms": {"dc"}, "web": {"vms"}, "hosts": {"dc"}, "cluster": {"hosts"}, "pool": {"cluster"},
	"vm-1": {"web", "pool"}, "ds": {"dc"},
}

func treeParents(id ID) (first, second ID) { return tree[id][0], tree[id][1] }

// The roles of the rules' tests, each of one letter and the privilege that it has besides System.View.
var letters = map[string]Privilege{"on": PrivVMPowerOn, "off": PrivVMPowerOff, "reset": PrivVMReset}

func letterRoles() []*Role {
	var all []*Role
	for _, name := range slices.Sorted(maps.Keys(letters)) {
		all = append(all, &Role{ID: RoleID("role-" + name), Privileges: []Privilege{PrivView, letters[name]}})
	}
	return all
}

// permission is written as "entity principal role", with "!" behind it where it does not propagate.
func permission(s string) *Permission {
	p := &Permission{Propagate: s[len(s)-1] != '!'}
	var role string
	fmt.Sscan(s, (*string)(&p.Entity), (*string)(&p.Principal), &role)
	if !p.Propagate {
		role = role[:len(role)-1]
	}
	p.Role = RoleID("role-" + role)
	return p
}

func permissions(all ...string) []*Permission {
	var out []*Permission
	for _, s := range all {
		out = append(out, permission(s))
	}
	return out
}

// members are the groups of the rules' tests: bob is in a and in b, which is in c.
var members = []*Group{{ID: "usergroup-a", Members: []ID{"user-bob"}}, {ID: "usergroup-b", Members: []ID{"user-bob", "user-eve"}},
	{ID: "usergroup-c", Members: []ID{"usergroup-b"}}}

func rulesOf(all []*Permission) *Rules {
	return NewRules(slices.Values(letterRoles()), slices.Values(all), slices.Values(members))
}

func TestRules(t *testing.T) {
	for _, tt := range []struct {
		name        string
		permissions []string
		on          ID
		want        string // of the letters, and "view" for what is only visible
	}{
		{"nothing", nil, "vm-1", ""},
		{"somebody else's", []string{"root user-eve on"}, "vm-1", ""},
		{"inherited from the root", []string{"root user-bob on"}, "vm-1", "on"},
		{"on the object itself", []string{"vm-1 user-bob on!"}, "vm-1", "on"},
		{"without propagation, below", []string{"web user-bob on!"}, "vm-1", ""},
		{"without propagation, here", []string{"web user-bob on!"}, "web", "on"},
		{"the nearer one counts", []string{"root user-bob on", "web user-bob off", "pool user-bob off"}, "vm-1", "off"},
		{"the nearer one counts, a group's", []string{"dc user-bob on", "web usergroup-a off", "pool usergroup-a off"}, "vm-1", "off"},
		{"one that does not propagate hides none", []string{"root user-bob on", "dc user-bob off!"}, "vm-1", "on"},
		{"the object's own comes before both chains", []string{"web user-bob on", "pool user-bob off", "vm-1 user-bob reset"}, "vm-1", "reset"},
		{"a user's own comes before his groups'", []string{"dc user-bob on", "dc usergroup-a off"}, "vm-1", "on"},
		{"a user's own that does not propagate does not, below", []string{"dc user-bob on!", "dc usergroup-a off"}, "vm-1", "off"},
		{"groups unite", []string{"dc usergroup-a on", "dc usergroup-b off"}, "vm-1", "off on"},
		{"groups in groups", []string{"dc usergroup-c reset"}, "vm-1", "reset"},
		{"groups at different heights do not unite", []string{"dc usergroup-a on", "vms usergroup-b off", "hosts usergroup-b off"}, "vm-1", "off"},
		{"the folder or the pool", []string{"web user-bob on", "cluster user-bob off"}, "vm-1", "off on"},
		{"the pool alone", []string{"pool user-bob on"}, "vm-1", "on"},
		{"no access here", []string{"root user-bob on", "vm-1 user-bob noaccess"}, "vm-1", ""},
		{"no access in the folder alone", []string{"root user-bob on", "web user-bob noaccess"}, "vm-1", "on"},
		{"no access in folder and pool", []string{"root user-bob on", "web user-bob noaccess", "pool user-bob noaccess"}, "vm-1", ""},
		{"no access for a group, unites", []string{"dc usergroup-a noaccess", "dc usergroup-b on"}, "vm-1", "on"},
		{"a role that is gone", []string{"root user-bob on", "dc user-bob gone"}, "vm-1", ""},
		{"what is above is visible", []string{"vm-1 user-bob on"}, "dc", "view"},
		{"what is above is visible, by the pool", []string{"vm-1 user-bob on"}, "cluster", "view"},
		{"what is beside is not", []string{"vm-1 user-bob on"}, "ds", ""},
		{"what is above something without access is not", []string{"vm-1 user-bob noaccess"}, "dc", ""},
		{"what is above is visible though there is no access", []string{"dc user-bob noaccess", "web user-bob on"}, "dc", "view"},
	} {
		rights := rulesOf(permissions(tt.permissions...)).Of(&User{ID: "user-bob"}, treeParents)
		for range 2 { // the second time from memory
			if got := spell(rights.On(tt.on)); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
		}
	}
}

// spell returns the letters of a set.
func spell(s PrivilegeSet) (out string) {
	for _, name := range slices.Sorted(maps.Keys(letters)) {
		if s.Has(letters[name]) {
			out += " " + name
		}
	}
	if out == "" && s.Has(PrivView) {
		return "view"
	}
	return fmt.Sprint(out)[min(1, len(out)):]
}

// obvious is the rule in as few words as possible: no sets, no memory.
func obvious(all []*Permission, mine []ID, on ID, p Privilege, below bool) bool {
	if on == "" {
		return false
	}
	grants := func(user bool) (any, granted bool) {
		for _, perm := range all {
			if perm.Entity != on || below && !perm.Propagate || !slices.Contains(mine, perm.Principal) || (perm.Principal == mine[0]) != user {
				continue
			}
			any = true
			for _, r := range append(letterRoles(), systemRoles...) {
				granted = granted || r.ID == perm.Role && slices.Contains(r.Privileges, p)
			}
		}
		return any, granted
	}
	if any, granted := grants(true); any {
		return granted
	}
	if any, granted := grants(false); any {
		return granted
	}
	return obvious(all, mine, tree[on][0], p, true) || obvious(all, mine, tree[on][1], p, true)
}

// TestRulesAgree compares the rules with the obvious ones, for permissions by chance.
func TestRulesAgree(t *testing.T) {
	pick := rand.New(rand.NewPCG(1, 2))
	entities := slices.Sorted(maps.Keys(tree))
	principals := []ID{"user-bob", "user-eve", "usergroup-a", "usergroup-b", "usergroup-c"}
	roles := []RoleID{"role-on", "role-off", "role-reset", RoleNoAccess, RoleReadOnly, "role-gone"}
	groups := map[UserID][]ID{"user-bob": {"user-bob", "usergroup-a", "usergroup-b", "usergroup-c"}, "user-eve": {"user-eve", "usergroup-b", "usergroup-c"}}
	checked, granted := 0, 0
	for range 3000 {
		given := map[[2]ID]*Permission{}
		for range pick.IntN(9) {
			p := &Permission{Entity: entities[pick.IntN(len(entities))], Principal: principals[pick.IntN(len(principals))],
				Role: roles[pick.IntN(len(roles))], Propagate: pick.IntN(3) > 0}
			given[[2]ID{p.Entity, p.Principal}] = p
		}
		all := slices.Collect(maps.Values(given))
		rules := rulesOf(all)
		for user, mine := range groups {
			rights := rules.Of(&User{ID: user}, treeParents)
			for _, on := range entities {
				visible := false // something at or below it
				for _, p := range all {
					if slices.Contains(mine, p.Principal) && obvious(all, mine, p.Entity, PrivView, false) && under(p.Entity, on) {
						visible = true
					}
				}
				for _, p := range []Privilege{PrivView, PrivRead, PrivVMPowerOn, PrivVMPowerOff, PrivVMReset, PrivVMCreate} {
					want := obvious(all, mine, on, p, false) || p == PrivView && visible
					if got := rights.On(on).Has(p); got != want {
						t.Fatalf("%s %s on %s: %v, want %v, of %v", user, p, on, got, want, spellAll(all))
					}
					checked++
					if want {
						granted++
					}
				}
			}
		}
	}
	if granted < checked/10 || granted > checked/2 {
		t.Errorf("%d of %d were granted: too one-sided to say anything", granted, checked)
	}
}

// under reports whether id stands below above.
func under(id, above ID) bool {
	return id != "" && (tree[id][0] == above || tree[id][1] == above || under(tree[id][0], above) || under(tree[id][1], above))
}

func spellAll(all []*Permission) (out []string) {
	for _, p := range all {
		out = append(out, fmt.Sprintf("%s %s %s %v", p.Entity, p.Principal, p.Role, p.Propagate))
	}
	return out
}

func TestPrivileges(t *testing.T) {
	all := Privileges()
	if len(all) < 350 || len(all) > 512 || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("%d privileges, some twice or out of order", len(all))
	}
	for _, p := range all {
		if p.Group() == "" || p.Group()+"."+p.Name() != string(p) || !NewPrivilegeSet(p).Has(p) {
			t.Errorf("%s is %s in %s", p, p.Name(), p.Group())
		}
	}
	if set := NewPrivilegeSet(all...); !slices.Equal(set.Privileges(), all) || NewPrivilegeSet("No.Such").Has("No.Such") {
		t.Error("a set of all is not all")
	}
	for _, p := range []Privilege{PrivView, PrivVMCreate, PrivVMPowerOn, PrivUsers, PrivRoles, PrivBackup, PrivImageCreate, PrivHostConnection} {
		if !p.Known() {
			t.Errorf("%s is asked for, and no role can have it", p)
		}
	}
}

func TestRoleEverywhere(t *testing.T) {
	for _, tt := range []struct {
		role         RoleID
		view, create bool
	}{{RoleAdmin, true, true}, {RoleReadOnly, true, false}, {RoleNoAccess, false, false}, {"", false, false}, {"role-other", false, false}} {
		set := RoleEverywhere(tt.role).On("vm-1")
		if set.Has(PrivView) != tt.view || set.Has(PrivVMCreate) != tt.create {
			t.Errorf("%q grants the wrong things", tt.role)
		}
	}
}

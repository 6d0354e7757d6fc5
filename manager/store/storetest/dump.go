package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

var dumpTests = []test{
	{"a dump has every key, with its value and revision", func(b *bench) {
		b.put(folder("group-a", "", "a"), vm("vm-b", "group-a", "web"))
		if err := update(b.Store, b.ctx, "vm-b", func(v *dc.VirtualMachine) { v.Name = "web2" }); err != nil {
			b.Fatal(err)
		}
		if _, err := b.TakeFence(b.ctx, "manager"); err != nil {
			b.Fatal(err)
		}
		d := b.dump()
		values := map[string]string{}
		for _, e := range d.Entries {
			values[e.Key] = string(e.Value)
		}
		for key, want := range map[string]string{
			"claim/" + dc.NameClaim("", "a"): "group-a", "claim/" + dc.NameClaim("group-a", "web2"): "vm-b", "fence/manager": "taken",
		} {
			if values[key] != want {
				b.Errorf("%s is %q, want %q", key, values[key], want)
			}
		}
		for _, key := range []string{"format", "object/Folder/group-a", "object/VirtualMachine/vm-b"} {
			if values[key] == "" {
				b.Errorf("there is no %s in %q", key, slices.Sorted(maps.Keys(values)))
			}
		}
		if d.Revision != b.View().Revision() {
			b.Errorf("it is of revision %d, want the view's, %d", d.Revision, b.View().Revision())
		}
		i := slices.IndexFunc(d.Entries, func(e store.Entry) bool { return e.Key == "object/VirtualMachine/vm-b" })
		if got, want := d.Entries[i].Revision, get[*dc.VirtualMachine](b, "vm-b").Revision; got != want {
			b.Errorf("the machine's revision is %d, want %d", got, want)
		}
		if !slices.IsSortedFunc(d.Entries, func(x, y store.Entry) int { return strings.Compare(x.Key, y.Key) }) {
			b.Error("it is not in the order of keys")
		}
	}},
	{"what is done to a dump changes nothing", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		for _, e := range b.dump().Entries {
			clear(e.Value)
		}
		if err := update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Name += "2" }); err != nil {
			b.Fatal(err)
		}
		if f := get[*dc.Folder](b, "group-a"); f.Name != "a2" {
			b.Errorf("it is called %q, want a2", f.Name)
		}
		for _, e := range b.dump().Entries {
			if e.Value[0] == 0 {
				b.Errorf("%s has lost its value", e.Key)
			}
		}
	}},
	{"a dump under writers is of one moment", func(b *bench) {
		const writers = 4
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for w := range writers {
			b.put(vm(vmID(w), "", fmt.Sprint(w, " ", 0)))
			wg.Go(func() {
				for n := 1; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := update(b.Store, b.ctx, dc.ID(vmID(w)), func(v *dc.VirtualMachine) { v.Name = fmt.Sprint(w, " ", n) }); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		for range 20 {
			since := b.View().Revision()
			d := b.dump()
			if d.Revision < since {
				b.Errorf("a dump of revision %d after a view of %d", d.Revision, since)
			}
			checkClaims(b.T, d)
		}
		close(stop)
		wg.Wait()
	}},
	{"a closed store has no dump", func(b *bench) {
		b.Close()
		_, err := b.Dump(b.ctx)
		b.wantKind(err, dc.Unavailable)
	}},
}

// dump makes a dump, which must succeed.
func (b *bench) dump() store.Dump {
	b.Helper()
	d, err := b.Dump(b.ctx)
	if err != nil {
		b.Fatalf("Dump: %v", err)
	}
	return d
}

// checkClaims checks that the claims of a dump are those of its objects: what one transaction wrote, it has whole.
func checkClaims(t *testing.T, d store.Dump) {
	t.Helper()
	want, got := map[string]dc.ID{}, map[string]dc.ID{}
	for _, e := range d.Entries {
		obj, err := e.Object()
		if err != nil {
			t.Error(err)
		}
		if obj != nil {
			for _, claim := range obj.Claims() {
				want[claim] = obj.Identity()
			}
		}
		if claim, ok := strings.CutPrefix(e.Key, "claim/"); ok {
			got[claim] = dc.ID(e.Value)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the claims of revision %d are %v, those of its objects %v", d.Revision, got, want)
	}
}

package check

import (
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

// TestReads compares the view of a store with an inventory that differs from it in one thing.
func TestReads(t *testing.T) {
	for _, test := range []struct {
		name   string
		differ func(inv *inventory)
		found  bool
		// passes is set where the difference may be one of two moments.
		passes bool
	}{
		{"the same", func(*inventory) {}, false, false},
		{"one is not to be seen", func(inv *inventory) { inv.objects["user-3"] = &dc.User{ID: "user-3"} }, true, false},
		{"one is not to be seen later", func(inv *inventory) {
			inv.objects["user-3"] = &dc.User{ID: "user-3"}
			inv.revision--
		}, true, true},
		{"one is seen and gone", func(inv *inventory) { delete(inv.objects, "user-1") }, true, false},
		{"one is new", func(inv *inventory) {
			delete(inv.objects, "user-2")
			inv.revision--
		}, false, false},
		{"one is seen as it was", func(inv *inventory) { inv.objects["user-1"].Metadata().Revision++ }, true, false},
		{"one is seen otherwise", func(inv *inventory) { inv.objects["user-1"].Metadata().Name = "other" }, true, false},
		{"one is seen as it became", func(inv *inventory) {
			inv.objects["user-2"].Metadata().Revision--
			inv.revision--
		}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := store.OpenMemory()
			defer st.Close()
			for _, id := range []dc.UserID{"user-1", "user-2"} {
				err := st.Change(t.Context(), func(tx *store.Tx) error {
					tx.Put(&dc.User{ID: id, Meta: dc.Meta{Name: string(id)}})
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			d, err := st.Dump(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c := newCollector()
			inv := readInventory(d, c)
			test.differ(inv)
			checkReads(inv, st.View(), c)
			if c.examined[Reads] == 0 {
				t.Error("nothing was examined")
			}
			if found := len(c.findings) == 1; found != test.found || len(c.findings) > 1 {
				t.Fatalf("found %v", c.findings)
			}
			for f := range c.findings {
				if f.Promise != Reads || f.passing != test.passes {
					t.Errorf("found %+v", f)
				}
			}
		})
	}
}

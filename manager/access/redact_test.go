package access_test

import (
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

func TestShown(t *testing.T) {
	st, s := open(t)
	web := root(t, st)
	create(t, s, "boss", dc.RoleAdmin)
	create(t, s, "bob", "")
	_, boss := login(t, s, "boss")
	_, bob := login(t, s, "bob")
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Datacenter{ID: "datacenter-1", Meta: dc.Meta{Name: "Datacenter", Parent: dc.ID(dc.RootFolder)}})
		tx.Put(&dc.Folder{ID: "group-secret", Meta: dc.Meta{Name: "secret", Parent: dc.ID(dc.RootFolder)}})
		tx.Put(&dc.Folder{ID: "group-ds", Meta: dc.Meta{Name: "datastore", Parent: "datacenter-1"}, Type: dc.FolderDatastore})
		tx.Put(&dc.Host{ID: "host-123456789012", Meta: dc.Meta{Name: "alpha", Parent: "datacenter-1"}})
		tx.Put(&dc.Host{ID: "host-2", Meta: dc.Meta{Name: "alpha two", Parent: web}})
		tx.Put(&dc.PortGroup{ID: "network-1", Meta: dc.Meta{Name: "VM Network", Parent: "datacenter-1"}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPermission(t.Context(), boss, dc.Permission{Entity: web, Principal: dc.ID(bob.User), Role: dc.RoleReadOnly, Propagate: true}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                           "",
		"nothing to hide":                            "nothing to hide",
		"created on alpha":                           "created on …",
		"alpha: it is away; alpha.":                  "…: it is away; ….",
		"alphabet, alpha-1, an_alpha and 1alpha":     "alphabet, alpha-1, an_alpha and 1alpha",
		"[alpha] x/alpha.vmx":                        "[…] x/….vmx",
		"(alpha)":                                    "(…)",
		"on alpha two, not alpha":                    "on alpha two, not …", // the first of which he sees
		"on VM Network":                              "on …",
		`host "alpha" and folder "web"`:              `host "…" and folder "web"`,
		`host "long gone" and user "eve"`:            `host "…" and user "eve"`,
		`virtual machine "mine \"and\" only mine"`:   `virtual machine "…"`,
		`virtual machine "own"`:                      `virtual machine "own"`,
		"host-123456789012 is away, host-999 is not": "… is away, host-999 is not",
		`the datastore, host ""`:                     `the datastore, host ""`, // a folder of that name is nobody's secret
		`host "host-2"`:                              `host "host-2"`,
		"größer als alpha…":                          "größer als ……",
		"\xffalpha\xff":                              "\xff…\xff",
	} {
		got, err := s.ShownText(bob, text, "own")
		if err != nil || got != want {
			t.Errorf("%q is shown as %q, want %q, %v", text, got, want, err)
		}
		if got, _ := s.ShownText(boss, text, "own"); got != text {
			t.Errorf("%q is shown to an administrator as %q", text, got)
		}
	}
	f := dc.Failure{Kind: dc.WrongState, Object: `host "alpha"`, Message: "alpha has VM Network", Remedy: "look at alpha two"}
	if got, err := s.ShownFailure(bob, &f, []string{"VM Network"}); err != nil || *got != (dc.Failure{Kind: dc.WrongState, Object: `host "…"`, Message: "… has VM Network", Remedy: "look at alpha two"}) {
		t.Errorf("the failure is shown as %+v, %v", got, err)
	}
	o := &dc.Task{Target: web, TargetName: "web", Results: []dc.TaskResult{{Name: "alpha two", Failure: &f}}}
	shown, err := s.Shown(bob)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(o).(*dc.Task).Results[0].Failure; got.Object != `host "…"` || o.Results[0].Failure.Object != `host "alpha"` {
		t.Errorf("the result is shown as %+v", got)
	}
	// An administrator who is shut out of one folder knows everything else.
	if err := s.SetPermission(t.Context(), boss, dc.Permission{Entity: "group-secret", Principal: dc.ID(boss.User), Role: dc.RoleNoAccess, Propagate: true}); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.ShownText(boss, "alpha in secret", ""); got != "alpha in …" {
		t.Errorf("an administrator with a folder that he may not see is shown %q", got)
	}

	shown, err = s.Shown(bob)
	if err != nil {
		t.Fatal(err)
	}
	task := &dc.Task{ID: "task-1", TargetName: "alpha", Failure: &dc.Failure{Kind: dc.Exhausted, Object: `host "alpha"`, Message: "on alpha and VM Network", Remedy: "see secret"}}
	got := shown(task).(*dc.Task).Failure
	if *got != (dc.Failure{Kind: dc.Exhausted, Object: `host "alpha"`, Message: "on alpha and …", Remedy: "see …"}) || task.Failure.Remedy != "see secret" {
		t.Errorf("%+v of %+v", got, task.Failure)
	}
	event := &dc.Event{ID: "event-1", Message: "quiet"}
	if shown(event) != dc.Object(event) {
		t.Error("an event that hides nothing is a copy")
	}
}

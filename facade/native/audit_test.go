package native

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
	"hanok/dc"
	"hanok/manager/audit"
)

// TestNothingChangesUnaudited sees that a call that changes something is not carried out while the audit log can't be written, and
// that calls which only read, or help against a full disk, are.
func TestNothingChangesUnaudited(t *testing.T) {
	f := serve(t, Backend{})
	if err := f.server.service.Audit.(*audit.Service).Close(); err != nil {
		t.Fatal(err)
	}
	users := hanokv1connect.NewUserServiceClient(f.http.Client(), f.http.URL)
	ctx, _ := f.context(t)
	_, err := users.CreateUser(ctx, &hanokv1.CreateUserRequest{Name: "bob", Password: password})
	if e := convert.FromError(err); dc.KindOf(e) != dc.Exhausted || !strings.Contains(e.Error(), "the audit log") {
		t.Errorf("a call that changes something: %v", e)
	}
	res, err := users.ListUsers(ctx, &hanokv1.ListUsersRequest{})
	if err != nil || len(res.Users) != 1 {
		t.Errorf("users %v, %v", res, err)
	}
	sessions := hanokv1connect.NewSessionServiceClient(f.http.Client(), f.http.URL)
	if _, err := sessions.Login(t.Context(), &hanokv1.LoginRequest{Username: user, Password: password}); err != nil {
		t.Errorf("a login: %v", err)
	}
	if _, err := sessions.Logout(ctx, &hanokv1.LogoutRequest{}); err != nil {
		t.Errorf("a logout: %v", err)
	}
}

// TestPathsAreAudited sees that the calls that are no procedures are in the audit log, too.
func TestPathsAreAudited(t *testing.T) {
	f := serve(t, Backend{})
	for _, test := range []struct{ method, path, token, want string }{
		{http.MethodPut, "/files/ds/a/b", "guess", "PUT /files Unauthenticated datastore=ds path=a/b"},
		{http.MethodGet, "/files/ds/a", "guess", "GET /files Unauthenticated datastore=ds path=a"},
		{http.MethodPut, "/images/x?offset=-1", f.token, "PUT /images begun name=x"},
		{http.MethodPut, "/images/y?offset=-1", f.token, "PUT /images Invalid name=y"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, f.http.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+test.token)
		res, err := f.http.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		records, err := f.server.service.Audit.List(dc.System, dc.AuditQuery{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(records, func(r dc.AuditRecord) bool {
			line := r.Call + " " + string(r.Result)
			for _, name := range []string{"datastore", "name", "path"} {
				if v, ok := r.Objects[name]; ok {
					line += " " + name + "=" + v
				}
			}
			return line == test.want && r.From == "127.0.0.1"
		}) {
			t.Errorf("%s %s: %+v, want %q", test.method, test.path, records, test.want)
		}
	}
}

func TestObjects(t *testing.T) {
	got := objectsOf(&hanokv1.CreateUserRequest{Name: strings.Repeat("é", maxNaming), Password: password})
	if len(got) != 1 || len(got["name"]) > maxNaming || got["name"] != strings.Repeat("é", maxNaming/2) {
		t.Errorf("objects %q", got)
	}
	got = objectsOf(&hanokv1.ReconfigureVirtualMachineRequest{VirtualMachine: "web1", Change: &hanokv1.HardwareChange{
		SetMedia:   []*hanokv1.DriveMedia{{Key: 3000, File: "[datastore1] a.iso"}, {Key: 3001}},
		UpdateNics: []*hanokv1.NicChange{{Key: 4000, PortGroup: "backup", Type: "e1000"}}}})
	want := map[string]string{"virtual_machine": "web1", "change.set_media[0].file": "[datastore1] a.iso", "change.update_nics[0].port_group": "backup"}
	if !maps.Equal(got, want) {
		t.Errorf("objects %q, want %q", got, want)
	}
	many := &hanokv1.HardwareChange{}
	for range 1000 {
		many.AddNics = append(many.AddNics, &hanokv1.NewNic{PortGroup: "backup"})
	}
	if got := objectsOf(&hanokv1.ReconfigureVirtualMachineRequest{Change: many}); len(got) > maxNamed {
		t.Errorf("%d objects", len(got))
	}
}

package vsphere

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
)

// nobody is a data center that knows no user.
type nobody struct{ Access }

func (nobody) Authenticate(string) (dc.Caller, error) {
	return dc.Caller{}, dc.Errorf(dc.Unauthenticated, "nobody is logged in")
}

// empty is the state of a data center in which there is nothing.
type empty struct{ model.State }

func (empty) View() model.View { return emptyView{} }

func (empty) Wait(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

type emptyView struct{ model.View }

func (emptyView) Revision() int64                             { return 1 }
func (emptyView) Object(dc.ID) dc.Object                      { return nil }
func (emptyView) Objects(dc.Kind) iter.Seq[dc.Object]         { return func(func(dc.Object) bool) {} }
func (emptyView) Children(dc.Kind, dc.ID) iter.Seq[dc.Object] { return func(func(dc.Object) bool) {} }

// TestEveryMethodNeedsALogin calls every method that there is, and every one that the API has besides, without one.
func TestEveryMethodNeedsALogin(t *testing.T) {
	s := New(Backend{State: empty{}, Access: nobody{}}, "", slog.New(slog.NewTextHandler(t.Output(), nil)))
	defer s.Close()
	names := slices.Sorted(maps.Keys(methods))
	for _, name := range append(names, "ReconfigVM_Task", "CreateDVS_Task") {
		m := methods[name]
		if m.open || m.logsIn {
			continue
		}
		body := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><` + name + ` xmlns="urn:vim25"><_this type="` + m.on + `">x</_this></` + name + `></s:Body></s:Envelope>`
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/sdk", strings.NewReader(body)))
		text, _ := io.ReadAll(w.Body)
		if w.Code != 500 || !strings.Contains(string(text), `<NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated">`) {
			t.Errorf("%s: %d %s", name, w.Code, text)
		}
	}
}

// TestMethodsAreTheAPIs holds the table against the library: each name is a method's, and what is decoded for it is what its function takes.
func TestMethodsAreTheAPIs(t *testing.T) {
	for name, m := range methods {
		typ, ok := types.TypeFunc()(name)
		if !ok || m.on == "" {
			t.Errorf("the API has no method %s of %q", name, m.on)
		} else if typ != m.takes {
			t.Errorf("%s takes %v, and gets %v", name, m.takes, typ)
		}
	}
}

package metrics

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"hanok/dc"
)

// center is a small data center, with some more machines.
type center struct{ more int }

func (c center) View() (int64, func(dc.Kind) iter.Seq[dc.Object]) {
	objects := []dc.Object{
		&dc.Host{ID: "host-a", Meta: dc.Meta{Name: "alpha"}, Status: dc.HostStatus{Connection: dc.Connected}},
		&dc.VirtualMachine{ID: "vm-a", Meta: dc.Meta{Name: "hello"}, Status: dc.VirtualMachineStatus{Power: dc.PoweredOn}},
		&dc.VirtualMachine{ID: "vm-b", Meta: dc.Meta{Name: "hello"}, Status: dc.VirtualMachineStatus{Power: dc.PoweredOff}}, // in another folder
		&dc.Datastore{ID: "datastore-a", Meta: dc.Meta{Name: "ds"}, Status: dc.DatastoreStatus{Accessible: true}},
		&dc.Task{ID: "task-a", State: dc.TaskSuccess}, &dc.AlarmState{ID: "alarmstate-a", Color: dc.Red}, &dc.Session{ID: "session-a"},
	}
	for n := range c.more {
		objects = append(objects, &dc.VirtualMachine{ID: dc.VirtualMachineID(fmt.Sprintf("vm-%d", n))})
	}
	return 7, func(kind dc.Kind) iter.Seq[dc.Object] {
		return slices.Values(slices.DeleteFunc(slices.Clone(objects), func(o dc.Object) bool { return o.Kind() != kind }))
	}
}

func values(id dc.ID) []dc.CounterValue {
	var out []dc.CounterValue
	for _, c := range dc.Counters() {
		if slices.Contains(c.Of, id.Kind()) && id != "vm-b" {
			out = append(out, dc.CounterValue{Counter: c.ID, Value: 2500})
		}
	}
	return out
}

// users lets in "token" and root with "secret"; "weak" may do nothing.
type users struct{}

func (users) Authenticate(token string) (dc.Caller, error) {
	if token == "token" || token == "weak" {
		return dc.Caller{Name: token}, nil
	}
	return dc.Caller{}, dc.Errorf(dc.Unauthenticated, "no such token")
}

func (users) Verify(_ context.Context, from, username, password string) (dc.Caller, error) {
	if from == "192.0.2.1" && username == "root" && password == "secret" {
		return dc.Caller{Name: "root"}, nil
	}
	return dc.Caller{}, dc.Errorf(dc.Unauthenticated, "wrong user name or password")
}

func (users) Authorize(by dc.Caller, p dc.Privilege, on dc.ID) error {
	if by.Name == "weak" || p != dc.PrivView || on != dc.ID(dc.RootFolder) {
		return dc.Errorf(dc.Denied, "no")
	}
	return nil
}

func backend(more int) Backend {
	return Backend{Access: users{}, State: center{more}, Values: values, Version: "v1",
		Store: func(context.Context) (int64, int64, error) { return 5, 10, nil }}
}

func TestNames(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(&collector{Backend: backend(0)})
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func scrape(t *testing.T, more int, query, authorization string) (int, string) {
	t.Helper()
	req := httptest.NewRequest("GET", "/metrics"+query, nil)
	if username, password, ok := strings.Cut(authorization, ":"); ok {
		req.SetBasicAuth(username, password)
	} else if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	Handler(backend(more), slog.New(slog.DiscardHandler)).ServeHTTP(w, req)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestScrape(t *testing.T) {
	code, body := scrape(t, 0, "", "Bearer token")
	if code != 200 {
		t.Fatalf("%d: %s", code, body)
	}
	for _, line := range []string{
		`hanok_build_info{version="v1"} 1`, `hanok_hosts{connection="connected"} 1`, `hanok_hosts{connection="notResponding"} 0`,
		`hanok_host_cpu_usage_ratio{host="alpha",host_id="host-a"} 0.25`, `hanok_host_memory_consumed_bytes{host="alpha",host_id="host-a"} 2.56e+06`,
		`hanok_virtual_machines{power="poweredOn"} 1`, `hanok_virtual_machine_cpu_ready_ratio{vm="hello",vm_id="vm-a"} 0.125`,
		`hanok_virtual_machine_powered_on{vm="hello",vm_id="vm-b"} 0`, `hanok_datastore_used_bytes{datastore="ds",datastore_id="datastore-a"} 2.56e+06`,
		`hanok_tasks{state="success"} 1`, `hanok_alarms_triggered{color="red"} 1`, `hanok_alarms_triggered{color="yellow"} 0`, `hanok_sessions 1`,
		`hanok_store_revision 7`, `hanok_store_used_bytes 5`, `hanok_store_quota_bytes 10`, `hanok_virtual_machine_series_omitted 0`, `go_goroutines `,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("there is no line %s", line)
		}
	}
	if strings.Contains(body, `cpu_usage_ratio{vm="hello",vm_id="vm-b"}`) {
		t.Error("a machine that was not measured has a figure")
	}
}

func TestManyMachines(t *testing.T) {
	for query, want := range map[string]bool{"": false, "?vms=all": true, "?vms=none": false} {
		_, body := scrape(t, MaxMachines, query, "Bearer token")
		if got := strings.Contains(body, "hanok_virtual_machine_powered_on{"); got != want {
			t.Errorf("%q: series of each machine: %v", query, got)
		}
		if !strings.Contains(body, `hanok_virtual_machines{power="poweredOn"} 1`) {
			t.Errorf("%q: machines are not counted", query)
		}
	}
	if code, _ := scrape(t, 0, "?vms=some", "Bearer token"); code != 400 {
		t.Errorf("a strange query: %d", code)
	}
}

func TestWhoMayScrape(t *testing.T) {
	for authorization, want := range map[string]int{"": 401, "Bearer guess": 401, "root:wrong": 401, "Bearer weak": 403, "root:secret": 200, "bearer token": 200} {
		if code, body := scrape(t, 0, "", authorization); code != want || code != 200 && strings.Contains(body, "hanok_") {
			t.Errorf("%q: %d, want %d: %s", authorization, code, want, body)
		}
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"hanok/dc"
)

// oldUsers writes a store of format 2 with n users over whatever there is.
func oldUsers(t *testing.T, e *etcd, n int) {
	t.Helper()
	_, all, err := e.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &batches{ctx: t.Context(), commit: e.commit, batch: embeddedBatch}
	for _, kv := range all {
		w.add(keyValue{key: kv.key})
	}
	w.flush()
	for i := range n {
		id, role := fmt.Sprintf("user-%04d", i), "ReadOnly"
		if i == 0 {
			role = "Admin"
		}
		w.add(keyValue{key: "object/User/" + id, value: fmt.Appendf(nil, `{"id":%q,"name":%q,"created":"2026-01-02T03:04:05Z","role":%q,"passwordHash":"h%d"}`, id, id, role, i)},
			keyValue{key: "claim/user/" + id, value: []byte(id)})
	}
	w.add(keyValue{key: "object/Secret/secret-a", value: []byte(`{"id":"secret-a","data":"eA=="}`)})
	w.add(keyValue{key: formatKey, value: []byte("2")})
	if w.flush(); w.err != nil {
		t.Fatal(w.err)
	}
}

// The power goes before and after every transaction of a migration. What it leaves is no store of either format, and the next start
// makes of it what the first one was to make, writing no object twice.
func TestMigrationCutOff(t *testing.T) {
	const users = 100
	cfg := EmbeddedConfig{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	powerFailure := errors.New("no power")
	finished := false
	for step := 0; !finished; step++ { // even: before a transaction, odd: after it
		raw(t, cfg, func(e *etcd) {
			e.batch = batchSize{operations: 120, bytes: 1 << 20}
			oldUsers(t, e, users)
			calls, writes := 0, map[string]int{}
			interrupted := func(ctx context.Context, tr transaction) (int64, bool, error) {
				calls++
				if calls-1 == step/2 && step%2 == 0 {
					return 0, false, powerFailure
				}
				revision, ok, err := e.commit(ctx, tr)
				for _, op := range tr.operations {
					writes[op.key]++
				}
				if calls-1 == step/2 {
					return 0, false, powerFailure
				}
				return revision, ok, err
			}
			for try := 0; ; try++ {
				found, err := e.prepare(t.Context())
				if err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
				if found == nil {
					break
				}
				if _, current := readFormat(found.value); try > 2 || current != nil {
					t.Fatalf("step %d: the format is %q after %d starts", step, found.value, try)
				}
				if err = e.migrate(t.Context(), interrupted, *found); err != nil && !errors.Is(err, powerFailure) {
					t.Fatalf("step %d: %v", step, err)
				}
				finished = try == 0 && err == nil
				if calls > step/2 {
					calls = 1 << 20 // once is enough
				}
			}
			for key, n := range writes {
				if n > 1 && key != formatKey {
					t.Errorf("step %d: %s was written %d times", step, key, n)
				}
			}
			if finished && len(writes) < 4*users {
				t.Errorf("%d keys were written", len(writes))
			}
			checkMigrated(t, e, users)
		})
	}
	s := openEmbedded(t, cfg)
	p, err := Get[*dc.Permission](s.View(), "permission-0000")
	if err != nil || p.Role != dc.RoleAdmin || p.Entity != dc.ID(dc.RootFolder) || p.Principal != "user-0000" || !p.Propagate || p.Created.IsZero() {
		t.Errorf("the first user may do %+v, %v", p, err)
	}
	if p, err := Get[*dc.Permission](s.View(), "permission-0001"); err != nil || p.Role != dc.RoleReadOnly {
		t.Errorf("the second user may do %+v, %v", p, err)
	}
	if u, err := Get[*dc.User](s.View(), "user-0001"); err != nil || u.Name != "user-0001" || u.PasswordHash != "h1" {
		t.Errorf("the second user is %+v, %v", u, err)
	}
	if o, err := Get[*dc.Secret](s.View(), "secret-a"); err != nil || string(o.Data) != "x" {
		t.Errorf("the secret is %v, %v", o, err)
	}
}

// checkMigrated sees that every claim in the store is one that an object has, and the other way round.
func checkMigrated(t *testing.T, e *etcd, users int) {
	t.Helper()
	_, all, err := e.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claims, objects := map[string]dc.ID{}, 0
	for _, kv := range all {
		if claim, ok := strings.CutPrefix(kv.key, claimKeys); ok {
			claims[claim] = dc.ID(kv.value)
		}
	}
	for _, kv := range all {
		o, err := Entry{Key: kv.key, Value: kv.value}.Object()
		if err != nil {
			t.Fatal(err)
		}
		if o == nil {
			continue
		}
		objects++
		if strings.Contains(string(kv.value), `"role":"ReadOnly"`) {
			t.Errorf("%s is as it was", kv.key)
		}
		for _, claim := range o.Claims() {
			if claims[claim] != o.Identity() {
				t.Errorf("%q is claimed by %q, not %q", claim, claims[claim], o.Identity())
			}
			delete(claims, claim)
		}
	}
	if len(claims) > 0 || objects != 2*users+1 {
		t.Errorf("%d objects, and claims without one: %v", objects, claims)
	}
}

// An object of the format before that can't be read stops the migration before it writes it, with its key.
func TestMigrationRefuses(t *testing.T) {
	for _, value := range []string{`{`, `{"id":"user-a","name":"a","role":"Boss"}`, `{"id":"user-b","name":"a","role":"Admin"}`, `{"id":"vm-a","role":"Admin"}`} {
		_, err := Migrate("2", []Entry{{Key: "object/User/user-a", Value: []byte(value)}})
		if dc.KindOf(err) != dc.WrongState || !strings.Contains(err.Error(), "object/User/user-a") {
			t.Errorf("%s: error %v", value, err)
		}
	}
	if _, err := Migrate("1", nil); dc.KindOf(err) != dc.Unsupported {
		t.Errorf("a format that is too old: %v", err)
	}
	old := []Entry{{Key: "object/User/user-a", Value: []byte(`{"id":"user-a","name":"a"}`)}}
	if got, err := Migrate("3", old); err != nil || len(got) != 1 {
		t.Errorf("the own format: %v, %v", got, err)
	}
}

// A format that can't be read is refused with what to do, and stays as it is.
func TestFormat(t *testing.T) {
	const newer = "start the version of hanok that wrote it, or a newer one"
	tests := []struct{ value, want string }{
		{"4", `the store: its format is "4" and this program knows 2 and 3; ` + newer},
		{"0", `the store: its format is "0" and this program knows 2 and 3; start the versions of hanok that came between, one after the other`},
		{"two", `the store: its format is "two" and this program knows 2 and 3; ` + newer},
		{"migrating to 4", `the store: its format is "migrating to 4" and this program knows 2 and 3; ` + newer},
		{"restoring", `the store: its restore from a backup was not finished; run the same "hanok restore" again`},
	}
	for _, tt := range tests {
		if _, err := readFormat([]byte(tt.value)); err == nil || err.Error() != tt.want {
			t.Errorf("format %q: error %v, want %s", tt.value, err, tt.want)
		}
	}
}

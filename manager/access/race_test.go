package access

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

func open(t *testing.T, admins ...string) (*store.Store, *Service) {
	t.Helper()
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	s := New(st, slog.New(slog.DiscardHandler))
	for _, name := range admins {
		if _, err := s.CreateUser(t.Context(), dc.System, name, "correct horse", dc.RoleAdmin); err != nil {
			t.Fatal(err)
		}
	}
	return st, s
}

// TestAdminsRemoveEachOther: whatever two administrators do to each other at the same time, one of them stays.
func TestAdminsRemoveEachOther(t *testing.T) {
	for name, meanwhile := range map[string]func(ctx context.Context, s *Service) error{
		"deleted": func(ctx context.Context, s *Service) error { return s.DeleteUser(ctx, dc.System, "b") },
		"demoted": func(ctx context.Context, s *Service) error { return s.SetRole(ctx, dc.System, "b", dc.RoleReadOnly) },
	} {
		t.Run(name, func(t *testing.T) {
			st, s := open(t, "a", "b")
			runs := 0
			err := s.changeUser(t.Context(), dc.System, "a", func(d *directory, u *dc.User) error {
				if runs++; runs == 1 { // between this transaction's view and its commit
					if err := meanwhile(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				d.delete(u)
				return nil
			})
			if dc.KindOf(err) != dc.WrongState || runs != 2 {
				t.Errorf("after %d runs: %v", runs, err)
			}
			if u, err := findUser(st.View(), "a"); err != nil || s.RoleOf(u.ID) != "Admin" {
				t.Errorf("no administrator is left: %v", err)
			}
		})
	}
}

// TestLoginWhilePasswordChanges: a session that was begun with the old password is none.
func TestLoginWhilePasswordChanges(t *testing.T) {
	st, s := open(t, "a")
	u, err := findUser(st.View(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPassword(t.Context(), dc.System, "a", "battery staple"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.startSession(t.Context(), identity{user: u}, "token"); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Authenticate("token"); dc.KindOf(err) != dc.Unauthenticated {
		t.Errorf("the session lives: %+v, %v", c, err)
	}
}

func TestMaxSessions(t *testing.T) {
	st, s := open(t, "a", "b")
	a, _ := findUser(st.View(), "a")
	b, _ := findUser(st.View(), "b")
	for _, u := range []*dc.User{b, a} {
		if _, err := s.startSession(t.Context(), identity{user: u}, "first "+u.Name); err != nil {
			t.Fatal(err)
		}
	}
	for range maxSessions - 1 {
		if _, err := s.startSession(t.Context(), identity{user: a}, time.Now().String()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Authenticate("first a"); err != nil {
		t.Errorf("ended too early: %v", err)
	}
	if _, err := s.startSession(t.Context(), identity{user: a}, "last"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate("first a"); err == nil {
		t.Error("one session too many, and the oldest lives")
	}
	for _, token := range []string{"last", "first b"} {
		if _, err := s.Authenticate(token); err != nil {
			t.Errorf("%s: %v", token, err)
		}
	}
}

// TestUnknownUserIsHashed: a login with an unknown name goes the same way as one with a wrong password.
func TestUnknownUserIsHashed(t *testing.T) {
	_, s := open(t, "a")
	for range cap(s.hasher.slots) {
		s.hasher.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"a", "nobody", "../nobody"} {
		if _, _, err := s.Login(ctx, "192.0.2.1", name, "wrong password"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want to wait for the hasher", name, err)
		}
	}
	p, salt, key, err := decode(s.hasher.nobody)
	if err != nil || p != current || len(salt) != saltSize || len(key) != keySize {
		t.Errorf("the hash of nobody: %+v, %d, %d, %v", p, len(salt), len(key), err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := newHasher().nobody
	if _, _, _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		"", "x", good + "$", good[1:],
		strings.Replace(good, "argon2id", "argon2i", 1),
		strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "m=", "n=", 1),
		good[:len(good)-4],
		good[:len(good)-1] + "!",
	} {
		if _, _, _, err := decode(hash); dc.KindOf(err) != dc.Internal {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

func TestThrottle(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var th throttle
	admit := func(wantRefused int, want bool) {
		t.Helper()
		if refused, ok := th.admit(now); ok != want || refused != wantRefused {
			t.Errorf("%v: %d, %v; want %d, %v", now, refused, ok, wantRefused, want)
		}
	}
	for range throttleMost {
		admit(0, true)
	}
	now = now.Add(throttleSpan - 1)
	for range 7 {
		admit(0, false)
	}
	now = now.Add(1)
	admit(7, true)
	admit(0, true)
}

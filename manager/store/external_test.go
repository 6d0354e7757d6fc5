package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/store/storetest"
)

// server is an etcd that the store does not run itself, with etcd's own limits, on a unix socket.
type server struct {
	dir, endpoint string
	quota         int64
	etcd          *embed.Etcd
}

// startServer starts one with a quota in bytes; 0 means etcd's own.
func startServer(t testing.TB, quota int64) *server {
	dir := t.TempDir()
	s := &server{dir: dir, endpoint: "unix://" + filepath.Join(dir, "client.sock"), quota: quota}
	s.start(t)
	t.Cleanup(func() { s.etcd.Close() })
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	client, err := url.Parse(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := embed.NewConfig()
	c.Dir = filepath.Join(s.dir, "data")
	c.ListenClientUrls, c.AdvertiseClientUrls, c.ListenPeerUrls = []url.URL{*client}, []url.URL{*client}, nil
	c.TickMs, c.ElectionMs = 10, 100
	c.QuotaBackendBytes = s.quota
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	if s.etcd, err = embed.StartEtcd(c); err != nil {
		t.Fatal(err)
	}
	<-s.etcd.Server.ReadyNotify()
}

// client is somebody else who uses the same etcd.
func (s *server) client(t *testing.T) *clientv3.Client {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{s.endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (s *server) open(t *testing.T, prefix string) *store.Store {
	t.Helper()
	st, err := store.OpenExternal(t.Context(), store.ExternalConfig{Endpoints: []string{s.endpoint}, Prefix: prefix,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("OpenExternal: %v", err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func TestExternal(t *testing.T) {
	s := startServer(t, 0)
	n := 0
	storetest.Run(t, func(t *testing.T) *store.Store {
		n++
		return s.open(t, fmt.Sprintf("/test/%d/", n))
	})
}

func putFolder(ctx context.Context, s *store.Store, id dc.FolderID) error {
	return s.Change(ctx, func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: id, Meta: dc.Meta{Name: string(id)}})
		return nil
	})
}

// Two managers on one etcd see each other's changes, and a claim of one binds the other.
func TestExternalIsShared(t *testing.T) {
	t.Parallel()
	s := startServer(t, 0)
	a, b := s.open(t, ""), s.open(t, "")
	if err := putFolder(t.Context(), a, "group-a"); err != nil {
		t.Fatal(err)
	}
	if err := b.Wait(t.Context(), a.View().Revision()-1); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get[*dc.Folder](b.View(), "group-a"); err != nil {
		t.Error(err)
	}
	err := b.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: "group-b", Meta: dc.Meta{Name: "group-a"}})
		return nil
	})
	if dc.KindOf(err) != dc.Exists {
		t.Errorf("error %v, want kind Exists", err)
	}
}

// A condition that fails at a revision which somebody else's key has does not wait for that revision for ever.
func TestExternalConflictAmongOthersKeys(t *testing.T) {
	s := startServer(t, 0)
	a, other := s.open(t, ""), s.client(t)
	if err := putFolder(t.Context(), a, "group-a"); err != nil {
		t.Fatal(err)
	}
	runs := 0
	err := a.Change(t.Context(), func(tx *store.Tx) error {
		f, err := store.Load[*dc.Folder](tx, "group-a")
		if err != nil {
			return err
		}
		if runs++; runs == 1 {
			stolen := *f
			if err := a.Change(t.Context(), func(tx *store.Tx) error { tx.Put(&stolen); return nil }); err != nil {
				return err
			}
			if _, err := other.Put(t.Context(), "/elsewhere", "x"); err != nil {
				return err
			}
		}
		tx.Put(f)
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("error %v after %d runs, want none after 2", err, runs)
	}
}

// While etcd is away views stay and changes fail; what happened in etcd meanwhile, history compacted, is in the view and
// in the changes when it is back.
func TestExternalBridgesAGap(t *testing.T) {
	t.Parallel()
	s := startServer(t, 0)
	a := s.open(t, "")
	start := a.View().Revision()
	for _, id := range []dc.FolderID{"group-a", "group-b", "group-u"} { // the last one stays as it is
		if err := putFolder(t.Context(), a, id); err != nil {
			t.Fatal(err)
		}
	}
	since := a.View().Revision()
	s.etcd.Close()

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { failed <- putFolder(ctx, a, "group-x") }()
	cancel()
	if err := <-failed; err == nil {
		t.Error("a change succeeded without etcd")
	}
	if _, err := store.Get[*dc.Folder](a.View(), "group-a"); err != nil {
		t.Errorf("without etcd: %v", err)
	}

	// The socket is elsewhere while others work, so that the store cannot follow.
	home := s.endpoint
	s.endpoint = "unix://" + filepath.Join(s.dir, "other.sock")
	s.start(t)
	b := s.open(t, "")
	if err := b.Change(t.Context(), func(tx *store.Tx) error {
		f, err := store.Load[*dc.Folder](tx, "group-a")
		if err != nil {
			return err
		}
		tx.Delete(f)
		g, err := store.Load[*dc.Folder](tx, "group-b")
		if err != nil {
			return err
		}
		g.Type = dc.FolderHost
		tx.Put(g)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := putFolder(t.Context(), b, "group-c"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client(t).Compact(t.Context(), b.View().Revision(), clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	last := b.View().Revision()
	b.Close()
	s.etcd.Close()
	s.endpoint = home
	s.start(t)

	if err := a.Wait(t.Context(), last-1); err != nil {
		t.Fatal(err)
	}
	changes, upto, ok := a.Changes(since)
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s %t %t", c.ID, c.Old != nil, c.Object != nil))
	}
	want := "group-b true true, group-c false true, group-a true false"
	if !ok || upto < last || strings.Join(got, ", ") != want {
		t.Errorf("changes %v up to %d, %v; want %s", got, upto, ok, want)
	}
	if all, _, ok := a.Changes(start); !ok || len(all) != 6 {
		t.Errorf("%d changes from the start, %v; want 3 before the gap and 3 after it", len(all), ok)
	}
	if _, found := store.Claimed(a.View(), dc.NameClaim("", "group-a")); found {
		t.Error("the claim of the deleted folder is still held")
	}
	if err := putFolder(t.Context(), a, "group-d"); err != nil {
		t.Errorf("after the gap: %v", err)
	}
}

// An etcd that is full says so, and takes deletions still.
func TestExternalFull(t *testing.T) {
	s := startServer(t, 1<<20)
	st := s.open(t, "")
	n, err := fill(t, st, func(n int) dc.Object { return large(n) })
	want := "the store: etcd has no space left, outcome unknown: the change may have been made or not; " +
		"compact and defragment etcd, or raise its quota, and disarm its alarm NOSPACE"
	if dc.KindOf(err) != dc.Exhausted || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	deleteAll[*dc.VirtualMachine](t, st, n)
	if u, err := st.Usage(t.Context()); err != nil || !u.Full {
		t.Errorf("usage %+v, %v; want a full store", u, err)
	}
	st.Close()
	s.open(t, "") // for reading
}

func TestExternalErrors(t *testing.T) {
	s := startServer(t, 0)
	t.Run("nobody there", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := store.OpenExternal(ctx, store.ExternalConfig{Endpoints: []string{"unix:///nowhere/etcd.sock"},
			Log: slog.New(slog.DiscardHandler)})
		want := "etcd at unix:///nowhere/etcd.sock: it does not answer; check that it runs, and its address and certificates"
		if dc.KindOf(err) != dc.Unavailable || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
	t.Run("prefix", func(t *testing.T) {
		_, err := store.OpenExternal(t.Context(), store.ExternalConfig{Endpoints: []string{s.endpoint}, Prefix: "/a"})
		if dc.KindOf(err) != dc.Invalid {
			t.Errorf("error %v, want kind Invalid", err)
		}
	})
	t.Run("too many writes", func(t *testing.T) {
		st := s.open(t, "")
		err := st.Change(t.Context(), func(tx *store.Tx) error {
			for n := range 200 {
				tx.Put(&dc.Secret{ID: dc.SecretID(fmt.Sprint("secret-n", n))})
			}
			return nil
		})
		if dc.KindOf(err) != dc.Exhausted || !strings.Contains(err.Error(), "200 writes") || !strings.Contains(err.Error(), "--max-txn-ops") {
			t.Errorf("error %v, want one of kind Exhausted that names the writes and the option", err)
		}
	})
	t.Run("newer format", func(t *testing.T) {
		if _, err := s.client(t).Put(t.Context(), "/new/format", "4"); err != nil {
			t.Fatal(err)
		}
		_, err := store.OpenExternal(t.Context(), store.ExternalConfig{Endpoints: []string{s.endpoint}, Prefix: "/new/"})
		want := `the store: its format is "4" and this program knows 2 and 3; start the version of hanok that wrote it, or a newer one`
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
	t.Run("format raised while running", func(t *testing.T) {
		st := s.open(t, "/raised/")
		if _, err := s.client(t).Put(t.Context(), "/raised/format", "4"); err != nil {
			t.Fatal(err)
		}
		<-st.Done()
		if dc.KindOf(st.Err()) != dc.Unsupported {
			t.Errorf("error %v, want kind Unsupported", st.Err())
		}
	})
	t.Run("damaged value", func(t *testing.T) {
		if _, err := s.client(t).Put(t.Context(), "/bad/object/Folder/group-a", "{"); err != nil {
			t.Fatal(err)
		}
		_, err := store.OpenExternal(t.Context(), store.ExternalConfig{Endpoints: []string{s.endpoint}, Prefix: "/bad/"})
		if err == nil || !strings.Contains(err.Error(), `key "object/Folder/group-a"`) {
			t.Errorf("error %v, want one that names the key", err)
		}
	})
}

func TestEraseExternal(t *testing.T) {
	s := startServer(t, 0)
	config := func(prefix string) store.ExternalConfig {
		return store.ExternalConfig{Endpoints: []string{s.endpoint}, Prefix: prefix, Log: slog.New(slog.DiscardHandler)}
	}
	for _, prefix := range []string{"/ours/", "/theirs/"} {
		err := s.open(t, prefix).Change(t.Context(), func(tx *store.Tx) error {
			tx.Put(&dc.Secret{ID: "secret-1"})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c := s.client(t)
	if _, err := c.Put(t.Context(), "/somebody/else", "x"); err != nil {
		t.Fatal(err)
	}
	before, err := c.Get(t.Context(), "/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.EraseExternal(t.Context(), config("/ours/")); err != nil {
			t.Fatal(err)
		}
	}
	after, err := c.Get(t.Context(), "/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		t.Fatal(err)
	}
	if after.Count != before.Count-2 {
		t.Errorf("%d of %d keys are left, want 2 less: the format and the object", after.Count, before.Count)
	}
	if err := store.EraseExternal(t.Context(), config("/somebody/")); err != nil {
		t.Errorf("erasing where nothing of Hanok's is: %v", err)
	}
	if _, err := c.Put(t.Context(), "/newer/format", "4"); err != nil {
		t.Fatal(err)
	}
	if err := store.EraseExternal(t.Context(), config("/newer/")); dc.KindOf(err) != dc.Unsupported {
		t.Errorf("erasing a newer format: %v, want kind Unsupported", err)
	}
}

// openAs opens the store as the owner of that name.
func (s *server) openAs(t *testing.T, owner string) (*store.Store, error) {
	t.Helper()
	st, err := store.OpenExternal(t.Context(), store.ExternalConfig{Endpoints: []string{s.endpoint}, Owner: owner, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Cleanup(func() { st.Close() })
	}
	return st, err
}

// One manager at a time works on a store: a second one is refused until the first has closed it.
func TestOwner(t *testing.T) {
	s := startServer(t, 0)
	first, err := s.openAs(t, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := putOne(t, first, large(0)); err != nil {
		t.Fatal(err)
	}
	_, err = s.openAs(t, "two")
	if want := "the store: another manager works on it: one; end that one; if it has died, try again in 10 seconds"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	erase := store.ExternalConfig{Endpoints: []string{s.endpoint}, Owner: "two", Log: slog.New(slog.DiscardHandler)}
	if err := store.EraseExternal(t.Context(), erase); dc.KindOf(err) != dc.Conflict {
		t.Errorf("erasing it: %v, want kind Conflict", err)
	}
	if err := putOne(t, first, large(1)); err != nil {
		t.Errorf("the first manager was disturbed: %v", err)
	}
	first.Close()
	second, err := s.openAs(t, "two")
	if err != nil {
		t.Fatalf("after the first one's end: %v", err)
	}
	if _, err := store.Get[*dc.VirtualMachine](second.View(), "vm-n1"); err != nil {
		t.Error(err)
	}
}

// The next process of the same manager takes over at once, and the process before, should it live, writes nothing more.
func TestOwnerTakesOver(t *testing.T) {
	s := startServer(t, 0)
	before, err := s.openAs(t, "one")
	if err != nil {
		t.Fatal(err)
	}
	next, err := s.openAs(t, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := putOne(t, before, large(0)); dc.KindOf(err) != dc.Conflict {
		t.Errorf("the process before wrote: %v, want kind Conflict", err)
	}
	<-before.Done()
	if dc.KindOf(before.Err()) != dc.Conflict {
		t.Errorf("its store ended with %v", before.Err())
	}
	if err := putOne(t, next, large(1)); err != nil {
		t.Error(err)
	}
}

// A claim that was lost, because etcd was away for longer than it lasts, is made anew while nobody else has made one, and is
// lost for good where somebody has.
func TestOwnerLost(t *testing.T) {
	s := startServer(t, 0)
	c := s.client(t)
	// expire ends the lease of the claim, as time does.
	expire := func() {
		t.Helper()
		found, err := c.Get(t.Context(), "/hanok/v1/owner")
		if err != nil || len(found.Kvs) != 1 {
			t.Fatal("no claim: ", err)
		}
		if _, err := c.Revoke(t.Context(), clientv3.LeaseID(found.Kvs[0].Lease)); err != nil {
			t.Fatal(err)
		}
	}
	st, err := s.openAs(t, "one")
	if err != nil {
		t.Fatal(err)
	}
	expire()
	if err := putOne(t, st, large(0)); err != nil {
		t.Errorf("after the claim had ended: %v", err)
	}
	expire()
	if _, err := c.Put(t.Context(), "/hanok/v1/owner", "two"); err != nil {
		t.Fatal(err)
	}
	if err := putOne(t, st, large(1)); dc.KindOf(err) != dc.Conflict {
		t.Errorf("while another manager has the store: %v, want kind Conflict", err)
	}
	<-st.Done()
	if err := st.Err(); dc.KindOf(err) != dc.Conflict || !strings.Contains(err.Error(), "another manager works on it: two") {
		t.Errorf("the store ended with %v", err)
	}
}

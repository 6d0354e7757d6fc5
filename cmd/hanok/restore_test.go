package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"hanok/agent"
	"hanok/dc"
	"hanok/host/sim"
	"hanok/internal/testhost"
	"hanok/manager"
	"hanok/manager/backup"
	"hanok/manager/store"
)

// A data center is backed up while it runs and goes on. What is restored elsewhere has all of the backup; its host follows it, keeps
// what has happened since, and does what is asked of it from then on.
func TestBackupAndRestore(t *testing.T) {
	testhost.Require(t) // data folders have a twin below /run
	c := startCenter(t, sim.Options{})
	c.must(t, "vm", "create", "web", "--image", "starter", "--power-on")
	c.must(t, "vm", "create", "db")
	c.must(t, "folder", "create", "shop", "--parent", "/Datacenter/vm")
	file := filepath.Join(t.TempDir(), "backup")
	c.must(t, "backup", file)

	c.must(t, "vm", "stop", "web") // it was on in the backup, and the other way round
	c.must(t, "vm", "start", "db")
	c.must(t, "vm", "create", "late")
	c.stop()

	dir := filepath.Join(t.TempDir(), "data")
	c.must(t, "restore", file, "--data", dir)
	s := c.begin(t, false, "manager", "run", "--data", dir, "--listen", "127.0.0.1:0", "--image-packages", "none")
	s.stdout.await(t, "\nready https://")
	_, url, _ := strings.Cut(s.stdout.String(), "\nready ")
	url = strings.TrimSpace(url)
	c.follow(t, url)
	restored := func(args ...string) string {
		t.Helper()
		return c.must(t, append(args, "--data", dir)...)
	}
	for command, want := range map[string][]string{
		"vm list":     {"web", "db"},
		"folder list": {"shop "},
		"user list":   {c.first.User},
		"image list":  {"starter"},
		"event list":  {"the data center was restored from a backup of "},
	} {
		out := restored(strings.Fields(command)...)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s does not say %q:\n%s", command, w, out)
			}
		}
	}
	if out := restored("vm", "list"); strings.Contains(out, "late") {
		t.Errorf("what was made after the backup is there:\n%s", out)
	}
	images, err := filepath.Glob(filepath.Join(dir, "manager", "images", "*"))
	if err != nil || len(images) != 1 {
		t.Fatalf("the images are %q, %v", images, err)
	}
	if b, err := os.ReadFile(images[0]); err != nil || string(b) != "what a disk starts as" {
		t.Errorf("the image's content is %q, %v", b, err)
	}

	// The state is the host's, not the backup's, and it does what it is asked for now.
	untilSays(t, "poweredOff", func() string { return restored("vm", "get", "web") })
	untilSays(t, "poweredOn", func() string { return restored("vm", "get", "db") })
	restored("vm", "stop", "db")
	restored("vm", "start", "web")
	if out := restored("vm", "get", "web"); !strings.Contains(out, "poweredOn") {
		t.Errorf("after it was started:\n%s", out)
	}

	// The session of before is not there any more.
	code, _, errs := runIn(map[string]string{"HANOK_SERVER": url, "HANOK_TOKEN": c.token, "HANOK_CA": filepath.Join(dir, "ca.pem")}, "whoami")
	if code != exitFailure || !strings.Contains(errs, "log in again") {
		t.Errorf("the session of before the backup: %d, %s", code, errs)
	}
	s.interrupt()
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

// follow lets the agent of the data center's host connect to another manager, until the test ends.
func (c *center) follow(t *testing.T, manager string) {
	t.Helper()
	drivers := c.world.Open()
	connected := make(chan dc.HostID, 1)
	a, err := agent.New(agent.Config{
		Dir: filepath.Join(c.data, "agent"), Manager: manager, Facts: c.world.Facts(), Hypervisor: drivers, Storage: drivers, Network: drivers,
		Log: slog.New(slog.NewTextHandler(testWriter(t), nil)), Connected: func(id dc.HostID) { connected <- id },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		drivers.Close()
		<-ended
	})
	select {
	case <-connected:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
}

// untilSays calls look until what it returns has want in it.
func untilSays(t *testing.T, want string, look func() string) {
	t.Helper()
	out := ""
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if out = look(); strings.Contains(out, want) {
			return
		}
	}
	t.Fatalf("%q was not said, but\n%s", want, out)
}

// runIn runs a command line in an environment.
func runIn(vars map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), environment{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(k string) string { return vars[k] }, raw: noTerminal,
	}, args)
	return code, out.String(), errs.String()
}

// site is a manager's data folder with a store, and a backup of what that has.
type site struct {
	dir, backup string
	data        *dataFolder
}

// newSite makes one of a data center that has a folder called "kept" in its backup, and one called "new" besides.
func newSite(t *testing.T, etcd *etcdSettings) *site {
	t.Helper()
	s := &site{dir: filepath.Join(t.TempDir(), "data"), backup: filepath.Join(t.TempDir(), "backup")}
	data, err := prepareData(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer data.close()
	s.data = data
	t.Cleanup(func() { os.RemoveAll(data.run) })
	if etcd != nil {
		if err := data.keepEtcd(*etcd, false); err != nil {
			t.Fatal(err)
		}
	}
	st := s.open(t)
	defer st.Close()
	put := func(name string) {
		t.Helper()
		err := st.Change(t.Context(), func(tx *store.Tx) error {
			tx.Put(&dc.Folder{ID: dc.FolderID("group-" + name), Meta: dc.Meta{Name: name}, Type: dc.FolderVM})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("kept")
	d, err := st.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	archive, err := backup.New(d, "v1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := errors.Join(archive.Write(&b, ""), os.WriteFile(s.backup, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	put("new")
	return s
}

// open opens the store as the manager does.
func (s *site) open(t *testing.T) *store.Store {
	t.Helper()
	m, err := readMarker(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	data := &dataFolder{path: s.dir, run: s.data.run, marker: m}
	st, err := openStore(t.Context(), &stages{out: io.Discard}, data, etcdSettings{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// check checks which folders the data center has, and whether its revisions are those of a restored one.
func (s *site) check(t *testing.T, restored bool, want ...string) {
	t.Helper()
	st := s.open(t)
	defer st.Close()
	var got []string
	for f := range store.List[*dc.Folder](st.View()) {
		got = append(got, f.Name)
	}
	if !slices.Equal(got, want) || st.View().Revision() > 1<<40 != restored {
		t.Errorf("the folders are %q at revision %d, want %q", got, st.View().Revision(), want)
	}
	m, err := readMarker(s.dir)
	if err != nil || m.Restoring != "" || m.Settled != restored {
		t.Errorf("the folder's marker is %+v, %v", m, err)
	}
}

// must runs a command line on the folder, which has to succeed.
func (s *site) must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := runIn(nil, append(args, "--data", s.dir)...)
	if code != exitOK {
		t.Fatalf("hanok %q: %d\n%s", args, code, errs)
	}
	return out
}

// refused runs a command line on the folder, which has to fail and say so.
func (s *site) refused(t *testing.T, parts []string, args ...string) {
	t.Helper()
	code, _, errs := runIn(nil, append(args, "--data", s.dir)...)
	if code != exitFailure {
		t.Fatalf("hanok %q: %d, want it to fail", args, code)
	}
	for _, p := range parts {
		if !strings.Contains(errs, p) {
			t.Errorf("hanok %q does not say %q:\n%s", args, p, errs)
		}
	}
}

// kept returns where a restore has said that it keeps what was there, or "".
func kept(output string) string {
	_, path, _ := strings.Cut(output, "is kept in ")
	path, _, _ = strings.Cut(path, "\n")
	return path
}

func TestRestoreFolder(t *testing.T) {
	testhost.Require(t)
	s := newSite(t, nil)
	agent := filepath.Join(s.dir, "agent", "identity.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(agent), 0o700), os.WriteFile(agent, []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	out := s.must(t, "restore", s.backup)
	s.check(t, true, "kept")
	if b, err := os.ReadFile(agent); err != nil || string(b) != "{}" {
		t.Errorf("the host's part of the folder: %q, %v", b, err)
	}

	// What was there is whole, and can take its place again.
	if err := errors.Join(os.RemoveAll(filepath.Join(s.dir, "manager", "store")), os.Rename(kept(out), filepath.Join(s.dir, "manager", "store"))); err != nil {
		t.Fatal(err)
	}
	s.must(t, "restore", "--as-is")
	s.check(t, true, "kept", "new")

	// A backup that is damaged changes nothing, not even where there is nothing.
	b, err := os.ReadFile(s.backup)
	if err != nil {
		t.Fatal(err)
	}
	damaged := s.backup + ".damaged"
	b[1500] ^= 1
	if err := os.WriteFile(damaged, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.refused(t, []string{"it is damaged", "another backup"}, "restore", damaged)
	s.check(t, true, "kept", "new")
	nowhere := &site{dir: s.dir + "2"}
	nowhere.refused(t, []string{"it is damaged"}, "restore", damaged)
	nowhere.refused(t, []string{"there is no data center in it"}, "restore", "--as-is")
	if fileExists(nowhere.dir) {
		t.Error("a refused restore has made a folder")
	}
	strange := &site{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(strange.dir, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	strange.refused(t, []string{`it holds "notes"`}, "restore", s.backup)

	// Nor is anything changed where a manager runs, or in a host's folder.
	running, err := openData(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.refused(t, []string{"runs on it already"}, "restore", s.backup)
	s.refused(t, []string{"runs on it already"}, "restore", "--as-is")
	running.close()
	host := &site{dir: t.TempDir()}
	if err := writeMarker(host.dir, marker{Format: dataFormat, Run: s.data.marker.Run, Manager: "https://m"}); err != nil {
		t.Fatal(err)
	}
	host.refused(t, []string{"a host's of the data center at https://m", "machine of its manager"}, "restore", s.backup)
	host.refused(t, []string{"a host's of the data center at https://m"}, "restore", "--as-is")
	if fileExists(filepath.Join(host.dir, "manager")) {
		t.Error("a host's folder has got a manager's part")
	}
}

// The power goes at each step of a restore into a folder. What had changed nothing can be started; else nothing starts, and the same
// restore run again makes what the first one was to make, and still keeps what was there.
func TestRestoreFolderCutOff(t *testing.T) {
	testhost.Require(t)
	const name = "store.before-1"
	// Each step follows the ones before.
	steps := []struct {
		name    string
		do      func(s *site, ready string) error
		started bool
	}{
		{"the new store is half made", func(s *site, _ string) error {
			return os.MkdirAll(filepath.Join(s.dir, "manager", "store.new", "etcd.new"), 0o700)
		}, true},
		{"the new store is whole", func(s *site, ready string) error {
			path := filepath.Join(s.dir, "manager", "store.new")
			return errors.Join(os.RemoveAll(path), os.CopyFS(path, os.DirFS(ready)))
		}, true},
		{"the marker says so", func(s *site, _ string) error {
			m, err := readMarker(s.dir)
			m.Restoring = name
			return errors.Join(err, writeMarker(s.dir, m))
		}, false},
		{"the old store has its new name", func(s *site, _ string) error {
			return os.Rename(filepath.Join(s.dir, "manager", "store"), filepath.Join(s.dir, "manager", name))
		}, false},
		{"the new store has its name", func(s *site, _ string) error {
			return os.Rename(filepath.Join(s.dir, "manager", "store.new"), filepath.Join(s.dir, "manager", "store"))
		}, false},
	}
	for _, asIs := range []bool{false, true} {
		want := []string{"kept"}
		if asIs {
			want = []string{"kept", "new"}
		}
		for n, last := range steps {
			t.Run(fmt.Sprintf("%s, as is %v", last.name, asIs), func(t *testing.T) {
				s, whole := newSite(t, nil), newSite(t, nil)
				args, whole1 := []string{"restore", s.backup}, []string{"restore", whole.backup}
				if asIs {
					args[1], whole1[1] = "--as-is", "--as-is"
				}
				whole.must(t, whole1...)
				for _, step := range steps[:n+1] {
					if err := step.do(s, filepath.Join(whole.dir, "manager", "store")); err != nil {
						t.Fatal(err)
					}
				}
				if last.started {
					s.check(t, false, "kept", "new")
				} else {
					for _, start := range []string{"up", "manager run"} {
						s.refused(t, []string{"its restore from a backup was not finished", `run the same "hanok restore" again`},
							append(strings.Fields(start), "--listen", "127.0.0.1:0")...)
					}
				}
				out := s.must(t, args...)
				s.check(t, true, want...)
				st, err := store.OpenEmbedded(t.Context(), store.EmbeddedConfig{Dir: kept(out), Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				defer st.Close()
				if _, err := store.Get[*dc.Folder](st.View(), "group-new"); err != nil || st.View().Revision() > 1<<40 {
					t.Errorf("what was there is not kept in %s: %v at %d", kept(out), err, st.View().Revision())
				}
			})
		}
	}
}

// A restore that is killed at any moment leaves a data center that starts, the old one or the new one, or one that does not start
// before the same restore has been run again. HANOK_SEED repeats a run.
func TestRestoreKilled(t *testing.T) {
	testhost.Require(t)
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("HANOK_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HANOK_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	start := time.Now()
	if err := restoreCommand(newSite(t, nil)).Run(); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(start)
	outcomes := map[string]int{}
	for round := range 12 {
		s := newSite(t, nil)
		cmd := restoreCommand(s)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			time.Sleep(time.Duration(rnd.Int64N(int64(whole))))
		} else { // in the short time in which the folder is neither
			for late := time.Now().Add(patience); time.Now().Before(late); {
				if m, err := readMarker(s.dir); err == nil && (m.Restoring != "" || m.Settled) {
					break
				}
			}
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, as it should be
		m, err := readMarker(s.dir)
		switch {
		case err != nil:
			t.Error(err)
		case m.Restoring != "":
			outcomes["cut off"]++
			s.refused(t, []string{"was not finished"}, "manager", "run", "--listen", "127.0.0.1:0")
		case m.Settled:
			outcomes["restored"]++
			s.check(t, true, "kept")
		default:
			outcomes["untouched"]++
			s.check(t, false, "kept", "new")
		}
		s.must(t, "restore", s.backup)
		s.check(t, true, "kept")
	}
	t.Log(outcomes)
}

// childEnv is set for a process that was started from the test binary: the command line that it runs instead of the tests.
const childEnv = "HANOK_CMD_TEST_CHILD"

func TestMain(m *testing.M) {
	if line := os.Getenv(childEnv); line != "" {
		os.Exit(run(context.Background(), environment{stdin: os.Stdin, stdout: io.Discard, stderr: os.Stderr, getenv: os.Getenv, raw: noTerminal},
			strings.Split(line, "\n")))
	}
	os.Exit(m.Run())
}

// restoreCommand returns the restore of a site's backup, in another process.
func restoreCommand(s *site) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{"restore", s.backup, "--data", s.dir}, "\n"))
	cmd.Stderr = os.Stderr
	return cmd
}

// A store in an etcd that somebody else runs is replaced only where that is asked for, and what was there is kept in a file.
func TestRestoreEtcd(t *testing.T) {
	testhost.Require(t)
	endpoint := startEtcd(t)
	etcd := &etcdSettings{Endpoints: []string{endpoint}, Prefix: "/a/"}
	s := newSite(t, etcd)
	s.refused(t, []string{"there is a data center below /a/ in etcd", "--replace"}, "restore", s.backup)
	s.check(t, false, "kept", "new")
	first := kept(s.must(t, "restore", s.backup, "--replace"))
	s.check(t, true, "kept")
	if !strings.HasPrefix(first, filepath.Join(s.dir, "manager")) {
		t.Errorf("what was there is kept in %q", first)
	}
	s.must(t, "restore", first, "--replace")
	s.check(t, true, "kept", "new")
	s.must(t, "restore", "--as-is")
	s.check(t, true, "kept", "new")

	// Cut off in the middle of an as-is: what it was made from is in the file.
	m, err := readMarker(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Restoring = filepath.Base(first)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Put(t.Context(), "/a/format", "restoring")
	if err := errors.Join(err, writeMarker(s.dir, m)); err != nil {
		t.Fatal(err)
	}
	s.must(t, "restore", "--as-is")
	s.check(t, true, "kept", "new")

	// A new folder on the same etcd, below another prefix.
	other := &site{dir: filepath.Join(t.TempDir(), "data"), data: s.data}
	other.refused(t, []string{"below /a/ in etcd"}, "restore", s.backup, "--etcd", endpoint, "--etcd-prefix", "/a/")
	if fileExists(other.dir) {
		t.Error("a refused restore has made a folder")
	}
	other.must(t, "restore", s.backup, "--etcd", endpoint, "--etcd-prefix", "/b/")
	other.check(t, true, "kept")
	s.check(t, true, "kept", "new")
}

// startEtcd starts an etcd on a socket and returns its endpoint.
func startEtcd(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	endpoint := url.URL{Scheme: "unix", Path: filepath.Join(dir, "client.sock")}
	c := embed.NewConfig()
	c.Dir = filepath.Join(dir, "data")
	c.ListenClientUrls, c.AdvertiseClientUrls, c.ListenPeerUrls = []url.URL{endpoint}, []url.URL{endpoint}, nil
	c.TickMs, c.ElectionMs = 10, 100
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	e, err := embed.StartEtcd(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	<-e.Server.ReadyNotify()
	return "unix://" + endpoint.Path
}

// A machine that takes the place of a lost host, or doesn't, says so at its first start.
func TestJoinTokenAfterRestore(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	st := store.OpenMemory()
	m, err := manager.New(t.Context(), manager.Config{Store: st, Images: t.TempDir(), Statistics: filepath.Join(t.TempDir(), "statistics.db"), Audit: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := m.Inventory.Clusters(dc.System)
	if err != nil {
		t.Fatal(err)
	}
	err = st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Host{ID: "host-old", Meta: dc.Meta{Name: own, Parent: dc.ID(clusters[0].ID)}, Status: dc.HostStatus{Connection: dc.NotResponding}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	data := &dataFolder{path: t.TempDir()}
	_, err = joinToken(t.Context(), data, m, "")
	wantError(t, err, dc.Exists, own, "--host-name "+own, "another name")
	for name, want := range map[string]dc.HostID{own: "host-old", "other": ""} {
		if _, err := joinToken(t.Context(), data, m, name); err != nil {
			t.Fatal(err)
		}
		found := false
		for token := range store.List[*dc.JoinToken](st.View()) {
			found = found || token.Host == want
		}
		if !found {
			t.Errorf("as %s: no token for %q", name, want)
		}
	}
}

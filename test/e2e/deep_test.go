package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"hanok/internal/testhost"
	"hanok/test/client"
)

// deepCheck is a row of `doctor --deep -o json`.
type deepCheck struct {
	Status, Promise, Object, Message, Remedy string
	Examined                                 int
}

// deep examines everything that is promised. It returns what breaks a promise, and what was examined of each that is kept.
func (c *center) deep() (found []deepCheck, kept map[string]int) {
	c.t.Helper()
	out, complaint, code := c.run("", "doctor", "--deep", "-o", "json")
	var all []deepCheck
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		c.t.Fatalf("%v in %s%s", err, out, complaint)
	}
	kept = map[string]int{}
	problem := false
	for _, check := range all {
		problem = problem || check.Status == "problem"
		switch {
		case check.Promise == "":
		case check.Status == "ok":
			kept[check.Promise] = check.Examined
		default:
			found = append(found, check)
		}
	}
	if problem != (code == 1) || code > 1 {
		c.t.Errorf("exit code %d with %+v", code, found)
	}
	return found, kept
}

// finds fails the test unless exactly one promise is broken, as it should be.
func (c *center) finds(status, promise, object, message string) {
	c.t.Helper()
	found, _ := c.deep()
	if len(found) != 1 || found[0].Status != status || found[0].Promise != promise || found[0].Object != object ||
		!strings.Contains(found[0].Message, message) || found[0].Remedy == "" {
		c.t.Errorf("it finds %+v, want a %s with %q of %s: %q", found, status, promise, object, message)
	}
}

// startEtcd starts an etcd that is not the data center's own. It returns its URL and a client.
func startEtcd(t *testing.T) (string, *clientv3.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "etcd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listen := url.URL{Scheme: "unix", Path: filepath.Join(dir, "socket")}
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "data")
	config.ListenClientUrls, config.AdvertiseClientUrls, config.ListenPeerUrls = []url.URL{listen}, []url.URL{listen}, nil
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	server, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	<-server.Server.ReadyNotify()
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{listen.String()}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { etcd.Close() })
	return listen.String(), etcd
}

// TestDeep breaks promises behind the back of a data center and lets the checker find out.
func TestDeep(t *testing.T) {
	testhost.Require(t)
	endpoint, etcd := startEtcd(t)
	c := newCenter(t)
	c.up("--etcd", endpoint)
	c.client().Await(t, "hello", "has an address", client.HasAddress)
	hello, pid := c.machine("hello").ID, c.qemu("hello")
	folder := filepath.Join(c.data, "datastore1", "hello")

	healthy := func(t *testing.T) {
		t.Helper()
		found, kept := c.deep()
		if len(found) > 0 {
			t.Errorf("in a healthy data center it finds %+v", found)
		}
		for _, promise := range []string{"examined", "objects", "references", "claims", "tasks", "reads", "executions", "power", "hardware",
			"writers", "rights", "files", "records", "orphans"} {
			if kept[promise] == 0 {
				t.Errorf("it examines nothing of %q", promise)
			}
		}
	}
	c.story("healthy", healthy)
	c.story("healthy after the manager and the agent were killed", func(t *testing.T) {
		c.signal(syscall.SIGKILL)
		c.up()
		c.client().Await(t, "hello", "has its address again", client.HasAddress)
		healthy(t)
	})
	c.story("a claim is somebody else's", func(t *testing.T) {
		claims, err := etcd.Get(t.Context(), "/hanok/v1/claim/mac/", clientv3.WithPrefix())
		if err != nil || len(claims.Kvs) != 1 {
			t.Fatalf("%v, %v", claims, err)
		}
		key := string(claims.Kvs[0].Key)
		put := func(holder string) {
			if _, err := etcd.Put(t.Context(), key, holder); err != nil {
				t.Fatal(err)
			}
		}
		put("vm-nobody")
		defer put(hello)
		c.finds("problem", "claims", hello, `"vm-nobody" holds its claim "mac/`)
	})
	c.story("a disk is gone", func(t *testing.T) {
		disk := filepath.Join(folder, "hello-flat.vmdk")
		rename(t, disk, disk+".away")
		defer rename(t, disk+".away", disk)
		c.finds("problem", "files", hello, "hello-flat.vmdk of its disk is not there")
	})
	c.story("the configuration is another machine's", func(t *testing.T) {
		config := filepath.Join(folder, "hello.vmx")
		defer edit(t, config, func(text string) string { return strings.ReplaceAll(text, hello, "vm-other") })()
		found, _ := c.deep()
		if !slices.ContainsFunc(found, func(f deepCheck) bool { return f.Promise == "files" && f.Object == hello && f.Status == "problem" }) ||
			!slices.ContainsFunc(found, func(f deepCheck) bool { return f.Promise == "orphans" && strings.Contains(f.Message, "vm-other") }) {
			t.Errorf("it finds %+v", found)
		}
	})
	c.story("a second process writes to a disk", func(t *testing.T) {
		file, err := os.OpenFile(filepath.Join(folder, "hello-flat.vmdk"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		writer := exec.CommandContext(t.Context(), "sleep", "infinity")
		writer.ExtraFiles = []*os.File{file}
		err = writer.Start()
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Wait()
		defer writer.Process.Kill()
		c.finds("problem", "writers", hello, fmt.Sprintf("process %d (sleep)", writer.Process.Pid))
	})
	c.story("the host's record says what was not done", func(t *testing.T) {
		record := filepath.Join(c.data, "agent", "machines", hello+".json")
		defer edit(t, record, func(text string) string { return strings.Replace(text, `"outcome": {`, `"begun": 77, "outcome": {`, 1) })()
		c.finds("problem", "records", hello, "begun the power operation 77")
	})
	c.story("a machine that nobody knows is no problem of the data center", func(t *testing.T) {
		lost := filepath.Join(c.data, "datastore1", "lost")
		if err := os.Mkdir(lost, 0o700); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(lost)
		if err := os.WriteFile(filepath.Join(lost, "lost.vmx"), []byte(`hanok.id = "vm-lost"`), 0o600); err != nil {
			t.Fatal(err)
		}
		found, _ := c.deep()
		if len(found) != 1 || found[0].Status != "warning" || found[0].Promise != "orphans" || !strings.Contains(found[0].Message, lost) ||
			!strings.Contains(found[0].Remedy, "hanok vm adopt vm-lost") {
			t.Errorf("it finds %+v", found)
		}
	})
	c.story("QEMU stands still", func(t *testing.T) {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer syscall.Kill(pid, syscall.SIGCONT)
		c.finds("problem", "power", hello, "does not answer")
	})
	c.client().Await(t, "hello", "answers again", client.HasAddress)
	c.story("healthy in the end", healthy)
}

// rename moves a file.
func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// edit changes a text file, and returns what changes it back.
func edit(t *testing.T, path string, change func(string) string) (back func()) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := change(string(before))
	if after == string(before) {
		t.Fatalf("nothing was changed in %s:\n%s", path, before)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(after)
	return func() { write(string(before)) }
}

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// startSim runs "hanok sim" in this process, its hosts in another one, and returns the environment that it prints for a shell.
func startSim(t *testing.T, args ...string) (env map[string]string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	stderr := &strings.Builder{}
	go func() {
		e := environment{stdin: strings.NewReader(""), stdout: w, stderr: stderr, getenv: func(string) string { return "" }, raw: noTerminal,
			child: func(args []string) []string { return []string{childEnv + "=" + strings.Join(args, "\n")} }}
		code <- run(ctx, e, append([]string{"sim", "-l", "127.0.0.1:0"}, args...))
		w.Close()
	}()
	env = map[string]string{}
	word := regexp.MustCompile(`([A-Z_]+)='?([^' \n]*)'?`)
	printed := make([]byte, 4096)
	for _, want := range []string{"GOVC_URL", "HANOK_SERVER"} {
		n, err := r.Read(printed)
		if err != nil {
			t.Fatalf("%v; exit code %d\n%s", err, <-code, stderr)
		}
		for _, m := range word.FindAllStringSubmatch(string(printed[:n]), -1) {
			env[m[1]] = m[2]
		}
		if env[want] == "" {
			t.Fatalf("it prints no %s: %s", want, printed[:n])
		}
	}
	go io.Copy(io.Discard, r)
	stopped := false
	stop = func() int {
		if stopped {
			return exitOK
		}
		stopped = true
		cancel()
		return <-code
	}
	t.Cleanup(func() { stop() })
	return env, stop
}

// inventoryOf returns the inventory paths of everything, as a client finds them.
func inventoryOf(t *testing.T, env map[string]string) []string {
	t.Helper()
	var paths []string
	for _, noun := range []string{"datacenter", "folder", "cluster", "host", "pool", "vm", "datastore", "network"} {
		var out strings.Builder
		e := environment{stdin: strings.NewReader(""), stdout: &out, stderr: os.Stderr, getenv: func(k string) string { return env[k] }, raw: noTerminal}
		if code := run(t.Context(), e, []string{noun, "list"}); code != exitOK {
			t.Fatalf("%s list: exit code %d", noun, code)
		}
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
			paths = append(paths, noun+" "+strings.TrimSpace(regexp.MustCompile(`\s{2,}`).Split(line, 2)[0]))
		}
	}
	slices.Sort(paths)
	return paths
}

// counted returns how often each line is there.
func counted(lines []string) map[string]int {
	counts := map[string]int{}
	for _, l := range lines {
		counts[l]++
	}
	return counts
}

// The names are those that govmomi's vcsim gave in 2024 by simulator/model.go, for the same flags, but for its distributed switches.
func TestSimNames(t *testing.T) {
	for _, tt := range []struct {
		flags string
		want  []string
	}{
		{"", []string{"datacenter DC0", "cluster DC0_C0", "cluster DC0_H0", "host DC0_H0", "host DC0_C0_H0", "host DC0_C0_H1", "host DC0_C0_H2",
			"pool Resources", "pool Resources", "vm DC0_H0_VM0", "vm DC0_H0_VM1", "vm DC0_C0_RP0_VM0", "vm DC0_C0_RP0_VM1",
			"datastore LocalDS_0", "network VM Network", "network DC0_DVPG0",
			"folder Datacenters", "folder vm", "folder host", "folder datastore", "folder network"}},
		{"-dc 2 -folder 1 -cluster 2 -host 1 -standalone-host 0 -vm=1 -ds 2 -pg 2 --autostart=false", []string{
			"datacenter DC0", "datacenter DC1", "cluster DC0_C0", "cluster DC0_C1", "cluster DC1_C0", "cluster DC1_C1",
			"host DC0_C0_H0", "host DC0_C1_H0", "host DC1_C0_H0", "host DC1_C1_H0", "pool Resources", "pool Resources", "pool Resources", "pool Resources",
			"vm DC0_C0_RP0_VM0", "vm DC0_C1_RP0_VM0", "vm DC1_C0_RP0_VM0", "vm DC1_C1_RP0_VM0",
			"datastore LocalDS_0", "datastore LocalDS_1", "datastore LocalDS_0", "datastore LocalDS_1",
			"network VM Network", "network DC0_DVPG0", "network DC0_DVPG1", "network VM Network", "network DC1_DVPG0", "network DC1_DVPG1",
			"folder Datacenters", "folder F0", "folder F0", "folder F0", "folder F0", "folder F0",
			"folder vm", "folder host", "folder datastore", "folder network", "folder vm", "folder host", "folder datastore", "folder network"}},
		{"-host 1 -standalone-host 0 -pool 2 -vm 1", []string{"datacenter DC0", "cluster DC0_C0", "host DC0_C0_H0",
			"pool Resources", "pool DC0_C0_RP1", "pool DC0_C0_RP2", "vm DC0_C0_RP1_VM0", "vm DC0_C0_RP2_VM0",
			"datastore LocalDS_0", "network VM Network", "network DC0_DVPG0",
			"folder Datacenters", "folder vm", "folder host", "folder datastore", "folder network"}},
		{"-cluster 0 -standalone-host 2 -vm 0 -pg 0 -ds 0", []string{"datacenter DC0", "cluster DC0_H0", "cluster DC0_H1", "host DC0_H0", "host DC0_H1",
			"pool Resources", "pool Resources", "network VM Network",
			"folder Datacenters", "folder vm", "folder host", "folder datastore", "folder network"}},
	} {
		t.Run(tt.flags, func(t *testing.T) {
			env, stop := startSim(t, strings.Fields(tt.flags)...)
			got, want := counted(inventoryOf(t, env)), counted(tt.want)
			if !maps.Equal(got, want) {
				t.Errorf("the inventory is\n%v\nwant\n%v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
			data := strings.TrimSuffix(env["HANOK_CA"], "/ca.pem")
			if code := stop(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
			if _, err := os.Stat(data); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", data, err)
			}
		})
	}
}

// With a data folder the next start finds everything as it was, machines with power with it.
func TestSimKept(t *testing.T) {
	dir := t.TempDir() + "/sim"
	states := func(env map[string]string) string {
		t.Helper()
		var out strings.Builder
		e := environment{stdin: strings.NewReader(""), stdout: &out, stderr: os.Stderr, getenv: func(k string) string { return env[k] }, raw: noTerminal}
		if code := run(t.Context(), e, []string{"vm", "list"}); code != exitOK {
			t.Fatal("exit code", code)
		}
		var lines []string
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
			lines = append(lines, fmt.Sprint(strings.Fields(line)[:3]))
		}
		return strings.Join(lines, "\n")
	}
	args := []string{"--data", dir, "-username", "alice", "-password", "a long password", "-host", "1"}
	env, stop := startSim(t, args...)
	if want := "https://alice:a%20long%20password@127.0.0.1:"; !strings.HasPrefix(env["GOVC_URL"], want) || !strings.HasSuffix(env["GOVC_URL"], "/sdk") {
		t.Errorf("GOVC_URL is %s, want %s...", env["GOVC_URL"], want)
	}
	env["HANOK_PASSWORD"] = "a long password"
	e := environment{stdin: strings.NewReader(""), stdout: io.Discard, stderr: os.Stderr, getenv: func(k string) string { return env[k] }, raw: noTerminal}
	if code := run(t.Context(), e, []string{"vm", "stop", "DC0_H0_VM0"}); code != exitOK {
		t.Fatal("exit code", code)
	}
	before := states(env)
	if strings.Count(before, "poweredOn") != 3 || strings.Count(before, "poweredOff") != 1 {
		t.Errorf("the machines are\n%s", before)
	}
	if code := stop(); code != exitOK {
		t.Fatal("exit code", code)
	}
	env, _ = startSim(t, "--data", dir)
	env["HANOK_PASSWORD"] = "a long password"
	var after string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if after = states(env); after == before {
			return
		}
	}
	t.Errorf("after the second start the machines are\n%s\nwant\n%s", after, before)
}

func TestSimRefusals(t *testing.T) {
	for _, tt := range []struct{ flags, want string }{
		{"-app 1", "this version makes no vApps"},
		{"-pod 1", "this version makes no datastore clusters"},
		{"-dc 0", "-dc 0 is out of range"},
		{"-vm -1", "-vm -1 is out of range"},
		{"-ds 0", "virtual machines need a datastore"},
		{"-host 6000 -cluster 2", "are more than 10000"},
		{"-password short", "the password is too short"},
	} {
		t.Run(tt.flags, func(t *testing.T) {
			var stderr strings.Builder
			e := environment{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }, raw: noTerminal}
			code := run(t.Context(), e, append([]string{"sim", "-l", "127.0.0.1:0"}, strings.Fields(tt.flags)...))
			if code != exitFailure || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, exitFailure, tt.want, &stderr)
			}
		})
	}
}

// Only the long flags of commands that take them with one dash get the second one.
func TestDoubled(t *testing.T) {
	root := (&app{}).root()
	for line, want := range map[string]string{
		"sim -dc 2 -vm=3 -l :0 -autostart=false": "sim --dc 2 --vm=3 -l :0 --autostart=false",
		"sim --dc 2 -x":                          "sim --dc 2 -x",
		"sim -standalone-host 0 -o json":         "sim --standalone-host 0 -o json",
		"vm list -o json":                        "vm list -o json",
		"host sim 2 -prefix x":                   "host sim 2 -prefix x",
	} {
		if got := strings.Join(doubled(root, strings.Fields(line)), " "); got != want {
			t.Errorf("%s becomes %s, want %s", line, got, want)
		}
	}
}

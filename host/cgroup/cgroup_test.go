package cgroup

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hanok/internal/testhost"
)

// roleVariable makes the test program a process to be put into a group: "burn" uses a CPU, "eat" takes memory until it is ended.
const roleVariable = "HANOK_CGROUP_TEST"

// burns and eaten are what such processes do it with.
var (
	burns atomic.Int64
	eaten [][]byte
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "burn":
		for {
			burns.Add(1)
		}
	case "eat":
		for fmt.Scanln(); ; { // when it is told to
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			eaten = append(eaten, block)
		}
	}
	os.Exit(m.Run())
}

// open returns a tree of its own, of which nothing is left when the test ends.
func open(t *testing.T) *Tree {
	t.Helper()
	testhost.Require(t)
	name := "hanok-test-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	tree := Open(name)
	t.Logf("cpu %d, memory %d, %v", tree.CPU(), tree.Memory(), tree.Warnings())
	if tree.CPU() == Absent || tree.Memory() == Absent {
		t.Fatal("the tests need both controllers: ", tree.Warnings())
	}
	t.Cleanup(func() {
		Open(name)
		for _, h := range tree.hierarchies {
			if _, err := os.Stat(h.top); err == nil {
				t.Errorf("%s is left", h.top)
			}
		}
	})
	return tree
}

// child is a process of the test program.
type child struct {
	*exec.Cmd
	t     *testing.T
	stdin io.Writer
}

// begin lets a process eat.
func (c child) begin() {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, "\n"); err != nil {
		c.t.Fatal(err)
	}
}

// start starts a process of the role, which ends with the test.
func start(t *testing.T, role string) child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GOMAXPROCS=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return child{cmd, t, stdin}
}

// used returns the CPU time of a process in the kernel's ticks.
func used(t *testing.T, pid int) int64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return user + system
}

// burnt returns what both processes have used of the CPUs while the second one used two seconds.
func burnt(t *testing.T, a, b int) (int64, int64) {
	t.Helper()
	a0, b0 := used(t, a), used(t, b)
	for used(t, b) < b0+200 {
		time.Sleep(50 * time.Millisecond)
	}
	return used(t, a) - a0, used(t, b) - b0
}

// group returns the group of a process in the hierarchy with the cpu or the memory controller.
func group(t *testing.T, tree *Tree, controller, name string) string {
	t.Helper()
	for _, h := range tree.hierarchies {
		if h.cpu && controller == "cpu" || h.memory && controller == "memory" {
			if dirs := h.named(name); len(dirs) == 1 {
				return dirs[0]
			} else if len(dirs) > 1 {
				t.Fatalf("%q are there", dirs)
			}
		}
	}
	return ""
}

func value(t *testing.T, dir, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func place(t *testing.T, tree *Tree, pid int, path ...Share) {
	t.Helper()
	if err := tree.Place(pid, path...); err != nil {
		t.Fatal(err)
	}
}

func TestCPULimit(t *testing.T) {
	tree := open(t)
	limited, free := start(t, "burn").Process.Pid, start(t, "burn").Process.Pid
	place(t, tree, limited, Share{Name: "vm-limited", CPUShares: 1000, CPULimit: 0.25})
	place(t, tree, free, Share{Name: "vm-free", CPUShares: 1000})
	few, many := burnt(t, limited, free)
	t.Logf("a quarter: %d of %d", few, many)
	if ratio := float64(few) / float64(many); ratio > 0.5 || ratio < 0.02 {
		t.Errorf("a process with a quarter of a CPU used %.2f of what one without a limit did", ratio)
	}
	// Live: the limit goes.
	place(t, tree, limited, Share{Name: "vm-limited", CPUShares: 1000})
	pin(t, limited, free)
	few, many = burnt(t, limited, free)
	t.Logf("without: %d of %d", few, many)
	if ratio := float64(few) / float64(many); ratio < 0.6 {
		t.Errorf("without its limit it used %.2f of what the other did", ratio)
	}
	// The limit of a pool is that of what is in it, and comes down on what had more.
	place(t, tree, limited, Share{Name: "resgroup-p", CPUShares: 4000}, Share{Name: "vm-limited", CPUShares: 1000, CPULimit: 0.9})
	place(t, tree, free, Share{Name: "vm-free", CPUShares: 1000})
	place(t, tree, limited, Share{Name: "resgroup-p", CPUShares: 4000, CPULimit: 0.1}, Share{Name: "vm-limited", CPUShares: 1000, CPULimit: 0.9})
	few, many = burnt(t, limited, free)
	t.Logf("a tenth by its pool: %d of %d", few, many)
	if ratio := float64(few) / float64(many); ratio > 0.4 {
		t.Errorf("in a pool with a tenth of a CPU it used %.2f of what one without a limit did", ratio)
	}
}

// pin lets processes run on one CPU only: it is short for them.
func pin(t *testing.T, pids ...int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if set.IsSet(cpu) {
			set.Zero()
			set.Set(cpu)
			break
		}
	}
	for _, pid := range pids {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			tid, _ := strconv.Atoi(task.Name())
			if err := unix.SchedSetaffinity(tid, &set); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCPUShares(t *testing.T) {
	tree := open(t)
	one, three := start(t, "burn").Process.Pid, start(t, "burn").Process.Pid
	pin(t, one, three)
	place(t, tree, one, Share{Name: "vm-one", CPUShares: 1000})
	place(t, tree, three, Share{Name: "vm-three", CPUShares: 3000})
	few, many := burnt(t, one, three)
	t.Logf("one to three: %d and %d", few, many)
	if ratio := float64(many) / float64(few); ratio < 2 || ratio > 4.5 {
		t.Errorf("three times the shares gave %.1f times the CPU", ratio)
	}
	// Of pools first, and then in them: one has a quarter of the CPU alone, three another share of three quarters.
	four := start(t, "burn").Process.Pid
	pin(t, four)
	outer := Share{Name: "resgroup-low", CPUShares: 2000}
	high := Share{Name: "resgroup-high", CPUShares: 6000}
	place(t, tree, one, outer, Share{Name: "vm-one", CPUShares: 9000})
	place(t, tree, three, high, Share{Name: "vm-three", CPUShares: 1000})
	place(t, tree, four, high, Share{Name: "vm-four", CPUShares: 1000})
	few, many = burnt(t, one, three)
	t.Logf("in pools: %d and %d", few, many)
	if ratio := float64(many) / float64(few); ratio < 1 || ratio > 2.2 {
		t.Errorf("half of three times the shares gave %.1f times the CPU", ratio)
	}
}

func TestMemory(t *testing.T) {
	tree := open(t)
	first, second := start(t, "eat"), start(t, "eat").Process.Pid
	pool, deep := Share{Name: "resgroup-p", CPUShares: 4000}, Share{Name: "resgroup-q", CPUShares: 4000}
	vm := func(name string, min, max int64) Share {
		return Share{Name: name, CPUShares: 1000, MemoryMin: min << 20, MemoryMax: max << 20}
	}
	place(t, tree, first.Process.Pid, pool, vm("vm-a", 16, 64))
	place(t, tree, second, pool, deep, vm("vm-b", 8, 0))
	minimum := map[Version]string{V1: "memory.soft_limit_in_bytes", V2: "memory.min"}[tree.Memory()]
	of := func(name, file string) string { return value(t, group(t, tree, "memory", name), file) }
	if got := of("vm-a", minimum) + " " + of("vm-b", minimum); got != "16777216 8388608" {
		t.Errorf("%s is kept", got)
	}
	top := filepath.Dir(group(t, tree, "memory", "resgroup-p"))
	sum := func(want string) {
		t.Helper()
		if tree.Memory() != V2 {
			return
		}
		if got := value(t, top, minimum) + " " + of("resgroup-p", minimum); got != want {
			t.Errorf("%s is kept for all and for the pool, want %s", got, want)
		}
	}
	sum("25165824 25165824")
	place(t, tree, second, deep, vm("vm-b", 4, 0))
	sum("20971520 16777216")
	if group(t, tree, "memory", "resgroup-q") != filepath.Join(top, "resgroup-q") {
		t.Error("the pool has not moved")
	}

	// The backstop ends who takes more than there is for it, and nobody else.
	first.begin()
	err := first.Wait()
	status, ok := first.ProcessState.Sys().(syscall.WaitStatus)
	if err == nil || !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process with 64 MB has ended with %v", err)
	}
	tree.Remove("vm-a")
	if group(t, tree, "memory", "resgroup-p") != "" || group(t, tree, "cpu", "resgroup-p") != "" {
		t.Error("the empty pool is left")
	}
}

// A later process of the agent finds what runs where it is, and removes the rest.
func TestSweep(t *testing.T) {
	tree := open(t)
	stays, goes := start(t, "burn"), start(t, "burn")
	pool := Share{Name: "resgroup-p", CPUShares: 4000}
	place(t, tree, stays.Process.Pid, pool, Share{Name: "vm-stays", CPUShares: 1000, CPULimit: 0.1})
	place(t, tree, goes.Process.Pid, Share{Name: "resgroup-q", CPUShares: 4000}, Share{Name: "vm-goes", CPUShares: 1000})
	_ = goes.Process.Kill()
	_ = goes.Wait()
	tree = Open(filepath.Base(tree.hierarchies[0].top))
	for _, controller := range []string{"cpu", "memory"} {
		if group(t, tree, controller, "vm-goes") != "" || group(t, tree, controller, "resgroup-q") != "" {
			t.Error("the group of an ended process is left")
		}
		stayed := group(t, tree, controller, "vm-stays")
		if procs := strings.Fields(value(t, stayed, "cgroup.procs")); !slices.Contains(procs, strconv.Itoa(stays.Process.Pid)) {
			t.Errorf("%q are in the group of one that runs", procs)
		}
	}
	_ = stays.Process.Kill()
	_ = stays.Wait()
	tree.Remove("vm-stays")
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "../x", "cgroup.procs", "Vm"} {
		if err := new(Tree).Place(1, Share{Name: name}); err == nil {
			t.Errorf("%q is the name of a group", name)
		}
	}
	var none *Tree
	if none.CPU() != Absent || none.Place(1, Share{Name: "x"}) != nil || none.Warnings() != nil {
		t.Error("a tree of nothing does something")
	}
	none.Remove("x")
}

// A host without controllers works on, and says what it lacks and why.
func TestWarnings(t *testing.T) {
	dir := t.TempDir() // what can be written and is no control group
	for _, tt := range []struct {
		name   string
		mounts []mount
		why    string
	}{
		{"none", nil, "the kernel offers none"},
		{"unusable", []mount{{version: V1, point: dir, options: []string{"rw", "cpu", "memory"}}}, "no such file or directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := newTree("hanok-test", tt.mounts, "/")
			if tree.CPU() != Absent || tree.Memory() != Absent {
				t.Errorf("it has cpu %d, memory %d", tree.CPU(), tree.Memory())
			}
			said := strings.Join(tree.Warnings(), "\n")
			for _, want := range []string{"CPU limits and shares are not enforced", "Memory reservations are not enforced", tt.why, "mount cgroup2"} {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q: %s", want, said)
				}
			}
			if err := tree.Place(os.Getpid(), Share{Name: "vm-a", CPUShares: 1000, CPULimit: 0.5}); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestParseMounts(t *testing.T) {
	all, err := parseMounts(strings.NewReader(`22 1 0:20 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
30 22 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct
31 22 0:27 / /sys/fs/cgroup/with\040space rw - cgroup2 cgroup2 rw
nonsense
32 22 0:28 / relative rw - cgroup cgroup rw,memory
`))
	if err != nil || len(all) != 2 || all[0].version != V1 || !slices.Contains(all[0].controllers(), "cpu") ||
		all[1].version != V2 || all[1].point != "/sys/fs/cgroup/with space" {
		t.Errorf("got %+v, %v", all, err)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add("30 22 0:26 / /sys/fs/cgroup/cpu rw shared:15 - cgroup cgroup rw,cpu")
	f.Add(`1 1 0:1 / /a\040\7 rw - cgroup2 x y`)
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := parseMounts(strings.NewReader(text))
		for _, m := range all {
			if !filepath.IsAbs(m.point) {
				t.Errorf("%q is a mount point", m.point)
			}
		}
	})
}

func TestWeight(t *testing.T) {
	for shares, want := range map[int64]int64{0: 1, 1: 1, 500: 20, 1000: 40, 2000: 80, 256_000: 10_000, 1 << 40: 10_000} {
		if got := weight(shares); got != want {
			t.Errorf("%d shares weigh %d, want %d", shares, got, want)
		}
	}
}

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"hanok/internal/testhost"
)

// TestResources limits a real guest and looks at what the kernel was told: at once, after the death of the service, and in nested
// resource pools.
func TestResources(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	host := c.objects("host")[0]
	mhz := int(host["cpuMhz"].(float64))
	if cores, guaranteed := host["cpuCores"].(float64), host["guaranteedCpuMhz"].(float64); mhz < 100 || guaranteed <= 0 || guaranteed >= cores*float64(mhz) {
		t.Errorf("the host has %v cores of %d MHz and guarantees %v MHz", cores, mhz, guaranteed)
	}
	if out := c.ok("doctor"); strings.Contains(out, "controller") {
		t.Errorf("the doctor misses a controller:\n%s", out)
	}
	pid := c.qemu("hello")
	limit := func(mhz int) { t.Helper(); c.ok("vm", "resources", "hello", "--cpu-limit", strconv.Itoa(mhz)) }

	if got := quota(t, pid); got != 0 {
		t.Errorf("without a limit the kernel was told %v CPUs", got)
	}
	limit(mhz / 4)
	until(t, "the limit is set", func() bool { return near(quota(t, pid), 0.25) })
	c.ok("vm", "resources", "hello", "--memory-reservation", "64M", "--memory-limit", "96M", "--cpu-shares", "low")
	until(t, "the status says what is not enforced", func() bool {
		return strings.Contains(c.ok("vm", "get", "hello"), "memory limit of 96 MB is not enforced")
	})

	c.signal(syscall.SIGKILL)
	c.up()
	if now := c.qemu("hello"); now != pid || !near(quota(t, pid), 0.25) {
		t.Errorf("process %d, and before %d; it has %v CPUs", now, pid, quota(t, pid))
	}
	c.ok("pool", "create", "outer", "--cpu-limit", strconv.Itoa(mhz/10))
	c.ok("pool", "create", "inner", "--parent", "outer")
	c.ok("vm", "resources", "hello", "--pool", "inner")
	pools := map[string]string{}
	for _, p := range c.objects("pool") {
		pools[p["name"].(string)] = p["id"].(string)
	}
	nested := fmt.Sprintf("/%s/%s/%s", pools["outer"], pools["inner"], c.machine("hello").ID)
	until(t, "it is in the groups of its pools", func() bool { return strings.HasSuffix(group(t, pid), nested) })
	if got := quotaOf(t, filepath.Dir(filepath.Dir(group(t, pid)))); !near(got, 0.1) {
		t.Errorf("its pool has %v CPUs", got)
	}
	c.ok("pool", "update", "outer", "--cpu-limit", strconv.Itoa(mhz/2))
	until(t, "the pool's limit has changed", func() bool {
		return near(quotaOf(t, filepath.Dir(filepath.Dir(group(t, pid)))), 0.5) && near(quota(t, pid), 0.25)
	})
	c.ok("pool", "delete", "outer")
	until(t, "the pool's group is gone", func() bool { return !strings.Contains(group(t, pid), pools["outer"]) })

	left := filepath.Dir(group(t, pid))
	c.ok("vm", "stop", "hello")
	until(t, "nothing is left of the groups", func() bool { _, err := os.Stat(left); return err != nil })
	c.ok("vm", "resources", "hello", "--cpu-limit", "none", "--cpu-reservation", strconv.Itoa(mhz+1))
	c.refused([]string{"MHz are reserved, and 1 CPUs have", "give it more CPUs"}, "vm", "start", "hello")
}

// near allows for the kernel's rounding.
func near(got, want float64) bool { return got > want*0.98 && got < want*1.02 }

// quota returns how many CPUs the kernel gives a process at most by the limit of its own group, 0 for no limit.
func quota(t *testing.T, pid int) float64 { t.Helper(); return quotaOf(t, group(t, pid)) }

func quotaOf(t *testing.T, dir string) float64 {
	t.Helper()
	var words []string
	for _, files := range [][]string{{"cpu.max"}, {"cpu.cfs_quota_us", "cpu.cfs_period_us"}} {
		for _, file := range files {
			if data, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
				words = append(words, strings.Fields(string(data))...)
			}
		}
	}
	if len(words) != 2 {
		return 0 // it moves just now
	}
	limit, _ := strconv.ParseFloat(words[0], 64)
	period, _ := strconv.ParseFloat(words[1], 64)
	return max(0, limit/period)
}

// group returns the folder of a process's control group with the cpu controller.
func group(t *testing.T, pid int) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for mount := range strings.Lines(string(mounts)) {
			m := strings.Fields(mount)
			v1 := m[2] == "cgroup" && strings.Contains(","+m[3]+",", ",cpu,") && strings.Contains(","+parts[1]+",", ",cpu,")
			if v1 || m[2] == "cgroup2" && parts[0] == "0" {
				dir := filepath.Join(m[1], parts[2])
				if _, err := os.Stat(filepath.Join(dir, "cpu.weight")); v1 || err == nil {
					return dir
				}
			}
		}
	}
	t.Fatalf("no group with the cpu controller in %s", data)
	return ""
}

package stats

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// spent returns how many bytes this process has written to files, and its CPU time.
func spent(b *testing.B) (written int64, cpu time.Duration) {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "wchar: "); ok {
			written, err = strconv.ParseInt(value, 10, 64)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	return written, time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// kept are counters that the manager keeps of a machine.
var kept = []dc.CounterID{dc.CPUUsage, dc.CPUUsageMHz, dc.CPUReady, dc.MemoryUsage, dc.MemoryActive, dc.MemoryConsumed, dc.DiskRead, dc.DiskWrite,
	dc.DiskUsage, dc.NetReceived, dc.NetTransmitted, dc.SysUptime}

// BenchmarkMonth keeps 500 machines for 33 days of simulated time, in frames of hosts as they come, with figures of machines that do something,
// and says what each machine takes of the file at its end: everything is full then, and what is over is gone.
func BenchmarkMonth(b *testing.B) {
	const hosts, machines, days = 5, 100, 33
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "db")
		d, err := openDatabase(path, nil)
		if err != nil {
			b.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		now, sizes := begin, []int64{}
		for step := 1; step <= days*288; step++ {
			now = now.Add(5 * time.Minute)
			var frames []dc.Frame
			for host := range hosts {
				f := dc.Frame{End: now, Period: 5 * time.Minute}
				for vm := range machines {
					id := dc.ID(fmt.Sprintf("vm-%012x", uint64(host*machines+vm+1)*0x9e3779b97f4a7c15>>16))
					for n, c := range kept {
						value := r.Int64N(int64(10) << n) // up to 20480: percents, MHz, kB a second
						if c == dc.SysUptime {
							value = int64(step * 300)
						}
						f.Figures = append(f.Figures, dc.Figure{Object: id, Counter: c, Value: value})
					}
				}
				frames = append(frames, f)
			}
			if err := d.keep(frames); err != nil {
				b.Fatal(err)
			}
			if step%12 != 0 {
				continue
			}
			if err := d.expire(now); err != nil {
				b.Fatal(err)
			}
			if step%288 == 0 {
				info, err := os.Stat(path)
				if err != nil {
					b.Fatal(err)
				}
				sizes = append(sizes, info.Size())
			}
		}
		if last := sizes[days-1]; last > sizes[days-2] {
			b.Errorf("the file still grows: %d", sizes)
		} else {
			b.ReportMetric(float64(last)/(hosts*machines), "B/machine")
		}
		if err := d.close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkKeep keeps 5 minutes of a thousand hosts with a hundred machines each, twelve counters a machine, as Service.write does.
func BenchmarkKeep(b *testing.B) {
	path := filepath.Join(b.TempDir(), "db")
	d, err := openDatabase(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	now := begin
	written, cpu := spent(b)
	for b.Loop() {
		now = now.Add(5 * time.Minute)
		var frames []dc.Frame
		figures := 0
		for host := range 1000 {
			f := dc.Frame{End: now, Period: 5 * time.Minute}
			for vm := range 100 {
				for n, c := range kept {
					f.Figures = append(f.Figures, dc.Figure{Object: dc.ID(fmt.Sprintf("vm-%05d%08d", vm*7919%100, host*100+vm)), Counter: c, Value: int64(host * n)})
				}
			}
			frames, figures = append(frames, f), figures+len(f.Figures)
			if figures >= batchFigures || host == 999 {
				if err := d.keep(frames); err != nil {
					b.Fatal(err)
				}
				frames, figures = nil, 0
			}
		}
	}
	b.StopTimer()
	w, c := spent(b)
	b.ReportMetric(float64(w-written)/float64(b.N)/1e6, "MB-written/op")
	b.ReportMetric((c-cpu).Seconds()/float64(b.N), "CPU-s/op")
	start := time.Now()
	if _, err := d.query(0, dc.SeriesQuery{Object: "vm-0000000000000"}, now); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(start).Microseconds()), "us/query")
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/float64(b.N)/1e6, "MB-file/op")
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if strings.HasPrefix(line, "RssAnon") {
			var kb float64
			fmt.Sscanf(line, "RssAnon: %f", &kb)
			b.ReportMetric(kb/1024, "MB-RssAnon")
		}
	}
}

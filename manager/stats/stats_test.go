package stats

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hanok/dc"
)

var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *database {
	t.Helper()
	d, err := openDatabase(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.close() })
	return d
}

// frame is one of 5 minutes, in which a machine uses value of its CPU, was ready for value ms, and is up for value seconds.
func frame(end time.Time, object dc.ID, value int64) dc.Frame {
	f := dc.Frame{End: end, Period: dc.Intervals()[0].Period}
	for _, c := range []dc.CounterID{dc.CPUUsage, dc.CPUReady, dc.SysUptime} {
		f.Figures = append(f.Figures, dc.Figure{Object: object, Counter: c, Value: value})
	}
	return f
}

func values(t *testing.T, d *database, interval int, q dc.SeriesQuery, now time.Time) string {
	t.Helper()
	all, err := d.query(interval, q, now)
	if err != nil {
		t.Fatal(err)
	}
	s := ""
	for _, series := range all {
		c, _ := dc.CounterOf(series.Counter)
		s += c.Name + ":"
		for _, sample := range series.Samples {
			s += fmt.Sprintf(" %s=%d", sample.End.Format("15:04"), sample.Value)
		}
		s += "; "
	}
	return s
}

func TestRollUp(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "db"))
	// Out of order, one of them twice.
	for _, n := range []int{3, 1, 2, 6, 5, 4, 4, 7} {
		if err := d.keep([]dc.Frame{frame(begin.Add(time.Duration(n)*5*time.Minute), "vm-a", int64(n)*10)}); err != nil {
			t.Fatal(err)
		}
	}
	now := begin.Add(35 * time.Minute)
	all := dc.SeriesQuery{Object: "vm-a"}
	for _, test := range []struct {
		interval int
		q        dc.SeriesQuery
		want     string
	}{
		{0, dc.SeriesQuery{Object: "vm-a", Counters: []dc.CounterID{dc.CPUUsage}}, "usage: 00:05=10 00:10=20 00:15=30 00:20=40 00:25=50 00:30=60 00:35=70; "},
		{0, dc.SeriesQuery{Object: "vm-a", Counters: []dc.CounterID{dc.CPUUsage}, Max: 2}, "usage: 00:30=60 00:35=70; "},
		{0, dc.SeriesQuery{Object: "vm-a", Counters: []dc.CounterID{dc.CPUUsage}, Start: begin.Add(10 * time.Minute), End: begin.Add(20 * time.Minute)}, "usage: 00:15=30 00:20=40; "},
		{0, dc.SeriesQuery{Object: "vm-b"}, ""},
		{0, dc.SeriesQuery{Object: "vm-a", Instance: "0"}, ""},
		{1, all, "usage: 00:30=35 01:00=70; ready: 00:30=210 01:00=70; uptime: 00:30=60 01:00=70; "},
		{2, all, "usage: 02:00=40; ready: 02:00=280; uptime: 02:00=70; "},
	} {
		if got := values(t, d, test.interval, test.q, now); got != test.want {
			t.Errorf("interval %d, %+v:\n%s, want\n%s", test.interval, test.q, got, test.want)
		}
	}
}

// TestBounded keeps forty days of samples: the file stops growing once the month is full, and what is over is gone.
func TestBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	d := open(t, path)
	var sizes []int64
	now := begin
	for day := range 40 {
		var frames []dc.Frame
		for range 288 {
			now = now.Add(5 * time.Minute)
			for o := range 10 {
				frames = append(frames, frame(now, dc.ID(fmt.Sprintf("vm-%d-%d", day, o)), 1)) // a machine lives for a day
			}
		}
		if err := d.keep(frames); err != nil {
			t.Fatal(err)
		}
		if err := d.expire(now); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	if sizes[39] > sizes[33] {
		t.Errorf("the file still grows: %d", sizes)
	}
	for _, test := range []struct {
		interval, day int
		want          bool
	}{{0, 39, true}, {0, 37, false}, {1, 34, true}, {1, 31, false}, {2, 12, true}, {2, 8, false}} {
		q := dc.SeriesQuery{Object: dc.ID(fmt.Sprintf("vm-%d-0", test.day))}
		if got := values(t, d, test.interval, q, now) != ""; got != test.want {
			t.Errorf("interval %d has samples of day %d of 40: %v", test.interval, test.day, got)
		}
	}
}

// TestKilled kills processes that write: what each has said that it kept is there, and the file is whole.
func TestKilled(t *testing.T) {
	const variable = "HANOK_TEST_WRITER"
	if path := os.Getenv(variable); path != "" {
		d := open(t, path)
		for n := 1; ; n++ {
			if err := d.keep([]dc.Frame{frame(begin.Add(time.Duration(n)*5*time.Minute), "vm-a", int64(n))}); err != nil {
				t.Fatal(err)
			}
			fmt.Println("kept", n)
		}
	}
	for round := range 3 {
		path := filepath.Join(t.TempDir(), "db")
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), variable+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, _ := fmt.Sscanf(lines.Text(), "kept %d", &kept); n == 1 && kept == 20+round*15 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		if kept < 20 {
			t.Fatalf("the writer kept %d", kept)
		}
		d := open(t, path)
		now := begin.Add(time.Duration(kept) * 5 * time.Minute)
		all, err := d.query(0, dc.SeriesQuery{Object: "vm-a", Counters: []dc.CounterID{dc.CPUUsage}, End: now}, now)
		if err != nil || len(all) != 1 || len(all[0].Samples) != kept || all[0].Samples[kept-1].Value != int64(kept) {
			t.Errorf("%d were kept, and there are %+v, %v", kept, all, err)
		}
		if aside, _ := filepath.Glob(path + ".damaged-*"); len(aside) != 0 {
			t.Errorf("a file was set aside: %v", aside)
		}
	}
}

// TestDamage breaks the file in several ways: statistics begin anew, and the damaged file is set aside.
func TestDamage(t *testing.T) {
	for name, damage := range map[string]func(f *os.File) error{
		"short":   func(f *os.File) error { return f.Truncate(5000) },
		"empty":   func(f *os.File) error { return f.Truncate(10) },
		"foreign": func(f *os.File) error { _, err := f.WriteAt(make([]byte, 16384), 0); return err },
		"pages": func(f *os.File) error {
			info, err := f.Stat()
			if err != nil {
				return err
			}
			junk := make([]byte, info.Size()-8192)
			for i := range junk {
				junk[i] = 0xa5
			}
			_, err = f.WriteAt(junk, 8192)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			d := open(t, path)
			for n := range 50 {
				if err := d.keep([]dc.Frame{frame(begin.Add(time.Duration(n)*5*time.Minute), "vm-a", 1)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.close(); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(f); err != nil {
				t.Fatal(err)
			}
			f.Close()
			d = open(t, path)
			later := frame(begin.Add(10*time.Hour), "vm-a", 7)
			_ = d.keep([]dc.Frame{later}) // may be what finds the damage
			if err := d.keep([]dc.Frame{later}); err != nil {
				t.Fatal(err)
			}
			if got := values(t, d, 0, dc.SeriesQuery{Object: "vm-a", Counters: []dc.CounterID{dc.CPUUsage}}, later.End); got != "usage: 10:00=7; " {
				t.Errorf("after the damage: %s", got)
			}
			if aside, _ := filepath.Glob(path + ".damaged-*"); len(aside) != 1 {
				t.Errorf("set aside: %v", aside)
			}
		})
	}
}

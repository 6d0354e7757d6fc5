package main

import (
	"strings"
	"testing"
	"time"
)

// took returns a way's result: a turn for each pair of milliseconds.
func took(name string, pairs ...[2]int) result {
	r := result{name: name}
	for _, p := range pairs {
		r.took = append(r.took, reached{running: time.Duration(p[0]) * time.Millisecond, told: time.Second, output: time.Duration(p[1]) * time.Millisecond})
	}
	return r
}

func TestSpread(t *testing.T) {
	tests := []struct {
		name string
		r    result
		want spread
	}{
		{"one", took("a", [2]int{5, 0}), spread{5e6, 5e6, 5e6}},
		{"odd", took("a", [2]int{9, 0}, [2]int{1, 0}, [2]int{4, 0}), spread{1e6, 4e6, 9e6}},
		{"even", took("a", [2]int{9, 0}, [2]int{1, 0}, [2]int{4, 0}, [2]int{6, 0}), spread{1e6, 5e6, 9e6}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.r.spread(milestones[0]); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	against := func(hanok [2]int) results {
		return results{took(nameBare, [2]int{40, 100}), took(nameHanok, hanok), took(nameLibvirt, [2]int{50, 200})}
	}
	tests := []struct {
		name  string
		hanok [2]int
		want  []string
	}{
		{"within", [2]int{49, 124}, nil},
		{"slower than bare", [2]int{49, 126}, []string{"first output: 1.260 x bare QEMU, and should be at most 1.25 x"}},
		{"as fast as libvirt", [2]int{50, 125}, []string{"running: 1.000 x virsh start, and should be less than 1 x"}},
		{"all broken", [2]int{60, 300}, []string{"running: 1.500 x bare", "first output: 3.000 x bare", "running: 1.200 x virsh", "first output: 1.500 x virsh"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			if err := against(test.hanok).check(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(test.want) {
				t.Fatalf("%q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("%q, want %q", got[i], want)
				}
			}
		})
	}
}

func TestTable(t *testing.T) {
	rs := results{took(nameBare, [2]int{40, 100}, [2]int{60, 120}), took(nameHanok, [2]int{55, 132}), took(nameLibvirt, [2]int{100, 220})}
	const want = `
| way         | running, ms   | to bare QEMU | to virsh start | told, ms | to bare QEMU | to virsh start | first output, ms | to bare QEMU | to virsh start |
| ---         | ---           | ---          | ---            | ---      | ---          | ---            | ---              | ---          | ---            |
| bare QEMU   | 50 (40 to 60) | 1.00         | 0.50           | 1000 (1000 to 1000) | 1.00 | 1.00        | 110 (100 to 120) | 1.00         | 0.50           |
| Hanok       | 55 (55 to 55) | 1.10         | 0.55           | 1000 (1000 to 1000) | 1.00 | 1.00        | 132 (132 to 132) | 1.20         | 0.60           |
| virsh start | 100 (100 to 100) | 2.00      | 1.00           | 1000 (1000 to 1000) | 1.00 | 1.00        | 220 (220 to 220) | 2.00         | 1.00           |
`
	if got := rs.table(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("%s, want%s", got, want)
	}
}

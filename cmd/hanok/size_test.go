package main

import "testing"

func TestSizes(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int64 // 0: refused
	}{
		{"512M", 512 << 20}, {"10G", 10 << 30}, {"1.5G", 1536 << 20}, {"2T", 2 << 40}, {"1024K", 1 << 20},
		{"10g", 10 << 30}, {"10GB", 10 << 30}, {"10GiB", 10 << 30},
		{"", 0}, {"M", 0}, {"512", 0}, {"-1G", 0}, {"0G", 0}, {"1000K", 0}, {"1X", 0}, {"1e99T", 0}, {"infG", 0}, {"nanG", 0},
	} {
		got, err := parseSize(tc.text)
		if got != tc.want || (err == nil) != (tc.want != 0) {
			t.Errorf("parseSize(%q) = %d, %v, want %d", tc.text, got, err, tc.want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KB", 1536 << 20: "1.5 GB", 512 << 20: "512 MB", 10 << 30: "10 GB", 1<<63 - 1: "8 EB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", n, got, want)
		}
	}
}

package random

import (
	"regexp"
	"testing"
	"time"
)

func TestForms(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() string
		form string
	}{
		{"Suffix", Suffix, `^[0-9a-hjkmnp-tv-z]{12}$`},
		{"Ordered", func() string { return Ordered(time.Now()) }, `^[0-9a-hjkmnp-tv-z]{21}$`},
		{"Token", Token, `^[0-9a-hjkmnp-tv-z]{32}$`},
		{"Password", Password, `^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$`},
		{"UUID", UUID, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		{"MAC", MAC, `^52:54:00(:[0-9a-f]{2}){3}$`},
	} {
		form := regexp.MustCompile(c.form)
		seen := map[string]bool{}
		for range 100 {
			s := c.make()
			if !form.MatchString(s) {
				t.Fatalf("%s made %q, which does not match %s", c.name, s, c.form)
			}
			if seen[s] {
				t.Fatalf("%s made %q twice", c.name, s)
			}
			seen[s] = true
		}
	}
}

func TestOrderedSortsByTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for _, later := range []time.Duration{time.Nanosecond, time.Microsecond, time.Second, 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		if a, b := Ordered(at), Ordered(at.Add(later)); a >= b {
			t.Errorf("%q at %v does not sort before %q, %v later", a, at, b, later)
		}
	}
}

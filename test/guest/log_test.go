package guest

import "testing"

func TestWhole(t *testing.T) {
	const record = "12 34.5 6.7 3e9bf724bb8c7eafb6f863d6359a068d\n"
	for name, c := range map[string]struct {
		line   string
		number int
		want   bool
	}{
		"whole":          {record, 12, true},
		"of another one": {record, 13, false},
		"torn":           {record[:len(record)-1], 12, false},
		"changed":        {"12 34.6" + record[7:], 12, false},
		"zeros":          {"\x00\x00\x00\n", 12, false},
		"nothing":        {"", 12, false},
	} {
		if got := whole(c.line, c.number); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

package qemu

import "testing"

func TestBoardOf(t *testing.T) {
	stream := func(name string) string {
		return "QEVM\x00\x00\x00\x03\x07\x00\x00\x00" + string(rune(len(name))) + name + "\x01\x00\x00"
	}
	tests := []struct {
		name, head, want string
	}{
		{"ours", stream("pc-q35-10.0"), "pc-q35-10.0"},
		{"another board", stream("pc-i440fx-9.2"), ""},
		{"an option smuggled in", stream("pc-q35-9.2,accel=kvm"), ""},
		{"a length beyond the end", stream("pc-q35-10.0")[:20], ""},
		{"another version", "QEVM\x00\x00\x00\x02" + stream("pc-q35-10.0")[8:], ""},
		{"no configuration", "QEVM\x00\x00\x00\x03\x01" + stream("pc-q35-10.0")[9:], ""},
		{"nonsense", "nonsense nonsense nonsense", ""},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		got, ok := boardOf([]byte(test.head))
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("%s: got %q, %v", test.name, got, ok)
		}
	}
}

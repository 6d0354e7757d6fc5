package dc

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	tests := []struct{ name, want string }{
		{"hello", ""},
		{"a", ""},
		{"Müllers VM (2) #1 %41", ""},
		{".hidden", ""},
		{"..hello", ""},
		{strings.Repeat("é", 80), ""},
		{"", "empty"},
		{strings.Repeat("é", 81), "longer than 80"},
		{"a/b", "slash"},
		{`a\b`, "slash"},
		{"../etc", "slash"},
		{".", "folder's own"},
		{"..", "folder's own"},
		{" a", "space"},
		{"a ", "space"},
		{"a\tb", "control"},
		{"a\x00b", "control"},
		{"a\u0085b", "control"},
		{"a\xffb", "UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckName(KindVirtualMachine, tt.name)
			checkRefusal(t, err, Invalid, tt.want, "choose a name")
			if err != nil && !strings.HasPrefix(err.Error(), Describe(KindVirtualMachine, tt.name)+": ") {
				t.Errorf("%v does not name the object", err)
			}
		})
	}
}

package qemu

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestAddressesOf(t *testing.T) {
	many := `[{"ip-addresses": [` + strings.TrimSuffix(strings.Repeat(`{"ip-address": "10.0.0.1"},`, 1000), ",") + `]}]`
	tests := []struct {
		name, reply string
		want        []string
	}{
		{"usual", `[{"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1"}, {"ip-address": "::1"}]},
			{"name": "eth0", "ip-addresses": [{"ip-address": "2001:db8::5"}, {"ip-address": "fe80::1"}, {"ip-address": "10.0.2.15"}]},
			{"name": "eth1", "ip-addresses": [{"ip-address": "169.254.1.1"}, {"ip-address": "192.168.1.2"}]}]`,
			[]string{"10.0.2.15", "192.168.1.2", "2001:db8::5"}},
		{"no addresses", `[{"name": "eth0"}]`, nil},
		{"none at all", `[]`, nil},
		{"nonsense", `[{"ip-addresses": [{"ip-address": "<script>"}, {"ip-address": ""}, {}, {"ip-address": "1.2.3"},
			{"ip-address": "fe80::1%eth0"}, {"ip-address": "0.0.0.0"}, {"ip-address": "224.0.0.1"}]}]`, nil},
		{"twice, once in disguise", `[{"ip-addresses": [{"ip-address": "10.0.0.1"}, {"ip-address": "::ffff:10.0.0.1"}]}]`, []string{"10.0.0.1"}},
		{"the same many times", many, []string{"10.0.0.1"}},
	}
	for _, test := range tests {
		var interfaces []guestInterface
		if err := json.Unmarshal([]byte(test.reply), &interfaces); err != nil {
			t.Fatal(err)
		}
		if got := addressesOf(interfaces); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	var interfaces []guestInterface
	for i := range 1000 {
		text := `[{"ip-addresses": [{"ip-address": "10.0.` + string(rune('0'+i%10)) + "." + string(rune('0'+i/10%10)) + `"}]}]`
		var one []guestInterface
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			t.Fatal(err)
		}
		interfaces = append(interfaces, one...)
	}
	if got := addressesOf(interfaces); len(got) != maxGuestAddresses {
		t.Errorf("%d addresses are kept, want %d", len(got), maxGuestAddresses)
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"Debian GNU/Linux 13 (trixie)": "Debian GNU/Linux 13 (trixie)", "": "", " a ": "a", "a\nb\x00\x1b[31mc": "ab[31mc", "é漢": "é漢",
		"\xff\xfe": "", "\u202eabc": "abc",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("a\x00é\xff\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		got := plain(text + strings.Repeat(text, 300))
		if len(got) > maxGuestText+utf8.UTFMax || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", got)
		}
	})
}

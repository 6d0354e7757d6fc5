package vmx

import (
	"errors"
	"strings"
	"testing"
)

// esxi is a configuration as ESXi writes it, with what people put into it by hand.
const esxi = `#!/usr/bin/vmware
.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "10"
# by hand
memSize = "16384"
numvcpus = 2
displayName = "Büro |22x|22 |7C 1"   # the old one
uuid.bios = "42 00 93 72 17 da be 73-77 9d 00 7c cf 1b d2 28"
annotation = "one|0Atwo"
scsi0:0.fileName = "/vmfs/volumes/ds 1/a=b.vmdk"
ethernet0.addressType = "vpx"

Ethernet0.networkName = ""
`

func TestParseReadsWhatESXiWrites(t *testing.T) {
	c, err := Parse([]byte(esxi))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"virtualhw.VERSION":     "10",
		"numvcpus":              "2",
		"displayName":           `Büro "x" | 1`,
		"annotation":            "one\ntwo",
		"scsi0:0.fileName":      "/vmfs/volumes/ds 1/a=b.vmdk",
		"ethernet0.networkname": "",
	} {
		if got, ok := c.Get(key); !ok || got != want {
			t.Errorf("%s: got %q, %v; want %q", key, got, ok, want)
		}
	}
	if got, ok := c.Get("nvram"); ok {
		t.Errorf("nvram: got %q, want none", got)
	}
	if got := string(c.Bytes()); got != esxi {
		t.Errorf("not written as it was read:\n%s", got)
	}
}

func TestParseTakesForeignLineEnds(t *testing.T) {
	c, err := Parse([]byte("\uFEFFa = \"1\"\r\n\r\nb = \"2\""))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Bytes()), "a = \"1\"\n\nb = \"2\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSetChangesOneLineOnly(t *testing.T) {
	c, err := Parse([]byte(esxi))
	if err != nil {
		t.Fatal(err)
	}
	c.Set("memsize", "16384") // no change: the line keeps its form
	c.Set("DISPLAYNAME", "a \"b\"\t|")
	c.Set("hanok.id", "vm-1")
	c.DeletePrefix("ethernet0.")
	want := strings.Replace(esxi, `displayName = "Büro |22x|22 |7C 1"   # the old one`, `displayName = "a |22b|22|09|7C"`, 1)
	want = strings.Replace(want, "ethernet0.addressType = \"vpx\"\n", "", 1)
	want = strings.Replace(want, "Ethernet0.networkName = \"\"\n", "", 1) + "hanok.id = \"vm-1\"\n"
	if got := string(c.Bytes()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got, _ := c.Get("hanok.id"); got != "vm-1" {
		t.Errorf("hanok.id: got %q after the deletion of other lines", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		text, message string
		line          int
	}{
		"no equals sign": {"a = \"1\"\nnonsense\n", "no =", 2},
		"no key":         {"= \"1\"\n", `"" is not a key`, 1},
		"space in key":   {"a b = \"1\"\n", `"a b" is not a key`, 1},
		"open quote":     {"\n\na = \"1\n", "no closing quotation mark", 3},
		"text behind":    {"a = \"1\" 2\n", "text behind", 1},
		"bare spaces":    {"a = one two\n", "needs quotation marks", 1},
		"twice":          {"a = \"1\"\n#\nA = \"2\"\n", "stands in line 1 already", 3},
		"short escape":   {"a = \"x|2\"\n", "two hexadecimal digits", 1},
		"false escape":   {"a = \"x|+1\"\n", "two hexadecimal digits", 1},
		"escaped binary": {"a = \"|FF\"\n", "not UTF-8", 1},
		"Latin 1":        {".encoding = \"windows-1252\"\na = \"B\xfcro\"\n", "not UTF-8", 2},
		"too long":       {strings.Repeat("#\n", MaxSize), "longer than", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.text))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != test.line || !strings.Contains(syntax.Message, test.message) {
				t.Errorf("got %v, want line %d: …%s…", err, test.line, test.message)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(esxi))
	f.Add([]byte("a=1\r\nb = \"|22|7c\" # c"))
	f.Add([]byte("a = \"|\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse(c.Bytes())
		if err != nil {
			t.Fatalf("can't read what was written: %v\n%s", err, c.Bytes())
		}
		for _, l := range c.lines {
			if l.key == "" {
				continue
			}
			if got, _ := again.Get(l.key); got != l.value {
				t.Fatalf("%s: got %q, want %q", l.key, got, l.value)
			}
			c.Set(l.key, l.value+`"|`)
			if changed, err := Parse(c.Bytes()); err != nil {
				t.Fatalf("after a change of %s: %v", l.key, err)
			} else if got, _ := changed.Get(l.key); got != l.value+`"|` {
				t.Fatalf("%s: got %q after a change of %q", l.key, got, l.value)
			}
		}
	})
}

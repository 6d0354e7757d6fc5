package vmx

import (
	"errors"
	"testing"
)

func TestTypedValues(t *testing.T) {
	c, err := Parse([]byte("# head\nyes = \"True\"\nno = \"0\"\nn = \"42\"\nempty = \"\"\nodd = \"maybe\"\nodder = \"x\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"YES": true, "no": false, "empty": true, "none": true} {
		if got, err := c.Bool(key, true); err != nil || got != want {
			t.Errorf("%s: got %v, %v", key, got, err)
		}
	}
	if n, err := c.Int("n", 0, 1, 42); err != nil || n != 42 {
		t.Errorf("n: got %d, %v", n, err)
	}
	if n, err := c.Int("empty", 7, 1, 42); err != nil || n != 7 {
		t.Errorf("empty: got %d, %v", n, err)
	}
	_, notBool := c.Bool("odd", false)
	_, notInt := c.Int("odd", 0, 0, 1)
	_, tooMuch := c.Int("n", 0, 0, 41)
	for err, line := range map[error]int{notBool: 6, notInt: 6, tooMuch: 4} {
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != line {
			t.Errorf("got %v, want line %d", err, line)
		}
	}
	c.Delete("ODD")
	if _, ok := c.Get("odd"); ok {
		t.Error("odd is still there")
	}
	if got, _ := c.Get("odder"); got != "x" {
		t.Errorf("odder: got %q after the deletion of odd", got)
	}
}

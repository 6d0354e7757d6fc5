package vmx

import (
	"strconv"
	"strings"
)

// Errorf returns a *SyntaxError about the value of a key, with its line; the line is 0 where the key has none.
func (c *Config) Errorf(key, format string, args ...any) error {
	line := 0
	if i, ok := c.index[strings.ToLower(key)]; ok {
		line = i + 1
	}
	return syntaxErrorf(line, key+": "+format, args...)
}

// Bool returns the truth value of a key, and otherwise where there is none or an empty one. VMware writes TRUE and FALSE; what
// people write by hand is understood too, in any case. The error is a *SyntaxError.
func (c *Config) Bool(key string, otherwise bool) (bool, error) {
	value, _ := c.Get(key)
	switch strings.ToLower(value) {
	case "":
		return otherwise, nil
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, c.Errorf(key, "%q is neither TRUE nor FALSE", value)
}

// SetBool gives a key a truth value as VMware writes it.
func (c *Config) SetBool(key string, value bool) {
	c.Set(key, strings.ToUpper(strconv.FormatBool(value)))
}

// Int returns the whole number of a key, and otherwise where there is none or an empty one. The error is a *SyntaxError: no decimal
// number, or one outside least to most.
func (c *Config) Int(key string, otherwise, least, most int64) (int64, error) {
	value, _ := c.Get(key)
	if value == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, c.Errorf(key, "%q is not a whole number", value)
	}
	if n < least || n > most {
		return 0, c.Errorf(key, "%d is out of range: give %d to %d", n, least, most)
	}
	return n, nil
}

// Delete removes a key.
func (c *Config) Delete(key string) {
	c.delete(func(k string) bool { return strings.EqualFold(k, key) })
}

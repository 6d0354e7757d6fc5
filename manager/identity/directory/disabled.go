package directory

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// accountDisable is the flag of userAccountControl that says so (MS-ADTS, section 2.2.16).
	accountDisable = 2
	// locked is the pwdAccountLockedTime of an account that an administrator has locked for good (slapo-ppolicy).
	locked = "000001010000Z"
	// windowsEpoch is 1970 in the 100 ns since 1601 of accountExpires; 0 and never are no end.
	windowsEpoch = 116444736000000000
	never        = 1<<63 - 1
)

// disabled reports whether a user's entry says that it may not log in at now, as a directory of any type says that.
func disabled(entry *ldap.Entry, now time.Time) bool {
	flags, err := strconv.ParseInt(entry.GetEqualFoldAttributeValue("userAccountControl"), 10, 64)
	if err == nil && flags&accountDisable != 0 {
		return true
	}
	expires, err := strconv.ParseInt(entry.GetEqualFoldAttributeValue("accountExpires"), 10, 64)
	if err == nil && expires > 0 && expires != never && now.Unix() >= (expires-windowsEpoch)/1e7 {
		return true
	}
	return entry.GetEqualFoldAttributeValue("pwdAccountLockedTime") == locked || strings.EqualFold(entry.GetEqualFoldAttributeValue("nsAccountLock"), "true")
}

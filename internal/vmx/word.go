package vmx

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// FormatUUID writes a UUID as a .vmx has it: bytes with spaces between, and a hyphen in the middle.
func FormatUUID(uuid string) (string, error) {
	digits := strings.ReplaceAll(uuid, "-", "")
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != 16 {
		return "", fmt.Errorf("%q is not a UUID", uuid)
	}
	return spaced(b[:8]) + "-" + spaced(b[8:]), nil
}

// ParseUUID reads what FormatUUID writes, and returns the UUID in lower case with hyphens.
func ParseUUID(text string) (string, error) {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "-", "").Replace(text))
	if err != nil || len(b) != 16 {
		return "", fmt.Errorf("%q is not a UUID", text)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

func spaced(b []byte) string { return fmt.Sprintf("% x", b) }

// GuestOS returns the word for a guest operating system in a .vmx, from vSphere's identifier: "otherlinux-64" for
// "otherLinux64Guest". Names that the two lists write in different ways stand in a table; all others follow the rule
// that vSphere's name is the .vmx's with "Guest" behind it and "_64" or "64" for "-64".
func GuestOS(guestID string) string {
	if word, ok := guestWords[guestID]; ok {
		return word
	}
	word := strings.TrimSuffix(guestID, "Guest")
	for _, bits := range []string{"_64", "64"} {
		if name, ok := strings.CutSuffix(word, bits); ok {
			return name + "-64"
		}
	}
	return word
}

// GuestID is the reverse of GuestOS, in which case doesn't count. A word that VMware has never used gives an identifier
// that vSphere has never used; no word at all gives "otherGuest64", and so does one that no identifier can stand for.
func GuestID(guestOS string) string {
	if strings.EqualFold(guestOS, "linux") { // of ESX 3
		return "otherLinuxGuest"
	}
	if id, ok := guestIDs[strings.ToLower(guestOS)]; ok {
		return id
	}
	name, wide := strings.CutSuffix(guestOS, "-64")
	id := name + "Guest"
	if wide && strings.ContainsAny(name, "0123456789") {
		id = name + "_64Guest"
	} else if wide {
		id = name + "64Guest"
	}
	if name == "" || GuestOS(id) != guestOS {
		return "otherGuest64"
	}
	return id
}

// guestWords has the names that don't follow the rule, in both directions.
var guestWords = map[string]string{
	"otherGuest64":               "other-64",
	"otherLinuxGuest":            "otherlinux",
	"otherLinux64Guest":          "otherlinux-64",
	"genericLinuxGuest":          "genericlinux",
	"other24xLinuxGuest":         "other24xlinux",
	"other24xLinux64Guest":       "other24xlinux-64",
	"other26xLinuxGuest":         "other26xlinux",
	"other26xLinux64Guest":       "other26xlinux-64",
	"other3xLinuxGuest":          "other3xlinux",
	"other3xLinux64Guest":        "other3xlinux-64",
	"other4xLinuxGuest":          "other4xlinux",
	"other4xLinux64Guest":        "other4xlinux-64",
	"other5xLinuxGuest":          "other5xlinux",
	"other5xLinux64Guest":        "other5xlinux-64",
	"other6xLinuxGuest":          "other6xlinux",
	"other6xLinux64Guest":        "other6xlinux-64",
	"other7xLinuxGuest":          "other7xlinux",
	"other7xLinux64Guest":        "other7xlinux-64",
	"rockylinux_64Guest":         "rockylinux-64", // and some more that have an underscore without a number before it
	"almalinux_64Guest":          "almalinux-64",
	"fusionos_64Guest":           "fusionos-64",
	"prolinux_64Guest":           "prolinux-64",
	"kylinlinux_64Guest":         "kylinlinux-64",
	"oracleLinuxGuest":           "oraclelinux",
	"oracleLinux64Guest":         "oraclelinux-64",
	"oracleLinux6Guest":          "oraclelinux6",
	"oracleLinux6_64Guest":       "oraclelinux6-64",
	"oracleLinux7_64Guest":       "oraclelinux7-64",
	"oracleLinux8_64Guest":       "oraclelinux8-64",
	"oracleLinux9_64Guest":       "oraclelinux9-64",
	"oracleLinux10_64Guest":      "oraclelinux10-64",
	"vmwarePhoton64Guest":        "vmware-photon-64",
	"freebsdGuest":               "freeBSD",
	"freebsd64Guest":             "freeBSD-64",
	"freebsd11Guest":             "freeBSD11",
	"freebsd11_64Guest":          "freeBSD11-64",
	"freebsd12Guest":             "freeBSD12",
	"freebsd12_64Guest":          "freeBSD12-64",
	"freebsd13Guest":             "freeBSD13",
	"freebsd13_64Guest":          "freeBSD13-64",
	"freebsd14Guest":             "freeBSD14",
	"freebsd14_64Guest":          "freeBSD14-64",
	"winLonghornGuest":           "longhorn",
	"winLonghorn64Guest":         "longhorn-64",
	"winVistaGuest":              "winvista",
	"winVista64Guest":            "winvista-64",
	"windows7Server64Guest":      "windows7srv-64",
	"windows8Server64Guest":      "windows8srv-64",
	"windows9Server64Guest":      "windows9srv-64",
	"windows2019srv_64Guest":     "windows2019srv-64",
	"windows2019srvNext_64Guest": "windows2019srvNext-64",
	"windows2022srvNext_64Guest": "windows2022srvNext-64",
	"windowsHyperVGuest":         "winHyperV",
	"winXPPro64Guest":            "winXPPro-64",
}

var guestIDs = func() map[string]string {
	ids := map[string]string{}
	for id := range strings.FieldsSeq(guestIdentifiers) {
		ids[strings.ToLower(GuestOS(id))] = id
	}
	for id, word := range guestWords {
		ids[strings.ToLower(word)] = id
	}
	return ids
}()

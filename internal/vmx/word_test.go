package vmx

import (
	"strings"
	"testing"
)

func TestGuestNames(t *testing.T) {
	for id, word := range map[string]string{
		"otherLinux64Guest":      "otherlinux-64",
		"other5xLinux64Guest":    "other5xlinux-64",
		"otherGuest":             "other",
		"otherGuest64":           "other-64",
		"debian10_64Guest":       "debian10-64",
		"debian12_64Guest":       "debian12-64",
		"ubuntu64Guest":          "ubuntu-64",
		"rhel9_64Guest":          "rhel9-64",
		"centos64Guest":          "centos-64",
		"sles15_64Guest":         "sles15-64",
		"fedora64Guest":          "fedora-64",
		"vmwarePhoton64Guest":    "vmware-photon-64",
		"freebsd13_64Guest":      "freeBSD13-64",
		"windows9Server64Guest":  "windows9srv-64",
		"windows2019srv_64Guest": "windows2019srv-64",
		"windows11_64Guest":      "windows11-64",
		"winXPProGuest":          "winXPPro",
		"vmkernel65Guest":        "vmkernel65",
	} {
		if got := GuestOS(id); got != word {
			t.Errorf("GuestOS(%s): got %s, want %s", id, got, word)
		}
		if got := GuestID(word); got != id {
			t.Errorf("GuestID(%s): got %s, want %s", word, got, id)
		}
	}
	for id := range strings.FieldsSeq(guestIdentifiers) {
		if got := GuestID(strings.ToLower(GuestOS(id))); got != id {
			t.Errorf("GuestID(GuestOS(%s)): got %s by the word %s", id, got, GuestOS(id))
		}
	}
	for word, id := range map[string]string{"linux": "otherLinuxGuest", "freebsd-64": "freebsd64Guest", "": "otherGuest64"} {
		if got := GuestID(word); got != id {
			t.Errorf("GuestID(%q): got %s, want %s", word, got, id)
		}
	}
}

func TestUUID(t *testing.T) {
	const uuid, spaced = "42009372-17da-be73-779d-007ccf1bd228", "42 00 93 72 17 da be 73-77 9d 00 7c cf 1b d2 28"
	if got, err := FormatUUID(uuid); err != nil || got != spaced {
		t.Errorf("FormatUUID: got %q, %v", got, err)
	}
	if got, err := ParseUUID(spaced); err != nil || got != uuid {
		t.Errorf("ParseUUID: got %q, %v", got, err)
	}
	for _, bad := range []string{"", "42009372", uuid + "00", "g2009372-17da-be73-779d-007ccf1bd228"} {
		if got, err := FormatUUID(bad); err == nil {
			t.Errorf("FormatUUID(%q): got %q, want an error", bad, got)
		}
		if got, err := ParseUUID(bad); err == nil {
			t.Errorf("ParseUUID(%q): got %q, want an error", bad, got)
		}
	}
}

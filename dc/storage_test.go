package dc

import (
	"strings"
	"testing"
)

func TestCheckDatastore(t *testing.T) {
	local := func(path string) DatastoreSpec {
		return DatastoreSpec{Type: LocalDatastore, Host: "host-1", Path: path}
	}
	for _, tt := range []struct {
		spec DatastoreSpec
		want string
	}{
		{local("/srv/data store"), ""},
		{local("/srv/" + strings.Repeat("d", maxDatastorePath-5)), ""},
		{local("/srv/" + strings.Repeat("d", maxDatastorePath-4)), "longer than"},
		{local(""), "not absolute"},
		{local("srv/ds"), "not absolute"},
		{local("/"), "whole file system"},
		{local("/srv/../etc"), `"/etc" is`},
		{local("/srv/"), `"/srv" is`},
		{local("//srv"), `"/srv" is`},
		{local("/srv/./ds"), "not clean"},
		{local("/srv/\x00ds"), "control character"},
		{local("/srv/\xff"), "not UTF-8"},
		{DatastoreSpec{Path: "/srv"}, "no type of datastore"},
	} {
		checkRule(t, tt.spec, CheckDatastore("ds", tt.spec), tt.want)
	}
}

func TestCheckImage(t *testing.T) {
	good := Image{Meta: Meta{Name: "starter"}, Digest: "sha256:" + strings.Repeat("0a", 32), SizeBytes: 512, GuestID: "otherLinux64Guest"}
	for _, tt := range []struct {
		change func(*Image)
		want   string
	}{
		{func(*Image) {}, ""},
		{func(i *Image) { i.Name = "../starter" }, "slash"},
		{func(i *Image) { i.Digest = "sha256:0a" }, "no digest"},
		{func(i *Image) { i.SizeBytes = 0 }, "0 bytes"},
		{func(i *Image) { i.GuestID = "other linux" }, "no guest identifier"},
	} {
		image := good
		tt.change(&image)
		checkRule(t, image, CheckImage(&image), tt.want)
	}
}

// checkRule compares how a rule judged what with the text that its error, of kind Invalid, is to hold; "" means no error.
func checkRule(t *testing.T, what any, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%+v: %v", what, err)
	case want != "" && (KindOf(err) != Invalid || !strings.Contains(err.Error(), want)):
		t.Errorf("%+v: %v, want %q", what, err, want)
	}
}

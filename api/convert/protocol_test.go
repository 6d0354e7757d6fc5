package convert_test

import (
	"strings"
	"testing"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

func TestChooseProtocol(t *testing.T) {
	for _, test := range []struct {
		name           string
		newest, oldest int32
		want           int32
		refusal        string // part of the remedy
	}{
		{"the agent of this program", convert.Protocol, convert.Protocol, convert.Protocol, ""},
		{"an agent of the version before", convert.Protocol - 1, convert.Protocol - 1, convert.Protocol - 1, ""},
		{"the first agents, which say no oldest version", 1, 0, 0, "on the host"},
		{"a newer agent that knows this version", convert.Protocol + 1, convert.Protocol, convert.Protocol, ""},
		{"a newer agent that knows older ones", convert.Protocol + 3, 1, convert.Protocol, ""},
		{"a newer agent that does not", convert.Protocol + 1, convert.Protocol + 1, 0, "upgraded first"},
		{"a newer agent that says no oldest version", convert.Protocol + 1, 0, 0, "upgraded first"},
		{"an older agent than any", 0, 0, 0, "on the host"},
		{"nonsense", -3, -4, 0, "on the host"},
	} {
		got, err := convert.ChooseProtocol(&agentv1.Hello{Protocol: test.newest, OldestProtocol: test.oldest})
		if test.refusal == "" && (err != nil || got != test.want) {
			t.Errorf("%s: %d, %v, want %d", test.name, got, err, test.want)
		}
		if test.refusal != "" && (dc.KindOf(err) != dc.Unsupported || !strings.Contains(dc.FailureOf(err).Remedy, test.refusal)) {
			t.Errorf("%s: %d, %v, want a refusal", test.name, got, err)
		}
	}
	if hello := convert.Hello(dc.HostStatus{Version: "v"}, 7); hello.HighestRevision != 7 || hello.Facts.Version != "v" {
		t.Errorf("an agent says %v", hello)
	} else if version, err := convert.ChooseProtocol(hello); err != nil || version != convert.Protocol {
		t.Errorf("its version is %d, %v", version, err)
	}
}

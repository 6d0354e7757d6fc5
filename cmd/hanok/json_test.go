package main

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/hanok/v1"
)

func TestJSON(t *testing.T) {
	free := int64(0)
	created := timestamppb.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for _, tc := range []struct{ got, want []byte }{
		{appendMessage(nil, new(hanokv1.PortGroup).ProtoReflect()),
			[]byte(`{"id":"","name":"","folderId":"","created":null,"revision":0}`)},
		{appendMessage(nil, (&hanokv1.PortGroup{Id: "network-1", Name: `a"<b>`, Created: created, Revision: 1 << 60}).ProtoReflect()),
			[]byte(`{"id":"network-1","name":"a\"<b>","folderId":"","created":"2026-03-01T12:00:00Z","revision":1152921504606846976}`)},
		{appendMessage(nil, (&hanokv1.Hypervisor{Warnings: []string{"a", "b"}}).ProtoReflect()),
			[]byte(`{"name":"","version":"","accelerator":"","reason":"","warnings":["a","b"]}`)},
		{appendMessage(nil, (&hanokv1.PowerOutcome{Generation: 3, Failure: &hanokv1.Failure{Kind: "Invalid"}}).ProtoReflect()),
			[]byte(`{"generation":3,"failure":{"kind":"Invalid","object":"","message":"","remedy":""}}`)},
		{appendMessage(nil, (&hanokv1.Change{Kind: "Host", Id: "host-1"}).ProtoReflect()),
			[]byte(`{"kind":"Host","id":"host-1","revision":0}`)},
		{appendArray(nil, []*hanokv1.Failure(nil)), []byte(`[]`)},
		{appendArray(nil, []*hanokv1.LogoutRequest{{}, {}}), []byte(`[{},{}]`)},
	} {
		if !bytes.Equal(tc.got, tc.want) {
			t.Errorf("got  %s\nwant %s", tc.got, tc.want)
		}
	}
	for _, want := range []string{`"freeBytes":null`, `"freeBytes":0`} {
		ds := &hanokv1.Datastore{}
		if want != `"freeBytes":null` {
			ds.FreeBytes = &free
		}
		if got := appendMessage(nil, ds.ProtoReflect()); !bytes.Contains(got, []byte(want)) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

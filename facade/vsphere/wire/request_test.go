package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

func envelope(body string) string {
	return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<s:Header><operationID>1</operationID></s:Header><s:Body>` + body + `</s:Body></s:Envelope>`
}

func TestReadRequest(t *testing.T) {
	r, err := ReadRequest(strings.NewReader(envelope(`<Rename_Task xmlns="urn:vim25"><_this type="VirtualMachine">vm-1</_this><newName>a&amp;b</newName></Rename_Task>`)))
	if err != nil {
		t.Fatal(err)
	}
	body, ok := r.Body.(*types.Rename_Task)
	if !ok || r.Method != "Rename_Task" || r.This.Value != "vm-1" || body.NewName != "a&b" {
		t.Errorf("%+v", r)
	}
	r, err = ReadRequest(strings.NewReader(envelope(`<ReconfigVM_Task xmlns="urn:vim25"><_this type="VirtualMachine">vm-1</_this><spec><deviceChange><operation>add</operation>` +
		`<device xsi:type="VirtualVmxnet3"><key>-1</key></device></deviceChange></spec></ReconfigVM_Task>`)))
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Body.(*types.ReconfigVM_Task).Spec.DeviceChange[0].GetVirtualDeviceConfigSpec().Device; d.GetVirtualDevice().Key != -1 {
		t.Errorf("%+v", d)
	}
}

func TestReadRequestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":      {"", "no Envelope"},
		"no XML":       {"GET / HTTP/1.1 <", "no XML"},
		"no call":      {envelope(""), "no call"},
		"cut":          {envelope("<Login>")[:200], "no XML"},
		"unknown":      {envelope("<Explode/>"), `no method "Explode"`},
		"no method":    {envelope("<VirtualDisk/>"), "is no method"},
		"depth":        {envelope(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)), "in each other"},
		"entities":     {`<!DOCTYPE x [<!ENTITY a "aaaa">]>` + envelope(""), "document type"},
		"size":         {envelope("<Login>" + strings.Repeat("x", MaxRequest)), "more than"},
		"unknown type": {envelope(`<ReconfigVM_Task><_this type="VirtualMachine">vm-1</_this><spec><deviceChange><device xsi:type="Cup"/></deviceChange></spec></ReconfigVM_Task>`), `no type "Cup"`},
		"number":       {envelope(`<ReconfigVM_Task><_this type="VirtualMachine">vm-1</_this><spec><numCPUs>many</numCPUs></spec></ReconfigVM_Task>`), "many"},
	} {
		if _, err := ReadRequest(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzReadRequest(f *testing.F) {
	f.Add(envelope(`<Rename_Task xmlns="urn:vim25"><_this type="VirtualMachine">vm-1</_this><newName>a</newName></Rename_Task>`))
	f.Add(envelope(`<RetrievePropertiesEx xmlns="urn:vim25"><_this type="PropertyCollector">p</_this><specSet><propSet><type>VirtualMachine</type><pathSet>name</pathSet></propSet>` +
		`<objectSet><obj type="Folder">group-1</obj><selectSet xsi:type="TraversalSpec"><name>x</name><type>Folder</type><path>childEntity</path>` +
		`<selectSet xsi:type="SelectionSpec"><name>x</name></selectSet></selectSet></objectSet></specSet><options/></RetrievePropertiesEx>`))
	f.Add(envelope(`<ReconfigVM_Task><_this type="VirtualMachine">vm-1</_this><spec><extraConfig xsi:type="OptionValue"><key>k</key><value xsi:type="xsd:string">v</value></extraConfig></spec></ReconfigVM_Task>`))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadRequest(strings.NewReader(text))
		if (r == nil) != (err != nil) {
			t.Errorf("%v, %v", r, err)
		}
		if r != nil {
			_ = fmt.Sprintf("%+v", r.Body)
		}
	})
}

package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// CustomField returns a custom attribute for the wire.
func CustomField(o *dc.CustomField) *hanokv1.CustomField {
	return &hanokv1.CustomField{Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision, Key: o.Key, Kind: string(o.Of)}
}

// CustomValue returns what an object has under a custom attribute for the wire.
func CustomValue(v dc.CustomValue) *hanokv1.CustomValue {
	return &hanokv1.CustomValue{Key: v.Field.Key, Name: v.Field.Name, Value: v.Value}
}

package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// TagCategory returns a category of tags for the wire.
func TagCategory(o *dc.TagCategory) *hanokv1.TagCategory {
	out := &hanokv1.TagCategory{Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision, Urn: o.URN(),
		Description: o.Description, Cardinality: string(o.Cardinality)}
	for _, k := range o.Associable {
		out.AssociableKinds = append(out.AssociableKinds, string(k))
	}
	return out
}

// Tag returns a tag for the wire, with the name of its category.
func Tag(o *dc.Tag, category string) *hanokv1.Tag {
	return &hanokv1.Tag{Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision, Urn: o.URN(),
		Description: o.Description, CategoryId: string(o.Parent), Category: category}
}

// FromKinds returns kinds of objects, which may be ones that there are not.
func FromKinds(all []string) (kinds []dc.Kind) {
	for _, k := range all {
		kinds = append(kinds, dc.Kind(k))
	}
	return kinds
}

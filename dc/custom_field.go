package dc

import (
	"slices"
	"unicode/utf8"
)

// CustomField is the definition of a custom attribute: a name under which objects of the inventory have values.
type CustomField struct {
	ID CustomFieldID `json:"id"`
	Meta
	// Key is vSphere's identifier of it. No two ever have the same, not even one after the other.
	Key int32 `json:"key"`
	// Of is the kind of the objects that may have values, or "" for all of the inventory.
	Of Kind `json:"of,omitempty"`
}

// CustomValue is what an object has under a custom attribute.
type CustomValue struct {
	Field *CustomField
	Value string
}

// CustomFieldSequence numbers custom attributes.
const CustomFieldSequence SequenceID = "sequence-customfield"

// MaxCustomValues is how many custom attributes one object may have.
const MaxCustomValues = 64

const maxCustomValue = 1024

func (*CustomField) Kind() Kind { return KindCustomField }

func (o *CustomField) Identity() ID { return ID(o.ID) }

// Claims is the name among the attributes of the same kind.
func (o *CustomField) Claims() []string { return []string{CustomFieldClaim(o.Of, o.Name)} }

// CustomFieldClaim is the claim of a custom attribute's name, among those of objects of the kind.
func CustomFieldClaim(of Kind, name string) string { return "customfield/" + string(of) + "/" + name }

// CheckCustomField returns an error of kind Invalid unless o can be a custom attribute.
func CheckCustomField(o *CustomField) error {
	if err := CheckName(KindCustomField, o.Name); err != nil {
		return err
	}
	if o.Of != "" && !slices.Contains(TaggableKinds(), o.Of) {
		return Errorf(Invalid, "objects of the kind %q have no custom attributes", o.Of).On(Describe(KindCustomField, o.Name)).
			Fix("name none, or one of %v", TaggableKinds())
	}
	return nil
}

// CheckValue returns an error unless a described object of the kind, with so many values under other attributes, may have the value:
// Invalid for another kind or a value that can't be, Exhausted for one too many.
func (o *CustomField) CheckValue(described string, k Kind, others int, value string) error {
	switch {
	case !slices.Contains(TaggableKinds(), k) || o.Of != "" && o.Of != k:
		return Errorf(Invalid, "a %s has no custom attribute %q", k.Noun(), o.Name).On(described).Fix("choose another custom attribute")
	case len(value) > maxCustomValue || !utf8.ValidString(value):
		return Errorf(Invalid, "the value is no text of at most %d bytes", maxCustomValue).On(described).Fix("give a shorter one")
	case others >= MaxCustomValues && value != "":
		return Errorf(Exhausted, "it has %d custom attributes", others).On(described).Fix("take one away first")
	}
	return nil
}

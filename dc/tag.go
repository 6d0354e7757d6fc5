package dc

import (
	"slices"
	"strings"
)

// Cardinality is how many tags of a category an object may have.
type Cardinality string

// The cardinalities, by vSphere's names: one at most, any number.
const (
	SingleTag    Cardinality = "SINGLE"
	MultipleTags Cardinality = "MULTIPLE"
)

// TagCategory groups tags: environments, owners.
type TagCategory struct {
	ID TagCategoryID `json:"id"`
	Meta
	Description string      `json:"description,omitempty"`
	Cardinality Cardinality `json:"cardinality"`
	// Associable are the kinds of objects that the tags may be attached to, of TaggableKinds; none means all of those.
	Associable []Kind `json:"associable,omitempty"`
}

// Tag is a word that is attached to objects of the inventory. Its parent is its category, where no other tag has its name.
type Tag struct {
	ID TagID `json:"id"`
	Meta
	Description string `json:"description,omitempty"`
}

// MaxTags is how many tags one object may have.
const MaxTags = 64

const maxDescription = 1024

func (*TagCategory) Kind() Kind { return KindTagCategory }
func (*Tag) Kind() Kind         { return KindTag }

func (o *TagCategory) Identity() ID { return ID(o.ID) }
func (o *Tag) Identity() ID         { return ID(o.ID) }

// Claims is the category's name.
func (o *TagCategory) Claims() []string { return []string{TagCategoryClaim(o.Name)} }

// Claims is the tag's name in its category.
func (o *Tag) Claims() []string { return o.nameClaim() }

// TagCategoryClaim is the claim of a category's name.
func TagCategoryClaim(name string) string { return "tagcategory/" + name }

// TaggableKinds returns the kinds of objects that tags may be attached to.
func TaggableKinds() []Kind {
	return []Kind{KindCluster, KindDatacenter, KindDatastore, KindFolder, KindHost, KindPortGroup, KindResourcePool, KindVirtualMachine}
}

// URN returns the identifier that a vCenter's tagging service would give a category.
func (o *TagCategory) URN() string { return urn("Category", ID(o.ID), "tagcategory-") }

// URN returns the identifier that a vCenter's tagging service would give a tag: "urn:vmomi:InventoryServiceTag:UUID:GLOBAL".
func (o *Tag) URN() string { return urn("Tag", ID(o.ID), "tag-") }

// urn makes a URN of an ID whose suffix is a UUID without its hyphens.
func urn(what string, id ID, prefix string) string {
	u := strings.TrimPrefix(string(id), prefix)
	if len(u) == 32 {
		u = strings.Join([]string{u[:8], u[8:12], u[12:16], u[16:20], u[20:]}, "-")
	}
	return "urn:vmomi:InventoryService" + what + ":" + u + ":GLOBAL"
}

// CheckTagCategory returns an error of kind Invalid unless o can be a category.
func CheckTagCategory(o *TagCategory) error {
	object := Describe(KindTagCategory, o.Name)
	if err := CheckName(KindTagCategory, o.Name); err != nil {
		return err
	}
	if o.Cardinality != SingleTag && o.Cardinality != MultipleTags {
		return Errorf(Invalid, "the cardinality %q can't be", o.Cardinality).On(object).Fix("give %s or %s", SingleTag, MultipleTags)
	}
	for i, k := range o.Associable {
		if !slices.Contains(TaggableKinds(), k) || slices.Contains(o.Associable[:i], k) {
			return Errorf(Invalid, "the kind %q can't be, or is there twice", k).On(object).Fix("name kinds of %v", TaggableKinds())
		}
	}
	return checkDescription(object, o.Description)
}

// CheckTagCategoryChange returns an error of kind Invalid where tags that are attached could break what a category becomes: as in
// vSphere, it never gets narrower.
func CheckTagCategoryChange(old, o *TagCategory) error {
	object := Describe(KindTagCategory, old.Name)
	if old.Cardinality == MultipleTags && o.Cardinality == SingleTag {
		return Errorf(Invalid, "objects may have several of its tags already").On(object).Fix("make another category with the cardinality %s", SingleTag)
	}
	for _, k := range TaggableKinds() {
		if old.Associates(k) && !o.Associates(k) {
			return Errorf(Invalid, "objects of the kind %s may have its tags already", k).On(object).Fix("name that kind, too")
		}
	}
	return nil
}

// CheckTag returns an error of kind Invalid unless o can be a tag.
func CheckTag(o *Tag) error {
	if err := CheckName(KindTag, o.Name); err != nil {
		return err
	}
	return checkDescription(Describe(KindTag, o.Name), o.Description)
}

func checkDescription(object, text string) error {
	if len(text) > maxDescription {
		return Errorf(Invalid, "the description is longer than %d bytes", maxDescription).On(object).Fix("give a shorter one")
	}
	return nil
}

// Associates reports whether the category's tags may be attached to objects of the kind.
func (o *TagCategory) Associates(k Kind) bool {
	return slices.Contains(TaggableKinds(), k) && (len(o.Associable) == 0 || slices.Contains(o.Associable, k))
}

// CheckAttach returns an error unless the tag, which is of the category, may be attached to a described object of the kind that has
// the tags now: Invalid for a kind that the category is not for, WrongState where it has another one of a category of which
// it may have one, Exhausted where it has MaxTags.
func (o *TagCategory) CheckAttach(tag *Tag, described string, k Kind, now []*Tag) error {
	if !o.Associates(k) {
		return Errorf(Invalid, "tags of the category %q can't be attached to a %s", o.Name, k.Noun()).On(described).Fix("choose a tag of another category")
	}
	if len(now) >= MaxTags {
		return Errorf(Exhausted, "it has %d tags", len(now)).On(described).Fix("detach one first")
	}
	for _, other := range now {
		if o.Cardinality == SingleTag && other.Parent == tag.Parent && other.ID != tag.ID {
			return Errorf(WrongState, "it has the tag %q of the category %q, of which it may have one", other.Name, o.Name).On(described).Fix("detach that first")
		}
	}
	return nil
}

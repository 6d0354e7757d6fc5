package store

import (
	"cmp"
	"iter"

	"github.com/tidwall/btree"

	"hanok/dc"
)

// row is an object in a view, with what it is found by.
type row struct {
	id, parent dc.ID
	name       string
	host       dc.HostID // of virtual machines, and in byHost that of one of a datastore's hosts
	object     dc.Object
}

// claimRow is a claim and who holds it, fenceRow a fence and the revision of its last taking, and givenRow what the machines
// on a host were given.
type (
	claimRow struct {
		claim  string
		holder dc.ID
	}
	fenceRow struct {
		name     string
		revision int64
	}
	givenRow struct {
		host dc.HostID
		Given
	}
)

// The orders of indexes. A row that stands in no tree and has no name, such as an event, is not in byParent, and one without a
// host is not in byHost.
func byID(a, b *row) int { return cmp.Compare(a.id, b.id) }
func byParent(a, b *row) int {
	return cmp.Or(cmp.Compare(a.parent, b.parent), cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
}
func byHost(a, b *row) int        { return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.id, b.id)) }
func byClaim(a, b *claimRow) int  { return cmp.Compare(a.claim, b.claim) }
func byHolder(a, b *claimRow) int { return cmp.Or(cmp.Compare(a.holder, b.holder), byClaim(a, b)) }
func byFence(a, b *fenceRow) int  { return cmp.Compare(a.name, b.name) }
func byGiven(a, b *givenRow) int  { return cmp.Compare(a.host, b.host) }

// index is an ordered set of rows. A copy of it, made by value, is the picture of a moment: rows that are put into one of the
// two are not in the other. Only the newest copy may be changed, by one goroutine; all may be read meanwhile.
type index[R any] struct {
	tree *btree.BTreeG[R]
	own  bool // whether tree is this copy's alone
}

func newIndex[R any](compare func(a, b R) int) index[R] {
	less := func(a, b R) bool { return compare(a, b) < 0 }
	return index[R]{tree: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

// changing makes the tree this copy's own. What the two have in common stays shared.
func (i *index[R]) changing() *btree.BTreeG[R] {
	if !i.own {
		i.tree, i.own = i.tree.IsoCopy(), true
	}
	return i.tree
}

// put adds a row, in the place of one that has the same key, which it returns.
func (i *index[R]) put(r R) (old R, replaced bool) { return i.changing().Set(r) }

// remove removes the row that has the key of r.
func (i *index[R]) remove(r R) { i.changing().Delete(r) }

// get returns the row that has the key of r.
func (i *index[R]) get(r R) (R, bool) { return i.tree.Get(r) }

// from yields the rows from the key of r on, in order, while in is true.
func (i *index[R]) from(r R, in func(R) bool) iter.Seq[R] {
	return func(yield func(R) bool) {
		i.tree.Ascend(r, func(next R) bool { return in(next) && yield(next) })
	}
}

// all yields all rows in order.
func (i *index[R]) all() iter.Seq[R] {
	return func(yield func(R) bool) { i.tree.Scan(yield) }
}

// tables are the indexes of everything. A copy, made by value, is the picture of a moment (index).
type tables struct {
	objects  [maxKinds]objectTable // by kindNumber
	claims   index[*claimRow]
	holdings index[*claimRow]
	fences   index[*fenceRow]
	given    index[*givenRow]
}

// objectTable holds the objects of one kind.
type objectTable struct{ ids, children, hosts index[*row] }

// maxKinds is room for all of dc.Kinds.
const maxKinds = 64

// kindNumber maps the kinds to their tables.
var kindNumber = func() map[dc.Kind]int {
	numbers := map[dc.Kind]int{}
	for n, kind := range dc.Kinds() {
		numbers[kind] = n
	}
	return numbers
}()

func newTables() *tables {
	t := &tables{claims: newIndex(byClaim), holdings: newIndex(byHolder), fences: newIndex(byFence), given: newIndex(byGiven)}
	for n := range kindNumber {
		t.objects[kindNumber[n]] = objectTable{ids: newIndex(byID), children: newIndex(byParent), hosts: newIndex(byHost)}
	}
	return t
}

// shared returns a copy of the tables that can be changed without their noticing.
func (t *tables) shared() *tables {
	c := *t
	for n := range c.objects {
		o := &c.objects[n]
		o.ids.own, o.children.own, o.hosts.own = false, false, false
	}
	c.claims.own, c.holdings.own, c.fences.own, c.given.own = false, false, false, false
	return &c
}

// table returns the table of a kind. A kind that there is not is a defect, and panics.
func (t *tables) table(kind dc.Kind) *objectTable {
	n, ok := kindNumber[kind]
	if !ok {
		panic("store: no kind " + string(kind))
	}
	return &t.objects[n]
}

// putObject puts an object in the place of old, its row until now or nil.
func (t *tables) putObject(o dc.Object, old *row) {
	meta := o.Metadata()
	r := &row{id: o.Identity(), parent: meta.Parent, name: meta.Name, object: o}
	if vm, ok := o.(*dc.VirtualMachine); ok {
		r.host = vm.Spec.Host
	}
	t.give(r, old)
	of := t.table(o.Kind())
	if old != nil && byParent(old, r) != 0 {
		of.children.remove(old)
	}
	for r := range old.ofHosts() {
		of.hosts.remove(r)
	}
	of.ids.put(r)
	if r.parent != "" || r.name != "" {
		of.children.put(r)
	}
	for r := range r.ofHosts() {
		of.hosts.put(r)
	}
}

// ofHosts yields the rows by which an object is found by its hosts. A nil row has none.
func (r *row) ofHosts() iter.Seq[*row] {
	return func(yield func(*row) bool) {
		if r == nil {
			return
		}
		if r.host != "" && !yield(r) {
			return
		}
		ds, ok := r.object.(*dc.Datastore)
		if !ok {
			return
		}
		for _, host := range ds.Spec.Hosts() {
			if !yield(&row{id: r.id, host: host, object: r.object}) {
				return
			}
		}
	}
}

// removeObject removes an object's row.
func (t *tables) removeObject(old *row) {
	t.give(nil, old)
	o := t.table(old.object.Kind())
	o.ids.remove(old)
	o.children.remove(old)
	for r := range old.ofHosts() {
		o.hosts.remove(r)
	}
}

// putClaim gives a claim to its holder, and removeClaim ends it.
func (t *tables) putClaim(claim string, holder dc.ID) {
	r := &claimRow{claim, holder}
	if old, ok := t.claims.put(r); ok {
		t.holdings.remove(old)
	}
	t.holdings.put(r)
}

func (t *tables) removeClaim(claim string) {
	if old, ok := t.claims.get(&claimRow{claim: claim}); ok {
		t.claims.remove(old)
		t.holdings.remove(old)
	}
}

package store

import (
	"fmt"
	"strings"

	"github.com/hashicorp/go-memdb"

	"hanok/dc"
)

// The tables of a view besides the one of each kind, and the indexes.
const (
	claimTable = "claim"
	fenceTable = "fence"

	byID     = "id"
	byParent = "parent" // parent and name
	byHost   = "host"   // of virtual machines
	byHolder = "holder" // of claims
)

// row is an object in a view.
type row struct {
	object dc.Object
	// value is the JSON that the object was decoded from, for private copies.
	value []byte
}

// claimRow is a claim and who holds it, and fenceRow a fence and the revision of its last taking.
type (
	claimRow struct {
		claim  string
		holder dc.ID
	}
	fenceRow struct {
		name     string
		revision int64
	}
)

// schema returns the tables of a view: one for each kind, claims, fences.
func schema() *memdb.DBSchema {
	tables := map[string]*memdb.TableSchema{
		claimTable: table(claimTable,
			index(byID, true, func(r *claimRow) []string { return []string{r.claim} }),
			index(byHolder, false, func(r *claimRow) []string { return []string{string(r.holder)} })),
		fenceTable: table(fenceTable, index(byID, true, func(r *fenceRow) []string { return []string{r.name} })),
	}
	for _, kind := range dc.Kinds() {
		indexes := []*memdb.IndexSchema{
			index(byID, true, func(r *row) []string { return []string{string(r.object.Identity())} }),
			index(byParent, false, parentAndName),
		}
		if kind == dc.KindVirtualMachine {
			indexes = append(indexes, index(byHost, false, hostOfVM))
		}
		tables[string(kind)] = table(string(kind), indexes...)
	}
	return &memdb.DBSchema{Tables: tables}
}

// parentAndName is nil for objects that stand in no tree and have no name, such as events.
func parentAndName(r *row) []string {
	meta := r.object.Metadata()
	if meta.Parent == "" && meta.Name == "" {
		return nil
	}
	return []string{string(meta.Parent), meta.Name}
}

// hostOfVM is nil for a machine that has no host yet.
func hostOfVM(r *row) []string {
	vm := r.object.(*dc.VirtualMachine)
	if vm.Spec.Host == "" {
		return nil
	}
	return []string{string(vm.Spec.Host)}
}

func table(name string, indexes ...*memdb.IndexSchema) *memdb.TableSchema {
	t := &memdb.TableSchema{Name: name, Indexes: map[string]*memdb.IndexSchema{}}
	for _, i := range indexes {
		t.Indexes[i.Name] = i
	}
	return t
}

// index makes an index on the strings that of returns; a row of which it returns nil is not in the index.
func index[R any](name string, unique bool, of func(*R) []string) *memdb.IndexSchema {
	return &memdb.IndexSchema{Name: name, Unique: unique, AllowMissing: !unique, Indexer: indexer[R]{of}}
}

// indexer is a memdb indexer over a list of strings, each ended by a zero byte.
type indexer[R any] struct{ of func(*R) []string }

// FromObject implements memdb.SingleIndexer.
func (i indexer[R]) FromObject(raw any) (bool, []byte, error) {
	parts := i.of(raw.(*R))
	return parts != nil, joined(parts), nil
}

// FromArgs implements memdb.Indexer; the arguments are strings.
func (i indexer[R]) FromArgs(args ...any) ([]byte, error) {
	parts := make([]string, len(args))
	for n, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, fmt.Errorf("argument %d is a %T, not a string", n, a)
		}
		parts[n] = s
	}
	return joined(parts), nil
}

// PrefixFromArgs implements memdb.PrefixIndexer. The last argument is a beginning when it is marked by open, and whole
// otherwise.
func (i indexer[R]) PrefixFromArgs(args ...any) ([]byte, error) {
	if p, ok := args[0].(open); ok && len(args) == 1 {
		return []byte(p), nil
	}
	return i.FromArgs(args...)
}

// open is the beginning of a string, as an argument of a prefix query.
type open string

func joined(parts []string) []byte {
	if parts == nil {
		return nil
	}
	return []byte(strings.Join(parts, "\x00") + "\x00")
}

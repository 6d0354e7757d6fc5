package store

import (
	"maps"
	"slices"
	"strings"

	"hanok/dc"
)

// plan turns what a Tx collected into a transaction of the backend. It refuses at once what its view already shows to
// be impossible; the conditions cover what may change until the commit.
type plan struct {
	*Tx
	transaction
	// taken maps the claims that written objects want to their holders; released those that they give up.
	taken, released map[string]dc.ID
}

// plan returns the backend's transaction. Its error is final: running the function again would not help.
func (tx *Tx) plan() (transaction, error) {
	if tx.err != nil {
		return transaction{}, tx.err
	}
	p := &plan{Tx: tx, taken: map[string]dc.ID{}, released: map[string]dc.ID{}}
	for _, step := range []func() error{p.planFences, p.planExists, p.planFree, p.planObjects, p.planClaims, p.planEmpty} {
		if err := step(); err != nil {
			return transaction{}, err
		}
	}
	return p.transaction, nil
}

func (p *plan) require(c condition) { p.conditions = append(p.conditions, c) }
func (p *plan) put(key string, value []byte) {
	p.operations = append(p.operations, keyValue{key: key, value: value})
}
func (p *plan) delete(key string) { p.operations = append(p.operations, keyValue{key: key}) }
func (w *write) created() bool    { return w.object != nil && w.revision == 0 }
func (w *write) vanished() bool   { return w.object == nil && w.revision == 0 } // made and deleted in one transaction

func (p *plan) planFences() error {
	for _, f := range p.fences {
		p.require(unchanged(fenceKeys+f.name, f.revision))
	}
	return p.keepsFences(p.view)
}

// keepsFences returns an error when somebody else has a fence that the transaction requires.
func (tx *Tx) keepsFences(v *View) error {
	for _, f := range tx.fences {
		if f.name == "" || v.fence(f.name) != f.revision {
			return f.lost()
		}
	}
	return nil
}

func (p *plan) planExists() error {
	required := map[dc.ID]bool{}
	for _, id := range p.exists {
		if required[id] {
			continue
		}
		required[id] = true
		kind := id.Kind()
		if w := p.writes[id]; w != nil && w.object != nil {
			continue // its own condition says it
		} else if w != nil || p.view.row(kind, id) == nil {
			return notFound(kind, id)
		}
		p.require(written(objectKey(kind, id)))
	}
	return nil
}

// planFree sees to claims that nobody may hold. One that the transaction itself takes has its own condition.
func (p *plan) planFree() error {
	for _, claim := range p.free {
		p.require(unwritten(claimKeys + claim))
	}
	for _, prefix := range p.freeBelow {
		p.require(noneSince(claimKeys+prefix, p.view.revision))
	}
	return nil
}

func (p *plan) planObjects() error {
	for _, id := range p.order {
		w := p.writes[id]
		key, now := objectKey(w.kind, id), p.view.row(w.kind, id)
		switch {
		case w.vanished():
			continue
		case w.created() && now != nil:
			return &dc.Error{Kind: dc.Exists, Object: dc.Describe(w.kind, string(id)), Message: "its ID is taken"}
		case w.created():
			if inventory(w.kind) {
				p.demand = grows
			}
			p.require(unwritten(key))
		case now == nil:
			return notFound(w.kind, id)
		case now.object.Metadata().Revision != w.revision:
			return changedMeanwhile(w.kind, id)
		default:
			p.require(unchanged(key, w.revision))
		}
		if w.object == nil {
			p.delete(key)
		} else {
			p.put(key, w.value)
			p.demand = max(p.demand, writes)
		}
	}
	return nil
}

// planClaims hands claims over. That an object still holds what the view says needs no condition of its own: its claims
// change only together with it.
func (p *plan) planClaims() error {
	for _, id := range p.order {
		w := p.writes[id]
		for _, claim := range w.claims {
			if other, ok := p.taken[claim]; ok && other != id {
				return claimTaken(w, claim, other)
			}
			p.taken[claim] = id
		}
		for claim := range p.view.claimsOf(id) {
			if p.taken[claim] != id {
				p.released[claim] = id
			}
		}
	}
	for _, claim := range slices.Sorted(maps.Keys(p.taken)) {
		id := p.taken[claim]
		holder, held := Claimed(p.view, claim)
		switch {
		case held && holder == id:
			continue
		case held && p.released[claim] != holder:
			return claimTaken(p.writes[id], claim, holder)
		case !held:
			p.require(unwritten(claimKeys + claim))
		}
		p.put(claimKeys+claim, []byte(id))
	}
	for _, claim := range slices.Sorted(maps.Keys(p.released)) {
		if _, ok := p.taken[claim]; !ok {
			p.delete(claimKeys + claim)
		}
	}
	return nil
}

// planEmpty lets an object go only when no other one is left below it, and none was put there since the view.
func (p *plan) planEmpty() error {
	for _, id := range p.order {
		w := p.writes[id]
		if w.object != nil || w.vanished() {
			continue
		}
		prefix := dc.ChildClaims(id)
		for claim := range p.view.claimsBelow(prefix) {
			if _, ok := p.released[claim]; !ok {
				return notEmpty(w)
			}
		}
		for claim := range p.taken {
			if strings.HasPrefix(claim, prefix) {
				return notEmpty(w)
			}
		}
		p.require(noneSince(claimKeys+prefix, p.view.revision))
	}
	return nil
}

// inventory reports whether objects of the kind stay until somebody deletes them. The others are bounded by the manager
// itself, and an administrator needs them to make room in a full store: a session, a task, an event.
func inventory(kind dc.Kind) bool {
	switch kind {
	case dc.KindTask, dc.KindEvent, dc.KindSession, dc.KindJoinToken:
		return false
	}
	return true
}

func notEmpty(w *write) *dc.Error {
	return &dc.Error{Kind: dc.WrongState, Object: dc.Describe(w.kind, w.name), Message: "it is not empty",
		Remedy: "delete or move what is in it first"}
}

func claimTaken(w *write, claim string, holder dc.ID) *dc.Error {
	err := &dc.Error{Kind: dc.Exists, Object: dc.Describe(w.kind, w.name)}
	space, _, _ := strings.Cut(claim, "/")
	if slices.Contains([]string{"name", "user", "image", "role", "group"}, space) && strings.HasSuffix(claim, "/"+w.name) {
		err.Message, err.Remedy = "the name is taken by "+string(holder), "choose another name"
		return err
	}
	err.Message = claim + " is taken by " + string(holder)
	return err
}

package store

import "hanok/dc"

// words are strings that many objects have in common, each once. They are for one goroutine at a time.
type words map[string]string

// maxWords bounds them: more than there are hosts, pools and networks in the largest data center.
const maxWords = 1 << 16

// same returns the string that is equal to s and known already, or s, which is known from then on.
func (w words) same(s string) string {
	if known, ok := w[s]; ok {
		return known
	}
	if len(w) == maxWords {
		clear(w) // who has one keeps it
	}
	w[s] = s
	return s
}

// share gives an object that nobody else has yet, or nil, the words that others have.
func (w words) share(o dc.Object) {
	if vm, ok := o.(*dc.VirtualMachine); ok {
		vm.Share(w.same)
	}
}

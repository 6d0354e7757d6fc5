package store

import (
	"context"

	"hanok/dc"
)

// Fence is the right to act under a name until somebody else takes the same name: what keeps a manager that was
// replaced, but does not know it, from writing. The zero Fence is nobody's.
type Fence struct {
	name     string
	revision int64
}

// Name returns what the fence was taken under.
func (f Fence) Name() string { return f.name }

// TakeFence takes the fence of the name from whoever has it: from now on only transactions that Require the returned
// one, and those that require none, are committed. The errors are those of Change.
func (s *Store) TakeFence(ctx context.Context, name string) (Fence, error) {
	revision, err := s.commit(ctx, transaction{operations: []keyValue{{key: fenceKeys + name, value: []byte("taken")}}})
	if err != nil {
		return Fence{}, err
	}
	return Fence{name: name, revision: revision}, nil
}

func (f Fence) lost() *dc.Error {
	return &dc.Error{Kind: dc.Conflict, Message: "another one has taken over " + f.name}
}

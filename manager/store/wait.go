package store

import (
	"container/heap"
	"context"
	"time"
)

// waiter waits for a view that is later than a revision. ready is closed when there is one.
type waiter struct {
	since int64
	ready chan struct{}
	place int // in the queue, or -1
}

// queue holds who waits, the lowest revision first: with a new view only those wake whose time has come. A thousand that
// write at once would otherwise all wake with each other's writes.
type queue []*waiter

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].since < q[j].since }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(w any) {
	w.(*waiter).place = len(*q)
	*q = append(*q, w.(*waiter))
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last], w.place = nil, -1
	*q = (*q)[:last]
	return w
}

// wake tells those who wait for a view of the revision.
func (q *queue) wake(revision int64) {
	for len(*q) > 0 && (*q)[0].since < revision {
		close(heap.Pop(q).(*waiter).ready)
	}
}

// Wait returns nil when the view's revision is above since, at once or later. The error is that of ctx, or of kind
// Unavailable when the store has ended.
func (s *Store) Wait(ctx context.Context, since int64) error {
	s.mu.Lock()
	if s.View().revision > since {
		s.mu.Unlock()
		return nil
	}
	w := &waiter{since: since, ready: make(chan struct{})}
	heap.Push(&s.waiting, w)
	s.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-s.Done():
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.place < 0 { // it came after all
		return nil
	}
	heap.Remove(&s.waiting, w.place)
	if err := s.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

// patience is how long reach waits for the backend's stream before it asks for news for the first time, and maxPatience how
// long at most after that.
const patience, maxPatience = 50 * time.Millisecond, time.Second

// reach waits until the view's revision is at least revision, which the backend is known to have. Where others use the
// same etcd, that revision may be one of theirs, which the stream does not mention by itself.
func (s *Store) reach(ctx context.Context, revision int64) error {
	for wait := patience; ; wait = min(2*wait, maxPatience) {
		short, cancel := context.WithTimeout(ctx, wait)
		err := s.Wait(short, revision-1)
		cancel()
		if err == nil || ctx.Err() != nil || s.Err() != nil {
			return err
		}
		s.backend.advance(ctx)
	}
}

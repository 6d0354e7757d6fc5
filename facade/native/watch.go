package native

import (
	"context"
	"slices"
	"time"

	"connectrpc.com/connect"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

const (
	// heartbeatTime is how long a watch is silent at most, as the contract says.
	heartbeatTime = 15 * time.Second
	// pageSize is how many changes one response holds at most.
	pageSize = 200
)

func (s *service) Watch(ctx context.Context, req *hanokv1.WatchRequest, stream *connect.ServerStream[hanokv1.WatchResponse]) error {
	w := &watch{service: s, stream: stream}
	if err := w.choose(req.Kinds); err != nil {
		return err
	}
	since := req.SinceRevision
	for fresh := since == 0; ; {
		by, err := s.stillAllowed(ctx)
		if err != nil {
			return err
		}
		if w.visible, err = s.Access.Visible(by); err != nil {
			return err
		}
		if w.shown, err = s.Access.Shown(by); err != nil {
			return err
		}
		w.by = by
		changes, upto, ok := s.State.Changes(since)
		if fresh || !ok || slices.ContainsFunc(changes, moves) {
			fresh = false
			since, err = w.snapshot()
		} else {
			since, err = upto, w.send(changes, upto)
		}
		if err != nil {
			return err
		}
		changed, err := s.wait(ctx, since, heartbeatTime)
		if err != nil {
			return err
		}
		if !changed {
			if err := stream.Send(&hanokv1.WatchResponse{Revision: since}); err != nil {
				return err
			}
		}
	}
}

// moves reports whether a change may let a client see other objects than the one that changed, or fewer.
func moves(c Change) bool {
	switch c.Kind {
	case dc.KindRole, dc.KindPermission, dc.KindGroup:
		return true
	case dc.KindFolder, dc.KindDatacenter, dc.KindCluster, dc.KindResourcePool, dc.KindHost:
		return c.Object != nil && c.Old != nil && c.Object.Metadata().Parent != c.Old.Metadata().Parent
	}
	return false
}

// watch is one stream of changes. It holds no queue: a client that reads slowly gets a new snapshot when the changes that
// it missed are no longer remembered.
type watch struct {
	*service
	stream *connect.ServerStream[hanokv1.WatchResponse]
	kinds  []dc.Kind
	by     dc.Caller
	// visible reports whether the client may see an object, as of now.
	visible func(dc.Object) bool
	// shown returns an object as the client may know it.
	shown func(dc.Object) dc.Object
}

// choose sets the kinds, in the order of snapshots.
func (w *watch) choose(names []string) error {
	all := convert.WatchKinds()
	for _, name := range names {
		if !slices.Contains(all, dc.Kind(name)) {
			return dc.Errorf(dc.Invalid, "objects of the kind %q can't be watched", name).Fix("name some of the kinds %v", all)
		}
	}
	for _, kind := range all {
		if len(names) == 0 || slices.Contains(names, string(kind)) {
			w.kinds = append(w.kinds, kind)
		}
	}
	return nil
}

// snapshot sends all objects and returns their revision.
func (w *watch) snapshot() (int64, error) {
	view, names := w.State.View(), w.names(w.by)
	page := &hanokv1.WatchResponse{Reset_: true}
	for _, kind := range w.kinds {
		for o := range view.Objects(kind) {
			if !w.visible(o) {
				continue
			}
			if len(page.Changes) == pageSize {
				if err := w.stream.Send(page); err != nil {
					return 0, err
				}
				page = &hanokv1.WatchResponse{}
			}
			page.Changes = append(page.Changes, convert.Changed(w.shown(o), names))
		}
	}
	page.Revision = view.Revision()
	return page.Revision, w.stream.Send(page)
}

// send sends what the watch asks for of the changes up to a revision, and nothing if that is nothing.
func (w *watch) send(changes []Change, upto int64) error {
	names := w.names(w.by)
	page := &hanokv1.WatchResponse{}
	for _, c := range changes {
		if !slices.Contains(w.kinds, c.Kind) {
			continue
		}
		if c.Object != nil && !w.visible(c.Object) {
			c.Object = nil // for this client it is gone, or never was
		}
		if c.Object == nil && (c.Old == nil || !w.visible(c.Old)) {
			continue
		}
		if len(page.Changes) == pageSize {
			if err := w.stream.Send(page); err != nil {
				return err
			}
			page = &hanokv1.WatchResponse{}
		}
		if c.Object == nil {
			page.Changes = append(page.Changes, convert.Deleted(c.Kind, c.ID, c.Revision))
		} else {
			page.Changes = append(page.Changes, convert.Changed(w.shown(c.Object), names))
		}
	}
	if len(page.Changes) == 0 {
		return nil
	}
	page.Revision = upto
	return w.stream.Send(page)
}

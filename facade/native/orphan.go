package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListOrphans(ctx context.Context, _ *hanokv1.ListOrphansRequest) (*hanokv1.ListOrphansResponse, error) {
	all, err := s.Machines.Orphans(caller(ctx))
	if err != nil {
		return nil, err
	}
	names, out := s.names(caller(ctx)), &hanokv1.ListOrphansResponse{}
	for _, o := range all {
		out.Orphans = append(out.Orphans, convert.Orphan(o, names))
	}
	return out, nil
}

func (s *service) AdoptVirtualMachine(ctx context.Context, req *hanokv1.AdoptVirtualMachineRequest) (*hanokv1.AdoptVirtualMachineResponse, error) {
	by := caller(ctx)
	id, err := s.orphanID(by, req.Orphan)
	if err != nil {
		return nil, err
	}
	adopt := AdoptRequest{ID: id, Name: req.Name}
	if adopt.Folder, err = resolveAny[dc.FolderID](s, by, dc.KindFolder, req.Folder); err != nil {
		return nil, err
	}
	if adopt.PortGroup, err = resolveAny[dc.PortGroupID](s, by, dc.KindPortGroup, req.PortGroup); err != nil {
		return nil, err
	}
	t, err := s.Machines.Adopt(ctx, by, adopt)
	if err != nil {
		return nil, err
	}
	return &hanokv1.AdoptVirtualMachineResponse{Task: s.task(by, t)}, nil
}

// orphanID returns the orphan that a reference names: an ID, or a name that only one of them has.
func (s *service) orphanID(by dc.Caller, ref string) (dc.VirtualMachineID, error) {
	all, err := s.Machines.Orphans(by)
	if err != nil {
		return "", err
	}
	var found []dc.VirtualMachineID
	for _, o := range all {
		if string(o.Machine.ID) == ref {
			return o.Machine.ID, nil
		}
		if o.Machine.Name == ref {
			found = append(found, o.Machine.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", dc.Errorf(dc.NotFound, "no connected host has an orphan of this ID or name").On(dc.Describe(dc.KindVirtualMachine, ref)).
			Fix("look at the orphans (hanok vm orphans), and see that its host is connected")
	case 1:
		return found[0], nil
	}
	return "", dc.Errorf(dc.Invalid, "%d orphans have this name", len(found)).On(dc.Describe(dc.KindVirtualMachine, ref)).
		Fix("give the ID: one of %q", found)
}

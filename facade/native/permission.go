package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListPermissions(ctx context.Context, req *hanokv1.ListPermissionsRequest) (*hanokv1.ListPermissionsResponse, error) {
	by := caller(ctx)
	entity, err := resolveAny[dc.ID](s, by, "", req.Entity)
	if err != nil {
		return nil, err
	}
	all, err := s.Access.Permissions(by, entity, req.Inherited)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListPermissionsResponse{}
	for _, p := range all {
		role := string(p.Role)
		if r, err := s.Access.Role(role); err == nil {
			role = r.Name
		}
		out.Permissions = append(out.Permissions, convert.Permission(p, s.Inventory.Path(p.Entity), s.Access.NameOf(p.Principal), role))
	}
	return out, nil
}

// target resolves the object and the principal of a permission. find is Access.Principal, or one that makes it.
func (s *service) target(by dc.Caller, entity, principal string, group bool, find func(string, bool) (dc.ID, error)) (on, who dc.ID, err error) {
	if on, err = s.Inventory.Resolve(by, "", entity); err != nil {
		return "", "", err
	}
	if err = s.Access.Authorize(by, dc.PrivUsers, on); err != nil { // before anything is said about the principal
		return "", "", err
	}
	who, err = find(principal, group)
	return on, who, err
}

// ensure is Access.EnsurePrincipal for one call.
func (s *service) ensure(ctx context.Context, by dc.Caller) func(string, bool) (dc.ID, error) {
	return func(ref string, group bool) (dc.ID, error) { return s.Access.EnsurePrincipal(ctx, by, ref, group) }
}

func (s *service) SetPermission(ctx context.Context, req *hanokv1.SetPermissionRequest) (*hanokv1.SetPermissionResponse, error) {
	by := caller(ctx)
	on, who, err := s.target(by, req.Entity, req.Principal, req.Group, s.ensure(ctx, by))
	if err != nil {
		return nil, err
	}
	role, err := s.Access.Role(req.Role)
	if err != nil {
		return nil, err
	}
	p := dc.Permission{Entity: on, Principal: who, Role: role.ID, Propagate: req.Propagate}
	return &hanokv1.SetPermissionResponse{}, s.Access.SetPermission(ctx, by, p)
}

func (s *service) RemovePermission(ctx context.Context, req *hanokv1.RemovePermissionRequest) (*hanokv1.RemovePermissionResponse, error) {
	by := caller(ctx)
	on, who, err := s.target(by, req.Entity, req.Principal, req.Group, s.Access.Principal)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RemovePermissionResponse{}, s.Access.RemovePermission(ctx, by, on, who)
}

func (s *service) FetchPrivileges(ctx context.Context, req *hanokv1.FetchPrivilegesRequest) (*hanokv1.FetchPrivilegesResponse, error) {
	by := caller(ctx)
	on, err := s.Inventory.Resolve(by, "", req.Entity)
	if err != nil {
		return nil, err
	}
	user := dc.ID(by.User)
	if req.User != "" && req.User != by.Name {
		if _, user, err = s.target(by, req.Entity, req.User, false, s.Access.Principal); err != nil {
			return nil, err
		}
	}
	all, err := s.Access.Privileges(by, dc.UserID(user), on)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.FetchPrivilegesResponse{}
	for _, p := range all {
		out.Privileges = append(out.Privileges, string(p))
	}
	return out, nil
}

package native

import (
	"cmp"
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListRoles(ctx context.Context, _ *hanokv1.ListRolesRequest) (*hanokv1.ListRolesResponse, error) {
	all, err := each(convert.Role)(s.Access.Roles(caller(ctx)))
	return &hanokv1.ListRolesResponse{Roles: all}, err
}

func (s *service) CreateRole(ctx context.Context, req *hanokv1.CreateRoleRequest) (*hanokv1.CreateRoleResponse, error) {
	r, err := s.Access.CreateRole(ctx, caller(ctx), req.Name, req.Summary, privileges(req.Privileges))
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateRoleResponse{Role: convert.Role(r)}, nil
}

func (s *service) UpdateRole(ctx context.Context, req *hanokv1.UpdateRoleRequest) (*hanokv1.UpdateRoleResponse, error) {
	r, err := s.Access.Role(req.Role)
	if err != nil {
		return nil, err
	}
	summary, wanted := r.Summary, r.Privileges
	if req.Summary != nil {
		summary = *req.Summary
	}
	if len(req.Privileges) > 0 {
		wanted = privileges(req.Privileges)
	}
	return &hanokv1.UpdateRoleResponse{}, s.Access.UpdateRole(ctx, caller(ctx), r.ID, cmp.Or(req.Name, r.Name), summary, wanted)
}

func (s *service) DeleteRole(ctx context.Context, req *hanokv1.DeleteRoleRequest) (*hanokv1.DeleteRoleResponse, error) {
	r, err := s.Access.Role(req.Role)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteRoleResponse{}, s.Access.DeleteRole(ctx, caller(ctx), r.ID, req.RemovePermissions)
}

func (*service) ListPrivileges(context.Context, *hanokv1.ListPrivilegesRequest) (*hanokv1.ListPrivilegesResponse, error) {
	out := &hanokv1.ListPrivilegesResponse{}
	for _, p := range dc.Privileges() {
		out.Privileges = append(out.Privileges, &hanokv1.Privilege{Id: string(p), Group: p.Group(), Name: p.Name()})
	}
	return out, nil
}

func privileges(ids []string) []dc.Privilege {
	out := make([]dc.Privilege, len(ids))
	for i, id := range ids {
		out[i] = dc.Privilege(id)
	}
	return out
}

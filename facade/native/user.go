package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListUsers(ctx context.Context, _ *hanokv1.ListUsersRequest) (*hanokv1.ListUsersResponse, error) {
	users, err := each(s.user)(s.Access.Users(caller(ctx)))
	return &hanokv1.ListUsersResponse{Users: users}, err
}

func (s *service) user(o *dc.User) *hanokv1.User {
	source := ""
	if o.External != nil {
		source = s.Access.NameOf(dc.ID(o.External.Source))
	}
	return convert.User(o, s.Access.RoleOf(o.ID), source)
}

func (s *service) CreateUser(ctx context.Context, req *hanokv1.CreateUserRequest) (*hanokv1.CreateUserResponse, error) {
	role, err := s.Access.Role(req.Role)
	if err != nil {
		return nil, err
	}
	var u *dc.User
	switch {
	case !req.ServiceAccount:
		u, err = s.Access.CreateUser(ctx, caller(ctx), req.Name, req.Password, role.ID)
	case req.Password != "":
		err = dc.Errorf(dc.Invalid, "a service account has no password").On(dc.Describe(dc.KindUser, req.Name)).Fix("leave the password out")
	default:
		u, err = s.Access.CreateServiceAccount(ctx, caller(ctx), req.Name, role.ID)
	}
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateUserResponse{User: s.user(u)}, nil
}

func (s *service) SetRole(ctx context.Context, req *hanokv1.SetRoleRequest) (*hanokv1.SetRoleResponse, error) {
	role, err := s.Access.Role(req.Role)
	if err != nil {
		return nil, err
	}
	return &hanokv1.SetRoleResponse{}, s.Access.SetRole(ctx, caller(ctx), req.User, role.ID)
}

func (s *service) DisableUser(ctx context.Context, req *hanokv1.DisableUserRequest) (*hanokv1.DisableUserResponse, error) {
	return &hanokv1.DisableUserResponse{}, s.Access.SetDisabled(ctx, caller(ctx), req.User, true)
}

func (s *service) EnableUser(ctx context.Context, req *hanokv1.EnableUserRequest) (*hanokv1.EnableUserResponse, error) {
	return &hanokv1.EnableUserResponse{}, s.Access.SetDisabled(ctx, caller(ctx), req.User, false)
}

func (s *service) DeleteUser(ctx context.Context, req *hanokv1.DeleteUserRequest) (*hanokv1.DeleteUserResponse, error) {
	return &hanokv1.DeleteUserResponse{}, s.Access.DeleteUser(ctx, caller(ctx), req.User)
}

func (s *service) SetPassword(ctx context.Context, req *hanokv1.SetPasswordRequest) (*hanokv1.SetPasswordResponse, error) {
	return &hanokv1.SetPasswordResponse{}, s.Access.SetPassword(ctx, caller(ctx), req.User, req.Password)
}

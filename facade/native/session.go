package native

import (
	"context"

	"hanok/api/hanok/v1"
)

func (s *service) Login(ctx context.Context, req *hanokv1.LoginRequest) (*hanokv1.LoginResponse, error) {
	token, by, err := s.Access.Login(ctx, callOf(ctx).from, req.Username, req.Password)
	if err != nil {
		return nil, err
	}
	callOf(ctx).by = by // whom the audit log names
	return &hanokv1.LoginResponse{Token: token, Username: by.Name, Role: s.Access.RoleOf(by.User)}, nil
}

func (s *service) Logout(ctx context.Context, _ *hanokv1.LogoutRequest) (*hanokv1.LogoutResponse, error) {
	return &hanokv1.LogoutResponse{}, s.Access.Logout(ctx, caller(ctx))
}

func (s *service) WhoAmI(ctx context.Context, _ *hanokv1.WhoAmIRequest) (*hanokv1.WhoAmIResponse, error) {
	by := caller(ctx)
	return &hanokv1.WhoAmIResponse{UserId: string(by.User), Username: by.Name, Role: s.Access.RoleOf(by.User), ApiToken: by.TokenName}, nil
}

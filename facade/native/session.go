package native

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/convert"
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

func (s *service) BeginSSO(ctx context.Context, req *hanokv1.BeginSSORequest) (*hanokv1.BeginSSOResponse, error) {
	login, err := s.Identity.Begin(ctx, req.IdentitySource, req.RedirectUri)
	if err != nil {
		return nil, err
	}
	return &hanokv1.BeginSSOResponse{Flow: login.ID, Url: login.URL, UserCode: login.Code, Interval: durationpb.New(login.Interval),
		Expires: convert.Time(login.Expires)}, nil
}

func (s *service) FinishSSO(ctx context.Context, req *hanokv1.FinishSSORequest) (*hanokv1.FinishSSOResponse, error) {
	token, by, pending, err := s.Identity.Finish(ctx, req.Flow, req.State, req.Code)
	if err != nil {
		return nil, err
	}
	if pending > 0 {
		callOf(ctx).waits = true
		return &hanokv1.FinishSSOResponse{Pending: durationpb.New(pending)}, nil
	}
	callOf(ctx).by = by // whom the audit log names
	return &hanokv1.FinishSSOResponse{Token: token, Username: by.Name, Role: s.Access.RoleOf(by.User)}, nil
}

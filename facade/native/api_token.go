package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListAPITokens(ctx context.Context, req *hanokv1.ListAPITokensRequest) (*hanokv1.ListAPITokensResponse, error) {
	by := caller(ctx)
	all, err := s.Access.Tokens(by, req.User, req.All)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListAPITokensResponse{}
	for _, o := range all {
		out.ApiTokens = append(out.ApiTokens, s.apiToken(by, o))
	}
	return out, nil
}

func (s *service) CreateAPIToken(ctx context.Context, req *hanokv1.CreateAPITokenRequest) (*hanokv1.CreateAPITokenResponse, error) {
	by := caller(ctx)
	o := dc.TokenRequest{User: req.User, Name: req.Name}
	for _, ref := range req.Roles {
		role, err := s.Access.Role(ref)
		if err != nil {
			return nil, err
		}
		o.Scope.Roles = append(o.Scope.Roles, role.ID)
	}
	for _, p := range req.Privileges {
		o.Scope.Privileges = append(o.Scope.Privileges, dc.Privilege(p))
	}
	for _, ref := range req.Objects {
		id, err := s.Inventory.Resolve(by, "", ref)
		if err != nil {
			return nil, err
		}
		o.Scope.Objects = append(o.Scope.Objects, id)
	}
	if req.Lifetime != nil {
		if o.Life = req.Lifetime.AsDuration(); o.Life == 0 {
			o.Life = -1 // the usual life is for who names none
		}
	}
	token, made, err := s.Access.CreateToken(ctx, by, o)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateAPITokenResponse{ApiToken: s.apiToken(by, made), Token: token}, nil
}

func (s *service) RevokeAPIToken(ctx context.Context, req *hanokv1.RevokeAPITokenRequest) (*hanokv1.RevokeAPITokenResponse, error) {
	return &hanokv1.RevokeAPITokenResponse{}, s.Access.RevokeToken(ctx, caller(ctx), req.User, req.ApiToken)
}

// apiToken returns a token with the names that the caller may see.
func (s *service) apiToken(by dc.Caller, o *dc.APIToken) *hanokv1.APIToken {
	var roles, objects []string
	for _, id := range o.Scope.Roles {
		name := string(id) // of a role that is gone
		if r, err := s.Access.Role(name); err == nil {
			name = r.Name
		}
		roles = append(roles, name)
	}
	for _, id := range o.Scope.Objects {
		name := string(id)
		if s.Access.Authorize(by, dc.PrivView, id) == nil {
			name = s.Inventory.Path(id)
		}
		objects = append(objects, name)
	}
	return convert.APIToken(o, s.Access.NameOf(dc.ID(o.User)), roles, objects)
}

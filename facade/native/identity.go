package native

import (
	"cmp"
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListIdentitySources(ctx context.Context, _ *hanokv1.ListIdentitySourcesRequest) (*hanokv1.ListIdentitySourcesResponse, error) {
	all, err := each(convert.IdentitySource)(s.Identity.List(caller(ctx)))
	return &hanokv1.ListIdentitySourcesResponse{IdentitySources: all}, err
}

func (s *service) CreateIdentitySource(ctx context.Context, req *hanokv1.CreateIdentitySourceRequest) (*hanokv1.CreateIdentitySourceResponse, error) {
	src, err := s.Identity.Create(ctx, caller(ctx), req.Name, convert.FromIdentitySourceSpec(req.Spec), req.Secret)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateIdentitySourceResponse{IdentitySource: convert.IdentitySource(src)}, nil
}

func (s *service) UpdateIdentitySource(ctx context.Context, req *hanokv1.UpdateIdentitySourceRequest) (*hanokv1.UpdateIdentitySourceResponse, error) {
	by := caller(ctx)
	id, err := s.Identity.Resolve(by, req.IdentitySource)
	if err != nil {
		return nil, err
	}
	src, err := s.Identity.Update(ctx, by, id, func(o *dc.IdentitySource) {
		o.Name = cmp.Or(req.Name, o.Name)
		if req.Spec != nil {
			o.Spec = convert.FromIdentitySourceSpec(req.Spec)
		}
	}, req.Secret)
	if err != nil {
		return nil, err
	}
	return &hanokv1.UpdateIdentitySourceResponse{IdentitySource: convert.IdentitySource(src)}, nil
}

func (s *service) DeleteIdentitySource(ctx context.Context, req *hanokv1.DeleteIdentitySourceRequest) (*hanokv1.DeleteIdentitySourceResponse, error) {
	by := caller(ctx)
	id, err := s.Identity.Resolve(by, req.IdentitySource)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteIdentitySourceResponse{}, s.Identity.Delete(ctx, by, id)
}

func (s *service) TestIdentitySource(ctx context.Context, req *hanokv1.TestIdentitySourceRequest) (*hanokv1.TestIdentitySourceResponse, error) {
	by := caller(ctx)
	id, err := s.Identity.Resolve(by, req.IdentitySource)
	if err != nil {
		return nil, err
	}
	checks, err := s.Identity.Test(ctx, by, id)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.TestIdentitySourceResponse{}
	for _, c := range checks {
		out.Checks = append(out.Checks, convert.SourceCheck(c))
	}
	return out, nil
}

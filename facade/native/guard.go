package native

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) GetDeletionLimits(ctx context.Context, _ *hanokv1.GetDeletionLimitsRequest) (*hanokv1.GetDeletionLimitsResponse, error) {
	by := caller(ctx)
	l, err := s.Guard.Limits(by)
	if err != nil {
		return nil, err
	}
	stopped, err := s.Guard.Stopped(by)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.GetDeletionLimitsResponse{Limits: deletionLimits(l)}
	for _, user := range slices.Sorted(maps.Keys(stopped)) {
		out.Stopped = append(out.Stopped, &hanokv1.StoppedUser{User: user, Until: convert.Time(stopped[user])})
	}
	return out, nil
}

func (s *service) ReleaseUser(ctx context.Context, req *hanokv1.ReleaseUserRequest) (*hanokv1.ReleaseUserResponse, error) {
	return &hanokv1.ReleaseUserResponse{}, s.Guard.Release(ctx, caller(ctx), req.User)
}

func (s *service) SetDeletionLimits(ctx context.Context, req *hanokv1.SetDeletionLimitsRequest) (*hanokv1.SetDeletionLimitsResponse, error) {
	l, err := s.Guard.SetLimits(ctx, caller(ctx), func(l *dc.DeletionLimits) {
		for to, from := range map[*int]*int32{&l.Objects: req.Objects, &l.Percent: req.Percent, &l.Single: req.Single} {
			if from != nil {
				*to = int(*from)
			}
		}
		if req.Window != nil {
			l.Window = req.Window.AsDuration()
		}
	})
	if err != nil {
		return nil, err
	}
	return &hanokv1.SetDeletionLimitsResponse{Limits: deletionLimits(l)}, nil
}

func deletionLimits(l dc.DeletionLimits) *hanokv1.DeletionLimits {
	return &hanokv1.DeletionLimits{Objects: int32(l.Objects), Percent: int32(l.Percent), Single: int32(l.Single), Window: durationpb.New(l.Window)}
}

package native

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) GetDeletionLimits(ctx context.Context, _ *hanokv1.GetDeletionLimitsRequest) (*hanokv1.GetDeletionLimitsResponse, error) {
	l, err := s.Guard.Limits(caller(ctx))
	if err != nil {
		return nil, err
	}
	return &hanokv1.GetDeletionLimitsResponse{Limits: deletionLimits(l)}, nil
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

package native

import (
	"context"

	"hanok/api/hanok/v1"
)

func (s *service) About(context.Context, *hanokv1.AboutRequest) (*hanokv1.AboutResponse, error) {
	return &hanokv1.AboutResponse{Product: "Hanok", Version: s.System.Version()}, nil
}

func (s *service) Doctor(ctx context.Context, req *hanokv1.DoctorRequest) (*hanokv1.DoctorResponse, error) {
	checks, err := s.System.Doctor(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	out := &hanokv1.DoctorResponse{}
	for _, status := range []CheckStatus{CheckProblem, CheckWarning, CheckOK} {
		for _, c := range checks {
			if c.Status == status {
				out.Checks = append(out.Checks, check(c))
			}
		}
	}
	if !req.Deep {
		return out, nil
	}
	deep, err := s.System.DeepDoctor(ctx, caller(ctx))
	for _, c := range deep {
		out.Checks = append(out.Checks, check(c))
	}
	return out, err
}

func check(c Check) *hanokv1.Check {
	return &hanokv1.Check{Name: c.Name, Status: string(c.Status), Message: c.Message, Remedy: c.Remedy,
		Promise: c.Promise, Object: c.Object, Examined: int64(c.Examined)}
}

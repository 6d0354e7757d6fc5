package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListGroups(ctx context.Context, _ *hanokv1.ListGroupsRequest) (*hanokv1.ListGroupsResponse, error) {
	all, err := each(s.group)(s.Access.Groups(caller(ctx)))
	return &hanokv1.ListGroupsResponse{Groups: all}, err
}

func (s *service) group(o *dc.Group) *hanokv1.Group { return convert.Group(o, s.Access.NameOf) }

func (s *service) CreateGroup(ctx context.Context, req *hanokv1.CreateGroupRequest) (*hanokv1.CreateGroupResponse, error) {
	g, err := s.Access.CreateGroup(ctx, caller(ctx), req.Name, req.Summary)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateGroupResponse{Group: s.group(g)}, nil
}

func (s *service) DeleteGroup(ctx context.Context, req *hanokv1.DeleteGroupRequest) (*hanokv1.DeleteGroupResponse, error) {
	by := caller(ctx)
	g, err := s.principal(by, req.UserGroup, true)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteGroupResponse{}, s.Access.DeleteGroup(ctx, by, dc.GroupID(g))
}

func (s *service) AddGroupMember(ctx context.Context, req *hanokv1.AddGroupMemberRequest) (*hanokv1.AddGroupMemberResponse, error) {
	by := caller(ctx)
	g, err := s.principal(by, req.UserGroup, true)
	if err != nil {
		return nil, err
	}
	member, err := s.ensure(ctx, by)(req.Member, req.MemberIsGroup)
	if err != nil {
		return nil, err
	}
	return &hanokv1.AddGroupMemberResponse{}, s.Access.AddMember(ctx, by, dc.GroupID(g), member)
}

func (s *service) RemoveGroupMember(ctx context.Context, req *hanokv1.RemoveGroupMemberRequest) (*hanokv1.RemoveGroupMemberResponse, error) {
	by := caller(ctx)
	g, err := s.principal(by, req.UserGroup, true)
	if err != nil {
		return nil, err
	}
	member, err := s.principal(by, req.Member, req.MemberIsGroup)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RemoveGroupMemberResponse{}, s.Access.RemoveMember(ctx, by, dc.GroupID(g), member)
}

// principal resolves a user or a group for a caller who may change groups; nobody else learns who there is.
func (s *service) principal(by dc.Caller, ref string, group bool) (dc.ID, error) {
	if err := s.Access.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder)); err != nil {
		return "", err
	}
	return s.Access.Principal(ref, group)
}

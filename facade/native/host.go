package native

import (
	"context"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListHosts(ctx context.Context, _ *hanokv1.ListHostsRequest) (*hanokv1.ListHostsResponse, error) {
	all, err := each(s.host(caller(ctx)))(s.Inventory.Hosts(caller(ctx)))
	return &hanokv1.ListHostsResponse{Hosts: all}, err
}

func (s *service) GetHost(ctx context.Context, req *hanokv1.GetHostRequest) (*hanokv1.GetHostResponse, error) {
	id, err := s.Inventory.Resolve(caller(ctx), dc.KindHost, req.Host)
	if err != nil {
		return nil, err
	}
	o, ok := s.State.View().Object(id).(*dc.Host)
	if !ok { // it went since
		return nil, &dc.Error{Kind: dc.NotFound, Object: dc.Describe(dc.KindHost, req.Host), Message: "it does not exist"}
	}
	return &hanokv1.GetHostResponse{Host: s.host(caller(ctx))(o)}, nil
}

func (s *service) host(by dc.Caller) func(*dc.Host) *hanokv1.Host {
	names := s.names(by)
	return func(o *dc.Host) *hanokv1.Host { return convert.Host(o, names) }
}

func (s *service) hostID(ctx context.Context, ref string) (dc.HostID, error) {
	return resolve[dc.HostID](s, caller(ctx), dc.KindHost, ref)
}

func (s *service) CreateJoinToken(ctx context.Context, req *hanokv1.CreateJoinTokenRequest) (*hanokv1.CreateJoinTokenResponse, error) {
	by := caller(ctx)
	kinds := 0
	for _, given := range []bool{req.Cluster != "", req.Host != "", req.Standalone} {
		if given {
			kinds++
		}
	}
	if kinds != 1 || req.Folder != "" && !req.Standalone {
		return nil, dc.Errorf(dc.Invalid, "a join token is for a cluster, for a host, or for a host that stands alone").Fix("name one of them")
	}
	token, expires, err := s.createToken(ctx, by, req)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateJoinTokenResponse{Token: token, Expires: convert.Time(expires)}, nil
}

func (s *service) createToken(ctx context.Context, by dc.Caller, req *hanokv1.CreateJoinTokenRequest) (string, time.Time, error) {
	if req.Host != "" {
		id, err := s.hostID(ctx, req.Host)
		if err != nil {
			return "", time.Time{}, err
		}
		return s.Hosts.CreateRejoinToken(ctx, by, id)
	}
	if req.Standalone {
		folder, err := s.hostFolder(by, req.Folder)
		if err != nil {
			return "", time.Time{}, err
		}
		return s.Hosts.CreateStandaloneToken(ctx, by, folder)
	}
	id, err := resolve[dc.ClusterID](s, by, dc.KindCluster, req.Cluster)
	if err != nil {
		return "", time.Time{}, err
	}
	return s.Hosts.CreateJoinToken(ctx, by, id)
}

// hostFolder returns the folder that a reference names, or that of the only data center's hosts.
func (s *service) hostFolder(by dc.Caller, ref string) (dc.FolderID, error) {
	if ref != "" {
		return resolve[dc.FolderID](s, by, dc.KindFolder, ref)
	}
	id, err := s.datacenter(by, "")
	if err != nil {
		return "", err
	}
	d, ok := s.State.View().Object(dc.ID(id)).(*dc.Datacenter)
	if !ok { // it went since
		return "", dc.Errorf(dc.NotFound, "the data center does not exist any more")
	}
	return d.HostFolder, nil
}

// hostTask starts the task of a host by its reference.
func (s *service) hostTask(ctx context.Context, ref string, start func(context.Context, dc.Caller, dc.HostID) (*dc.Task, error)) (*hanokv1.Task, error) {
	id, err := s.hostID(ctx, ref)
	if err != nil {
		return nil, err
	}
	t, err := start(ctx, caller(ctx), id)
	if err != nil {
		return nil, err
	}
	return s.task(caller(ctx), t), nil
}

func (s *service) MoveHost(ctx context.Context, req *hanokv1.MoveHostRequest) (*hanokv1.MoveHostResponse, error) {
	to, err := s.hostDestination(caller(ctx), req.Folder, req.Cluster, req.ResourcePool)
	if err != nil {
		return nil, err
	}
	t, err := s.hostTask(ctx, req.Host, func(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error) {
		return s.Hosts.Move(ctx, by, id, to)
	})
	if err != nil {
		return nil, err
	}
	return &hanokv1.MoveHostResponse{Task: t}, nil
}

// hostDestination resolves where a host is moved to.
func (s *service) hostDestination(by dc.Caller, folder, cluster, pool string) (to dc.HostDestination, err error) {
	if to.Folder, err = resolveAny[dc.FolderID](s, by, dc.KindFolder, folder); err != nil {
		return to, err
	}
	if to.Cluster, err = resolveAny[dc.ClusterID](s, by, dc.KindCluster, cluster); err != nil {
		return to, err
	}
	to.Pool, err = resolveAny[dc.ResourcePoolID](s, by, dc.KindResourcePool, pool)
	return to, err
}

func (s *service) EnterMaintenanceMode(ctx context.Context, req *hanokv1.EnterMaintenanceModeRequest) (*hanokv1.EnterMaintenanceModeResponse, error) {
	t, err := s.hostTask(ctx, req.Host, s.Hosts.EnterMaintenance)
	if err != nil {
		return nil, err
	}
	return &hanokv1.EnterMaintenanceModeResponse{Task: t}, nil
}

func (s *service) ExitMaintenanceMode(ctx context.Context, req *hanokv1.ExitMaintenanceModeRequest) (*hanokv1.ExitMaintenanceModeResponse, error) {
	t, err := s.hostTask(ctx, req.Host, s.Hosts.ExitMaintenance)
	if err != nil {
		return nil, err
	}
	return &hanokv1.ExitMaintenanceModeResponse{Task: t}, nil
}

func (s *service) DisconnectHost(ctx context.Context, req *hanokv1.DisconnectHostRequest) (*hanokv1.DisconnectHostResponse, error) {
	t, err := s.hostTask(ctx, req.Host, s.Hosts.Disconnect)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DisconnectHostResponse{Task: t}, nil
}

func (s *service) ReconnectHost(ctx context.Context, req *hanokv1.ReconnectHostRequest) (*hanokv1.ReconnectHostResponse, error) {
	t, err := s.hostTask(ctx, req.Host, s.Hosts.Reconnect)
	if err != nil {
		return nil, err
	}
	return &hanokv1.ReconnectHostResponse{Task: t}, nil
}

func (s *service) RemoveHost(ctx context.Context, req *hanokv1.RemoveHostRequest) (*hanokv1.RemoveHostResponse, error) {
	t, err := s.hostTask(ctx, req.Host, s.Hosts.Remove)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RemoveHostResponse{Task: t}, nil
}

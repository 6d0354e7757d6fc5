package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
	"hanok/dc"
)

// client is a connection to a data center with a login.
type client struct {
	settings
	http *http.Client

	session     hanokv1connect.SessionServiceClient
	system      hanokv1connect.SystemServiceClient
	users       hanokv1connect.UserServiceClient
	roles       hanokv1connect.RoleServiceClient
	permissions hanokv1connect.PermissionServiceClient
	apiTokens   hanokv1connect.APITokenServiceClient
	identity    hanokv1connect.IdentitySourceServiceClient
	groups      hanokv1connect.GroupServiceClient
	inventory   hanokv1connect.InventoryServiceClient
	datacenters hanokv1connect.DatacenterServiceClient
	folders     hanokv1connect.FolderServiceClient
	clusters    hanokv1connect.ClusterServiceClient
	hosts       hanokv1connect.HostServiceClient
	pools       hanokv1connect.ResourcePoolServiceClient
	datastores  hanokv1connect.DatastoreServiceClient
	portGroups  hanokv1connect.PortGroupServiceClient
	images      hanokv1connect.ImageServiceClient
	machines    hanokv1connect.VirtualMachineServiceClient
	bulk        hanokv1connect.BulkServiceClient
	guard       hanokv1connect.GuardServiceClient
	schedules   hanokv1connect.ScheduledTaskServiceClient
	tasks       hanokv1connect.TaskServiceClient
	events      hanokv1connect.EventServiceClient
	audit       hanokv1connect.AuditServiceClient
	statistics  hanokv1connect.StatisticsServiceClient
	alarms      hanokv1connect.AlarmServiceClient
	tags        hanokv1connect.TagServiceClient
	fields      hanokv1connect.CustomFieldServiceClient
	watch       hanokv1connect.WatchServiceClient
	backups     hanokv1connect.BackupServiceClient
}

// logoutTime bounds the farewell of a client that was interrupted.
const logoutTime = 5 * time.Second

// withClient connects, logs in unless there is a token or a session that was kept, calls do, and logs out again unless the session is kept. Its error is what do or the login
// returned, as a *dc.Error where the server or the connection made it.
func (a *app) withClient(ctx context.Context, do func(*client) error) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.http.CloseIdleConnections()
	switch {
	case c.token != "":
	case c.kept != "":
		if err := c.loginKept(ctx); err != nil {
			return err
		}
	default:
		if err := c.login(ctx); err != nil {
			return err
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTime)
			defer cancel()
			// A session that could not be closed ends by itself.
			_, _ = c.session.Logout(ctx, &hanokv1.LogoutRequest{})
		}()
	}
	return c.explain(do(c))
}

// connect returns a client that has not called yet.
func (a *app) connect() (*client, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	config, err := s.tls()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
		Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	c := &client{settings: s, http: &http.Client{Transport: transport}}
	options := connect.WithInterceptors(bearer{c})
	c.session = hanokv1connect.NewSessionServiceClient(c.http, s.server, options)
	c.system = hanokv1connect.NewSystemServiceClient(c.http, s.server, options)
	c.users = hanokv1connect.NewUserServiceClient(c.http, s.server, options)
	c.roles = hanokv1connect.NewRoleServiceClient(c.http, s.server, options)
	c.identity = hanokv1connect.NewIdentitySourceServiceClient(c.http, s.server, options)
	c.apiTokens = hanokv1connect.NewAPITokenServiceClient(c.http, s.server, options)
	c.permissions = hanokv1connect.NewPermissionServiceClient(c.http, s.server, options)
	c.groups = hanokv1connect.NewGroupServiceClient(c.http, s.server, options)
	c.inventory = hanokv1connect.NewInventoryServiceClient(c.http, s.server, options)
	c.datacenters = hanokv1connect.NewDatacenterServiceClient(c.http, s.server, options)
	c.folders = hanokv1connect.NewFolderServiceClient(c.http, s.server, options)
	c.clusters = hanokv1connect.NewClusterServiceClient(c.http, s.server, options)
	c.hosts = hanokv1connect.NewHostServiceClient(c.http, s.server, options)
	c.pools = hanokv1connect.NewResourcePoolServiceClient(c.http, s.server, options)
	c.datastores = hanokv1connect.NewDatastoreServiceClient(c.http, s.server, options)
	c.portGroups = hanokv1connect.NewPortGroupServiceClient(c.http, s.server, options)
	c.images = hanokv1connect.NewImageServiceClient(c.http, s.server, options)
	c.machines = hanokv1connect.NewVirtualMachineServiceClient(c.http, s.server, options)
	c.bulk = hanokv1connect.NewBulkServiceClient(c.http, s.server, options)
	c.guard = hanokv1connect.NewGuardServiceClient(c.http, s.server, options)
	c.schedules = hanokv1connect.NewScheduledTaskServiceClient(c.http, s.server, options)
	c.tasks = hanokv1connect.NewTaskServiceClient(c.http, s.server, options)
	c.events = hanokv1connect.NewEventServiceClient(c.http, s.server, options)
	c.audit = hanokv1connect.NewAuditServiceClient(c.http, s.server, options)
	c.statistics = hanokv1connect.NewStatisticsServiceClient(c.http, s.server, options)
	c.alarms = hanokv1connect.NewAlarmServiceClient(c.http, s.server, options)
	c.tags = hanokv1connect.NewTagServiceClient(c.http, s.server, options)
	c.fields = hanokv1connect.NewCustomFieldServiceClient(c.http, s.server, options)
	c.watch = hanokv1connect.NewWatchServiceClient(c.http, s.server, options)
	c.backups = hanokv1connect.NewBackupServiceClient(c.http, s.server, options)
	return c, nil
}

// login opens a session of the settings' user and keeps its token.
func (c *client) login(ctx context.Context) error {
	res, err := c.session.Login(ctx, &hanokv1.LoginRequest{Username: c.username, Password: c.password})
	if err != nil {
		return c.explain(err)
	}
	c.token = res.Token
	return nil
}

// explain returns err as what a user can act on: the server's own failure, or what is wrong with the connection.
func (c *client) explain(err error) error {
	var done *dc.Error
	if err == nil || errors.As(err, &done) || errors.Is(err, errSilent) {
		return err
	}
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		record    tls.RecordHeaderError
	)
	fail := func(message, remedy string) error {
		return &dc.Error{Kind: dc.Unavailable, Object: "server " + c.server, Message: message, Remedy: remedy, Err: err}
	}
	switch {
	case errors.As(err, &authority):
		return fail("its certificate is not one of a data center that is trusted here", "set HANOK_CA to the ca.pem of its DATA folder, or HANOK_INSECURE=1 to trust any certificate")
	case errors.As(err, &host):
		return fail("its certificate is for another name: "+host.Error(), "use the name or address that the data center was started with")
	case errors.As(err, &record):
		return fail("it does not speak TLS", "correct HANOK_SERVER")
	}
	var wire *connect.Error
	if !errors.As(err, &wire) {
		return err // the command's own, such as of a file
	}
	e := convert.FromError(err).(*dc.Error)
	switch {
	case e.Object != "" || e.Remedy != "":
	case e.Kind == dc.Unavailable && e.Err != nil:
		return fail("no connection: "+e.Message, "see whether it runs (\"hanok up\" or \"hanok manager run\" on its machine), and whether HANOK_SERVER names it")
	case e.Kind == dc.Unauthenticated:
		return e.Fix("log in again with \"hanok login\", or set HANOK_USERNAME and HANOK_PASSWORD")
	}
	return e
}

// bearer adds the token to every call.
type bearer struct{ c *client }

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		b.set(req.Header())
		return next(ctx, req)
	}
}

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		b.set(conn.RequestHeader())
		return conn
	}
}

func (bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (b bearer) set(h http.Header) {
	if b.c.token != "" {
		h.Set("Authorization", "Bearer "+b.c.token)
	}
}

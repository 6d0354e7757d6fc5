package native

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"hanok/api/hanok/v1/hanokv1connect"
)

// Server serves the native dialect.
type Server struct {
	service *service
	stop    context.CancelFunc
}

// service has the methods of every service of the contract.
type service struct {
	Backend
	log     *slog.Logger
	tickets *tickets
	// ended is done when the server is closed: streams end with it.
	ended context.Context
}

// maxMessage bounds a request's body.
const maxMessage = 1 << 20

// New returns a server of the backend. Calls that fail are logged, with their causes.
func New(backend Backend, log *slog.Logger) *Server {
	ended, stop := context.WithCancel(context.Background())
	return &Server{
		service: &service{Backend: backend, log: log, tickets: newTickets(time.Now), ended: ended},
		stop:    stop,
	}
}

// Close ends the streams and consoles that are open, which would otherwise outlast an orderly shutdown of the HTTP
// server. New ones end at once.
func (s *Server) Close() { s.stop() }

// Handler returns the handler of all paths of this dialect: "/hanok.v1.…", "/console/…", "/files/…", "/images/…", "/packages/…" and "/" itself.
func (s *Server) Handler() http.Handler {
	svc := s.service
	options := []connect.HandlerOption{
		connect.WithInterceptors(&calls{svc}),
		connect.WithReadMaxBytes(maxMessage),
		connect.WithCompression("gzip", nil, nil), // a list of 100,000 machines takes longer to compress than to send
	}
	mux := http.NewServeMux()
	mount := func(path string, h http.Handler) { mux.Handle(path, bounded(h)) }
	mount(hanokv1connect.NewSessionServiceHandler(svc, options...))
	mount(hanokv1connect.NewSystemServiceHandler(svc, options...))
	mount(hanokv1connect.NewUserServiceHandler(svc, options...))
	mount(hanokv1connect.NewRoleServiceHandler(svc, options...))
	mount(hanokv1connect.NewIdentitySourceServiceHandler(svc, options...))
	mount(hanokv1connect.NewAPITokenServiceHandler(svc, options...))
	mount(hanokv1connect.NewPermissionServiceHandler(svc, options...))
	mount(hanokv1connect.NewGroupServiceHandler(svc, options...))
	mount(hanokv1connect.NewInventoryServiceHandler(svc, options...))
	mount(hanokv1connect.NewDatacenterServiceHandler(svc, options...))
	mount(hanokv1connect.NewFolderServiceHandler(svc, options...))
	mount(hanokv1connect.NewClusterServiceHandler(svc, options...))
	mount(hanokv1connect.NewHostServiceHandler(svc, options...))
	mount(hanokv1connect.NewResourcePoolServiceHandler(svc, options...))
	mount(hanokv1connect.NewDatastoreServiceHandler(svc, options...))
	mount(hanokv1connect.NewPortGroupServiceHandler(svc, options...))
	mount(hanokv1connect.NewImageServiceHandler(svc, options...))
	mount(hanokv1connect.NewVirtualMachineServiceHandler(svc, options...))
	mount(hanokv1connect.NewBulkServiceHandler(svc, options...))
	mount(hanokv1connect.NewGuardServiceHandler(svc, options...))
	mount(hanokv1connect.NewScheduledTaskServiceHandler(svc, options...))
	mount(hanokv1connect.NewTaskServiceHandler(svc, options...))
	mount(hanokv1connect.NewEventServiceHandler(svc, options...))
	mount(hanokv1connect.NewAuditServiceHandler(svc, options...))
	mount(hanokv1connect.NewStatisticsServiceHandler(svc, options...))
	mount(hanokv1connect.NewAlarmServiceHandler(svc, options...))
	mount(hanokv1connect.NewTagServiceHandler(svc, options...))
	mount(hanokv1connect.NewCustomFieldServiceHandler(svc, options...))
	mount(hanokv1connect.NewWatchServiceHandler(svc, options...))
	mount(hanokv1connect.NewBackupServiceHandler(svc, options...))
	mux.HandleFunc("GET /console/{ticket}", svc.console)
	mux.HandleFunc("GET /files/{datastore}/{path...}", svc.audited("GET /files", false, svc.download, "datastore", "path")) // HEAD, too
	mux.HandleFunc("PUT /files/{datastore}/{path...}", svc.audited("PUT /files", true, svc.upload, "datastore", "path"))
	mux.HandleFunc("PUT /images/{name}", svc.audited("PUT /images", true, svc.importImage, "name"))
	mux.HandleFunc("PUT /packages/{name}", svc.audited("PUT /packages", true, svc.importPackage, "name"))
	mux.HandleFunc("GET /exports/{task}/{disk}", svc.audited("GET /exports", false, svc.exportDisk, "task", "disk"))
	mux.HandleFunc("GET /{$}", svc.page)
	return mux
}

// NewHTTPServer returns a server with the time-outs that this dialect is made for: a client has little time for its headers,
// connections that idle or whose peer has vanished are closed, and streams live as long as both sides want.
func NewHTTPServer(h http.Handler, config *tls.Config, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second,
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // mostly clients that distrust the certificate
	}
}

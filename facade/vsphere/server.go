package vsphere

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"hanok/facade/vsphere/model"
	"hanok/facade/vsphere/property"
	"hanok/facade/vsphere/wire"
)

// cacheBytes bounds what is kept of the inventory as XML.
const cacheBytes = 128 << 20

// Server serves the vSphere API. Close ends it.
type Server struct {
	Backend
	log      *slog.Logger
	feed     *model.Feed
	cache    *property.Cache
	sessions *sessions
	types    map[string]*property.Type
	instance string
	// ended is done when the server is closed: waits end with it.
	ended context.Context
	stop  context.CancelFunc
}

// New returns a server of the backend. instance names the data center for ever, as a UUID. Calls that fail are logged, with their causes.
func New(backend Backend, instance string, log *slog.Logger) *Server {
	ended, stop := context.WithCancel(context.Background())
	s := &Server{
		Backend: backend, log: log, feed: model.NewFeed(backend.State), cache: property.NewCache(cacheBytes), sessions: newSessions(),
		types: ownTypes(model.Types()), instance: instance, ended: ended, stop: stop,
	}
	go s.feed.Run(ended)
	go s.sweep(ended)
	return s
}

// Close ends waits that are open, which would otherwise outlast an orderly shutdown of the HTTP server.
func (s *Server) Close() { s.stop() }

// Handler returns the handler of all paths below /sdk.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sdk", s.soap)
	mux.HandleFunc("POST /sdk/{$}", s.soap)
	mux.HandleFunc("POST /sdk/vimService", s.soap)
	mux.HandleFunc("GET /sdk/vimServiceVersions.xml", versions)
	return mux
}

// sweepTime is how often it is looked which sessions have ended.
const sweepTime = time.Minute

// sweep lets go of what ended sessions have left.
func (s *Server) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepTime)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.sessions.sweep(func(token string) bool {
				_, err := s.Access.Authenticate(token)
				return err == nil
			})
		}
	}
}

// apiVersions are the versions of the API that clients may speak, the newest first: what vimServiceVersions.xml lists.
var apiVersions = []string{model.APIVersion, "8.0.0.0", "7.0.3.0", "7.0.2.0", "7.0.1.0", "7.0.0.0", "6.9.1", "6.8.7", "6.7.3", "6.7.2", "6.7.1", "6.7", "6.5", "6.0", "5.5", "5.1", "5.0"}

// newest is what is spoken with a client that says nothing of its version.
var newest = mustVersion(model.APIVersion)

func mustVersion(s string) wire.Version {
	v, err := wire.ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return v
}

// versions tells clients what they may speak; they choose the newest that they know.
func versions(w http.ResponseWriter, _ *http.Request) {
	b := []byte(xmlHeader + `<namespaces version="1.0"><namespace><name>urn:vim25</name><version>` + apiVersions[0] + `</version><priorVersions>`)
	for _, v := range apiVersions[1:] {
		b = append(append(append(b, "<version>"...), v...), "</version>"...)
	}
	b = append(b, "</priorVersions></namespace></namespaces>"...)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write(b) // a client that went away
}

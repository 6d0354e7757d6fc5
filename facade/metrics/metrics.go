// Package metrics serves /metrics to Prometheus: what the data center has, how it is and what it uses, as of the scrape. It needs a
// login like every other dialect, a bearer token or a name and a password, of a user who may diagnose the data center or see all of it.
//
// It keeps no history: package stats of the manager does. cmd joins it to the manager.
package metrics

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hanok/dc"
)

// Backend is all that this facade needs of the data center. All methods are safe for concurrent use.
type Backend struct {
	Access Access
	State  State
	// Values returns the newest values of a whole object, or nil where nothing was measured lately.
	Values func(object dc.ID) []dc.CounterValue
	// Store says how many bytes of the store are used, and how many may be; 0 is no limit.
	Store   func(context.Context) (used, quota int64, err error)
	Version string
}

// Access knows the users and their logins.
type Access interface {
	// Authenticate returns who has the token.
	Authenticate(token string) (dc.Caller, error)
	// Verify returns the user that has the name and the password, without a session. from is the network address of who asks.
	Verify(ctx context.Context, from, username, password string) (dc.Caller, error)
	// Authorize returns an error where by lacks the privilege on the object.
	Authorize(by dc.Caller, p dc.Privilege, on dc.ID) error
}

// State is the data center as it is now.
type State interface {
	// View returns the newest revision, and a function that yields every object of a kind at it.
	View() (revision int64, objects func(dc.Kind) iter.Seq[dc.Object])
}

// scrapeTime bounds a scrape, and scrapes how many are served at once.
const (
	scrapeTime = 30 * time.Second
	scrapes    = 4
)

// Handler returns the handler of /metrics. The query "vms=all" or "vms=none" says whether there are series of each virtual machine;
// without it there are where there are no more than MaxMachines of them.
func Handler(b Backend, log *slog.Logger) http.Handler {
	handlers := map[string]http.Handler{}
	for _, vms := range []string{"", "all", "none"} {
		own := prometheus.NewRegistry()
		own.MustRegister(&collector{Backend: b, vms: vms})
		handlers[vms] = promhttp.HandlerFor(prometheus.Gatherers{own, process{prometheus.DefaultGatherer}}, promhttp.HandlerOpts{
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
			MaxRequestsInFlight: scrapes, Timeout: scrapeTime,
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := b.admit(r); err != nil {
			refuse(w, err)
			return
		}
		handler := handlers[r.URL.Query().Get("vms")]
		if handler == nil {
			http.Error(w, `vms is "all" or "none"`, http.StatusBadRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// admit returns why the caller may not scrape, or nil.
func (b Backend) admit(r *http.Request) error {
	by, err := b.caller(r)
	if err != nil {
		return err
	}
	if b.Access.Authorize(by, dc.PrivDiagnostics, dc.ID(dc.RootFolder)) == nil {
		return nil
	}
	return b.Access.Authorize(by, dc.PrivView, dc.ID(dc.RootFolder))
}

func (b Backend) caller(r *http.Request) (dc.Caller, error) {
	if username, password, ok := r.BasicAuth(); ok {
		from, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			from = r.RemoteAddr
		}
		return b.Access.Verify(r.Context(), from, username, password)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return dc.Caller{}, dc.Errorf(dc.Unauthenticated, "nobody is logged in").Fix("send a bearer token, or a name and a password")
	}
	return b.Access.Authenticate(strings.TrimSpace(token))
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch dc.KindOf(err) {
	case dc.Unauthenticated:
		w.Header().Set("WWW-Authenticate", `Basic realm="hanok"`)
		status = http.StatusUnauthorized
	case dc.Denied, dc.NotFound:
		status = http.StatusForbidden
	case dc.Exhausted:
		status = http.StatusTooManyRequests
	case dc.Unavailable, dc.Canceled:
		status = http.StatusServiceUnavailable
	}
	message := "internal error"
	var known *dc.Error
	if status != http.StatusInternalServerError && errors.As(err, &known) {
		message = known.Error()
	}
	http.Error(w, message, status)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"hanok/dc"
	"hanok/facade/metrics"
	"hanok/facade/native"
	"hanok/internal/durable"
	"hanok/manager"
	"hanok/manager/backup"
)

// server is the one port that everything is served on.
type server struct {
	http *http.Server
	ln   net.Listener
	stop func()
	// url is for people, local for this host's own agent.
	url, local string
}

// serve listens, with a certificate for the addresses of this machine and for the other names. The connections wait until run.
func serve(data *dataFolder, m *manager.Manager, listen string, others []string, log *slog.Logger) (*server, error) {
	if i := slices.IndexFunc(others, notAName); i >= 0 {
		return nil, dc.Errorf(dc.Invalid, "%q is no name or address of a machine", others[i]).Fix("correct --name: it has no scheme and no port")
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, &dc.Error{Kind: dc.Unavailable, Object: "the address " + listen, Message: "can't listen there: " + errors.Unwrap(err).Error(), Err: err,
			Remedy: "choose another with LISTEN=ADDR:PORT"}
	}
	addr := ln.Addr().(*net.TCPAddr)
	names := addresses(addr)
	config, err := m.CA.ServerConfig(slices.Concat(names, others, []string{"localhost", "127.0.0.1", "::1"}), time.Now)
	if err != nil {
		ln.Close()
		return nil, err
	}
	api := native.New(nativeBackend(nativeParts{
		store: m.Store, access: m.Access, identity: m.Identity, inventory: m.Inventory, hosts: nativeHosts{m.Agents, m.Hosts}, pools: m.Pools, machines: m.Machines, bulk: m.Bulk, guard: m.Guard, schedules: m.Schedules, tasks: m.Tasks, events: m.Events, audit: m.Audit,
		stats: m.Stats, alarms: m.Alarms, tags: m.Tags, fields: m.Fields, usage: m.Agents.Usage, files: m.Files, images: m.Images, packages: m.Packages, exports: m.Exports, system: nativeSystem{m.Doctor, m.Checker},
		backups: backup.NewService(backup.Config{Store: m.Store, Access: m.Access, Images: data.file("manager", "images"), Login: data.firstLogin, Version: version}),
	}), log)
	agents := m.Agents.Handler()
	mux := http.NewServeMux()
	mux.Handle("/hanok.agent.v1.AgentService/", agents)
	mux.Handle("/agent/", agents)
	mux.Handle("GET /metrics", metrics.Handler(metricsBackend(m), log))
	sdk := newVSphere(m, log)
	mux.Handle("/sdk", sdk.Handler())
	mux.Handle("/sdk/", sdk.Handler())
	mux.Handle("/", api.Handler())
	s := &server{ln: ln, http: native.NewHTTPServer(mux, config, log)}
	port := fmt.Sprint(addr.Port)
	s.url = "https://" + net.JoinHostPort(names[0], port)
	s.local = s.url
	if addr.IP.IsUnspecified() {
		s.local = "https://" + net.JoinHostPort("localhost", port)
	}
	s.stop = sync.OnceFunc(func() {
		api.Close()
		sdk.Close()
		m.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			s.http.Close()
		}
		if err := m.Audit.Close(); err != nil {
			log.Warn("the audit log can't be closed", "err", err)
		}
		ln.Close()
	})
	if err := durable.WriteFile(data.file("ca.pem"), m.CA.PEM(), 0o644); err != nil {
		s.stop()
		return nil, dataError(data.path, err)
	}
	if err := writeLogin(data, "server.json", login{URL: s.url}); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// run serves until stop.
func (s *server) run(context.Context) error {
	if err := s.http.ServeTLS(s.ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// notAName reports whether s can't stand for a machine in a certificate.
func notAName(s string) bool {
	return net.ParseIP(s) == nil && (s == "" || strings.ContainsAny(s, " /:[]@"))
}

// addresses returns the names that people reach addr by, the best first.
func addresses(addr *net.TCPAddr) []string {
	if !addr.IP.IsUnspecified() {
		return []string{addr.IP.String()}
	}
	var names []string
	all, _ := net.InterfaceAddrs() // without them there is still the loopback address
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	return append(names, "127.0.0.1")
}

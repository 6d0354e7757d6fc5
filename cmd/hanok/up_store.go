package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"hanok/dc"
	"hanok/manager/store"
)

// etcdSettings say which etcd that somebody else runs holds the store. Without endpoints the store is in the data folder.
type etcdSettings struct {
	// Endpoints are the URLs of its members.
	Endpoints []string `json:"endpoints"`
	// CA, Certificate and Key are PEM files: whom to trust (else the machine's authorities), and who this is (else nobody).
	CA          string `json:"ca,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
	// Prefix is what the data center's keys begin with; "" means the store's default.
	Prefix string `json:"prefix,omitempty"`
}

func (e *etcdSettings) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&e.Endpoints, "etcd", nil, "keep the store in an etcd that runs already: the URLs of its members (remembered in the data folder)")
	flags.StringVar(&e.CA, "etcd-ca", "", "the certificate authority of etcd, a PEM file")
	flags.StringVar(&e.Certificate, "etcd-cert", "", "the certificate to show to etcd, a PEM file")
	flags.StringVar(&e.Key, "etcd-key", "", "the key of that certificate, a PEM file")
	flags.StringVar(&e.Prefix, "etcd-prefix", "", "what the keys in etcd begin with, where several data centers share it: /NAME/")
}

// openStore opens the data center's store where the data folder says that it is; at the first start the flags say it. Later
// they may name other members and files, but no other store: what the hosts and their machines know would not be in it.
func openStore(ctx context.Context, say *stages, data *dataFolder, flags etcdSettings, log *slog.Logger) (*store.Store, error) {
	dir := data.file("manager", "store")
	if len(flags.Endpoints) > 0 {
		if err := data.keepEtcd(flags, fileExists(dir)); err != nil {
			return nil, err
		}
	}
	if data.marker.Etcd == nil {
		say.stage("opening the store in %s", data.path)
		return store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: dir, Log: log})
	}
	config, err := data.etcdConfig(log)
	if err != nil {
		return nil, err
	}
	say.stage("opening the store in etcd at %s", strings.Join(config.Endpoints, ", "))
	return store.OpenExternal(ctx, config)
}

// keepEtcd writes down where the store is. embedded is whether there is one in the folder.
func (d *dataFolder) keepEtcd(e etcdSettings, embedded bool) error {
	for _, file := range []*string{&e.CA, &e.Certificate, &e.Key} {
		if *file == "" {
			continue
		}
		path, err := filepath.Abs(*file)
		if err != nil {
			return dataError(*file, err)
		}
		*file = path
	}
	known := d.marker.Etcd
	switch {
	case known == nil && embedded:
		return &dc.Error{Kind: dc.WrongState, Object: dataName(d.path), Message: "its store is in the folder, not in etcd",
			Remedy: "start without --etcd, or choose another folder with DATA=DIR"}
	case known != nil && known.Prefix != e.Prefix:
		return &dc.Error{Kind: dc.WrongState, Object: dataName(d.path), Message: fmt.Sprintf("its store has the prefix %q, not %q", known.Prefix, e.Prefix),
			Remedy: "give the same --etcd-prefix as at the first start, or choose another folder with DATA=DIR"}
	}
	if _, err := e.config(nil); err != nil { // before it is remembered
		return err
	}
	d.marker.Etcd = &e
	return writeMarker(d.path, d.marker)
}

// etcdConfig is where the store is, as the folder knows it. The folder's lock makes sure that no other process is the owner.
func (d *dataFolder) etcdConfig(log *slog.Logger) (store.ExternalConfig, error) {
	config, err := d.marker.Etcd.config(log)
	if err != nil {
		return config, err
	}
	name, err := os.Hostname()
	if err != nil {
		return config, err
	}
	config.Owner = fmt.Sprintf("%s:%s (%s)", name, d.path, d.marker.Run)
	return config, nil
}

// config reads the files.
func (e etcdSettings) config(log *slog.Logger) (store.ExternalConfig, error) {
	config := store.ExternalConfig{Endpoints: e.Endpoints, Prefix: e.Prefix, Log: log}
	if e.CA == "" && e.Certificate == "" && e.Key == "" && !strings.HasPrefix(e.Endpoints[0], "https:") {
		return config, nil
	}
	config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CA != "" {
		pem, err := os.ReadFile(e.CA)
		if err != nil {
			return config, dc.Errorf(dc.Invalid, "the certificate authority of etcd: %w", err).Fix("name a PEM file with --etcd-ca")
		}
		config.TLS.RootCAs = x509.NewCertPool()
		if !config.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return config, dc.Errorf(dc.Invalid, "the certificate authority of etcd: there is no certificate in %s", e.CA).Fix("name a PEM file with --etcd-ca")
		}
	}
	if e.Certificate != "" || e.Key != "" {
		pair, err := tls.LoadX509KeyPair(e.Certificate, e.Key)
		if err != nil {
			return config, dc.Errorf(dc.Invalid, "the certificate for etcd: %w", err).Fix("name PEM files that belong together with --etcd-cert and --etcd-key")
		}
		config.TLS.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// watchStore returns why the store has ended, or nil at the end of ctx.
func watchStore(ctx context.Context, st *store.Store) error {
	select {
	case <-st.Done():
		return st.Err()
	case <-ctx.Done():
		return nil
	}
}

// eraseStore removes what the data center has in an etcd that somebody else runs.
func eraseStore(ctx context.Context, data *dataFolder, log *slog.Logger) error {
	if data.marker.Etcd == nil {
		return nil
	}
	config, err := data.etcdConfig(log)
	if err != nil {
		return err
	}
	return store.EraseExternal(ctx, config)
}

package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/api/hanok/agent/v1/agentv1connect"
	"hanok/dc"
	"hanok/internal/pki"
)

// identity is who the host is, as it keeps it on its disk. The key never leaves it.
type identity struct {
	Host        dc.HostID `json:"host"`
	Key         string    `json:"key"`
	Certificate string    `json:"certificate"`
	// CA is the authority to trust, which takes the place of Config.CA.
	CA string `json:"ca"`
}

// readIdentity returns nil for a host that has not joined.
func (d *disk) readIdentity() (*identity, error) {
	data, err := os.ReadFile(filepath.Join(d.dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	path := filepath.Join(d.dir, identityFile)
	if err != nil {
		return nil, unreadable(path, err, remedies[identityFile])
	}
	id := new(identity)
	if err := decode(path, data, id, remedies[identityFile]); err != nil {
		return nil, err
	}
	if _, err := id.tlsConfig(); err != nil {
		return nil, unreadable(path, err, remedies[identityFile])
	}
	return id, nil
}

// join makes this host one of the data center and writes the identity down.
//
// When the power goes before that, the key is lost and the token used up. The manager then has a host that never
// connected; joining again under its name with a new token replaces it.
func (a *Agent) join(ctx context.Context) (*identity, error) {
	key, csr, err := pki.NewCSR()
	if err != nil {
		return nil, err
	}
	config, err := pki.ClientConfig(a.cfg.CA, nil)
	if err != nil {
		return nil, err
	}
	transport := controlTransport(config)
	defer transport.CloseIdleConnections()
	client := agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport}, a.cfg.Manager)
	secret, _, _ := strings.Cut(a.cfg.Token, ".")
	answer, err := client.Join(ctx, &agentv1.JoinRequest{
		Token: secret, Csr: csr, Name: a.cfg.Name, Facts: convert.HostFacts(a.facts)})
	if err != nil {
		return nil, convert.FromError(err)
	}
	id := &identity{Host: dc.HostID(answer.HostId), Key: string(key), Certificate: string(answer.Certificate), CA: string(answer.Ca)}
	if _, err := id.tlsConfig(); err != nil {
		return nil, fmt.Errorf("the manager's answer to the joining host: %w", err)
	}
	if err := a.disk.save(identityFile, id); err != nil {
		return nil, err
	}
	a.cfg.Log.Info("joined the data center", "host", id.Host, "name", a.cfg.Name)
	return id, nil
}

// tlsConfig returns the settings of every connection to the manager.
func (id *identity) tlsConfig() (*tls.Config, error) {
	pair, err := tls.X509KeyPair([]byte(id.Certificate), []byte(id.Key))
	if err != nil {
		return nil, fmt.Errorf("the host's identity: %w", err)
	}
	return pki.ClientConfig([]byte(id.CA), func() (*tls.Certificate, error) { return &pair, nil })
}

// dialer opens all connections to the manager.
var dialer = net.Dialer{Timeout: 10 * time.Second}

// controlTransport makes the connections of the protocol's messages: HTTP/2, for a stream in both directions.
func controlTransport(config *tls.Config) *http.Transport {
	return &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DialContext: dialer.DialContext,
		TLSHandshakeTimeout: dialer.Timeout}
}

// dataTransport makes those of bulk data: each has a connection of its own, and WebSockets need HTTP/1.1.
func dataTransport(config *tls.Config) *http.Transport {
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{TLSClientConfig: config, Protocols: protocols, DisableCompression: true,
		DialContext: dialer.DialContext, TLSHandshakeTimeout: dialer.Timeout}
}

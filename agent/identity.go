package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
	// CA is the authority to trust.
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
	if _, err := newCertificate(id); err != nil {
		return nil, unreadable(path, err, remedies[identityFile])
	}
	return id, nil
}

// join makes this host one of the data center and writes the identity down. known is the identity that it has, if any: it
// remains that host, or nothing changes. Only a host that its own data center no longer knows, since it was removed or joined
// after the backup that the manager was restored from, becomes another one; its machines are orphans then.
//
// When the power goes before that, the key is lost and the token used up. The manager then has a host that never
// connected; joining again under its name with a new token replaces it.
func (a *Agent) join(ctx context.Context, known *identity) (*identity, error) {
	secret, fingerprint, ok := strings.Cut(a.cfg.Token, ".")
	if !ok {
		return nil, dc.Errorf(dc.Unauthenticated, "the join token is not whole").Fix("copy all of what \"hanok host token\" prints on the manager")
	}
	ca, err := a.fetchAuthority(ctx, fingerprint)
	if err != nil {
		return nil, err
	}
	key, csr, err := pki.NewCSR()
	if err != nil {
		return nil, err
	}
	config, err := pki.ClientConfig(ca, nil)
	if err != nil {
		return nil, err
	}
	transport := controlTransport(config)
	defer transport.CloseIdleConnections()
	client := agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport}, a.cfg.Manager)
	request := &agentv1.JoinRequest{Token: secret, Csr: csr, Name: a.cfg.Name, Facts: convert.HostFacts(a.facts)}
	if known != nil && known.CA == string(ca) {
		request.FormerHostId = string(known.Host)
	}
	answer, err := client.Join(ctx, request)
	if err != nil {
		return nil, convert.FromError(err)
	}
	id := &identity{Host: dc.HostID(answer.HostId), Key: string(key), Certificate: string(answer.Certificate), CA: string(answer.Ca)}
	if known != nil && known.Host != id.Host && !(answer.ReplacesFormer && request.FormerHostId != "") {
		return nil, dc.Errorf(dc.WrongState, "this machine is the host %s, and the token has made it the host %s", known.Host, id.Host).
			Fix("make a token for %s (hanok host token --host), and remove the other one from the inventory", known.Host)
	}
	if err := a.keepIdentity(id); err != nil {
		return nil, err
	}
	a.cfg.Log.Info("joined the data center", "host", id.Host, "name", a.cfg.Name)
	return id, nil
}

// keepIdentity writes an identity down that the manager has answered.
func (a *Agent) keepIdentity(id *identity) error {
	if _, err := newCertificate(id); err != nil {
		return fmt.Errorf("the manager's answer: %w", err)
	}
	return a.disk.save(identityFile, id)
}

// fetchAuthority returns the certificate of the manager's authority, which must have the fingerprint: whoever answers, and
// whatever comes, nothing else is taken.
func (a *Agent) fetchAuthority(ctx context.Context, fingerprint string) ([]byte, error) {
	transport := dataTransport(&tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.cfg.Manager+"/agent/ca.pem", nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, dc.Errorf(dc.Unavailable, "the manager does not answer: %w", err)
	}
	defer res.Body.Close()
	const longest = 64 << 10
	ca, err := io.ReadAll(io.LimitReader(res.Body, longest))
	if err != nil {
		return nil, dc.Errorf(dc.Unavailable, "the manager's answer broke off: %w", err)
	}
	if found, err := pki.Fingerprint(ca); err != nil || found != fingerprint {
		return nil, dc.Errorf(dc.Unauthenticated, "%s is not the manager that made the token", a.cfg.Manager).
			Fix("check the manager's address; if it is right, somebody answers in its place")
	}
	return ca, nil
}

// dialer opens all connections to the manager.
var dialer = net.Dialer{Timeout: 10 * time.Second}

// controlTransport makes the connections of the protocol's messages: HTTP/2, for a stream in both directions. One on which nothing
// comes is tried and given up: when the manager's machine loses its power, nobody ends it, and whatever is asked after that would
// wait on it, too, for as long as TCP tries (minutes).
func controlTransport(config *tls.Config) *http.Transport {
	return &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DialContext: dialer.DialContext,
		TLSHandshakeTimeout: dialer.Timeout, HTTP2: &http.HTTP2Config{SendPingTimeout: 6 * time.Second, PingTimeout: 6 * time.Second}}
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

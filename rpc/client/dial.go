// SPDX-License-Identifier: BSD-3-Clause

package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// DefaultPort is the TCP port of an address that is only a host.
const DefaultPort = "5260"

// Option is an option of Dial.
type Option func(*dialer)

type dialer struct {
	network string // unix, tcp, http
	address string
	url     *url.URL
	secure  bool
	tls     *tls.Config
	timeout time.Duration
	retries int
	token   string
}

// Timeout bounds calls whose context has no deadline; 0 means no bound.
func Timeout(d time.Duration) Option { return func(r *dialer) { r.timeout = d } }

// Retries lets Dial try that many times more, every 200 ms, if nobody
// listens yet.
func Retries(n int) Option { return func(r *dialer) { r.retries = n } }

// TLS is for https and tcps addresses.
func TLS(c *tls.Config) Option { return func(r *dialer) { r.tls = c } }

// Token is sent as a bearer token over HTTP.
func Token(token string) Option { return func(r *dialer) { r.token = token } }

// Dial connects to a target. The address is the path of a Unix socket, an IP
// address with or without a port, HOST:PORT, or a URL:
//
//	tcp://HOST:PORT, tcps://HOST:PORT?ca=FILE
//	http://USER:PASSWORD@HOST:PORT/PATH, https://HOST:PORT?token=TOKEN&ca=FILE
//
// ca names a file with the certificates that a server's must come from.
func Dial(ctx context.Context, address string, options ...Option) (*Client, error) {
	d, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", hidePassword(address), err)
	}
	for _, o := range options {
		o(d)
	}
	t, err := d.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s (is the target running?): %w", hidePassword(address), err)
	}
	return &Client{t: t, timeout: d.timeout}, nil
}

func (d *dialer) dial(ctx context.Context) (transport, error) {
	if d.network == "http" {
		return d.http(), nil
	}
	var c net.Conn
	for try := 0; ; try++ {
		var err error
		if c, err = new(net.Dialer).DialContext(ctx, d.network, d.address); err == nil {
			break
		}
		if try >= d.retries {
			return nil, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
	if d.secure {
		secure := tls.Client(c, d.tlsConfig())
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c = secure
	}
	return newStream(c), nil
}

func (d *dialer) tlsConfig() *tls.Config {
	c := d.tls.Clone()
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.ServerName == "" && d.url != nil {
		c.ServerName = d.url.Hostname()
	}
	return c
}

func (d *dialer) http() *overHTTP {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = d.tlsConfig()
	return &overHTTP{client: &http.Client{Transport: t}, url: d.url, token: d.token}
}

func parseAddress(s string) (*dialer, error) {
	d := &dialer{network: "unix", address: s, timeout: DefaultTimeout}
	scheme, rest, isURL := strings.Cut(s, "://")
	switch {
	case s == "":
		return nil, errors.New("it is empty")
	case !isURL:
		if net.ParseIP(strings.Trim(s, "[]")) != nil {
			d.network, d.address = "tcp", net.JoinHostPort(strings.Trim(s, "[]"), DefaultPort)
		} else if _, _, err := net.SplitHostPort(s); err == nil && !strings.Contains(s, "/") {
			d.network = "tcp"
		}
		return d, nil
	case scheme == "unix":
		d.address = rest
		return d, nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("it is no URL") // url.Error quotes the password
	}
	d.url, d.address = u, u.Host
	switch scheme {
	case "tcp", "tcps":
		d.network = "tcp"
	case "http", "https":
		d.network = "http"
	default:
		return nil, fmt.Errorf("scheme %q: it must be unix, tcp, tcps, http or https", scheme)
	}
	if d.secure = strings.HasSuffix(scheme, "s"); d.network == "tcp" && u.Port() == "" {
		d.address = net.JoinHostPort(u.Hostname(), DefaultPort)
	}
	return d, d.query()
}

// query takes what is for this end out of the URL.
func (d *dialer) query() error {
	q := d.url.Query()
	d.token = q.Get("token")
	if ca := q.Get("ca"); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("ca %s: there is no certificate in it", ca)
		}
		d.tls = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	q.Del("token")
	q.Del("ca")
	d.url.RawQuery = q.Encode()
	return nil
}

// hidePassword returns an address for messages.
func hidePassword(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" {
		if strings.Contains(address, "@") {
			return "(not shown)"
		}
		return address
	}
	q := u.Query()
	if q.Has("token") {
		q.Set("token", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

// DefaultRPCAddress is where programs listen for requests and clients look
// for them.
const DefaultRPCAddress = "/var/tmp/spdk.sock"

// Listener is an address for requests.
type Listener struct {
	Path string // of a Unix socket, or
	Addr string // host and port for TCP
	HTTP bool   // requests come in HTTP POSTs
	// User and Password are asked of HTTP clients (Basic); Token too, as a
	// bearer token. Empty ones are not.
	User, Password, Token string
	// CertFile and KeyFile turn TLS on.
	CertFile, KeyFile string
}

// String returns the address, without secrets.
func (l Listener) String() string {
	if l.Path != "" {
		return l.Path
	}
	scheme := "tcp"
	if l.HTTP {
		scheme = "http"
	}
	if l.CertFile != "" {
		scheme += "s"
	}
	return scheme + "://" + l.Addr
}

// ParseListeners reads addresses as users give them: a path, HOST:PORT, or
// http://[USER:PASSWORD@]HOST:PORT; https and tcps take a certificate and key
// as ?cert=FILE&key=FILE, HTTP a token as ?token=TOKEN. No address means the
// default one.
func ParseListeners(all []string) ([]Listener, error) {
	if len(all) == 0 {
		return []Listener{{Path: DefaultRPCAddress}}, nil
	}
	var listeners []Listener
	for _, s := range all {
		l, err := parseListener(s)
		if err != nil {
			return nil, fmt.Errorf("RPC address %q: %w", s, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func parseListener(s string) (l Listener, err error) {
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		if _, _, err := net.SplitHostPort(s); err == nil && !strings.Contains(s, "/") {
			return Listener{Addr: s}, nil
		}
		if s == "" {
			return l, errors.New("it is empty")
		}
		return Listener{Path: s}, nil
	}
	if scheme == "unix" {
		return Listener{Path: strings.TrimPrefix(s, "unix://")}, nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return l, errors.New("it is no URL") // url.Error quotes the password
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil {
		return l, fmt.Errorf("host and port are missing: %w", err)
	}
	q := u.Query()
	l = Listener{Addr: u.Host, HTTP: strings.HasPrefix(scheme, "http"), User: u.User.Username(), Token: q.Get("token"), CertFile: q.Get("cert"), KeyFile: q.Get("key")}
	l.Password, _ = u.User.Password()
	secure := scheme == "https" || scheme == "tcps"
	switch {
	case !secure && scheme != "http" && scheme != "tcp":
		return l, fmt.Errorf("scheme %q: it must be unix, tcp, tcps, http or https", scheme)
	case secure && (l.CertFile == "" || l.KeyFile == ""):
		return l, fmt.Errorf("%s needs ?cert=FILE&key=FILE", scheme)
	case !secure && (l.CertFile != "" || l.KeyFile != ""):
		return l, fmt.Errorf("%s has no use for cert and key; use %ss", scheme, scheme)
	case !l.HTTP && (l.User != "" || l.Token != ""):
		return l, fmt.Errorf("%s knows no users and tokens; use http or https", scheme)
	}
	return l, nil
}

// server is a listener that is open.
type server struct {
	Listener
	l    net.Listener
	s    *rpc.Server
	http *http.Server
}

// Close ends the requests of the server, and the server.
func (s *server) Close() error {
	if s.http != nil {
		_ = s.http.Close()
	}
	return errors.Join(s.s.Close(), ignoreClosed(s.l.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// listen opens the addresses. Clients may connect from now on; they are
// answered after serve.
func (a *App) listen() error {
	if err := a.RPC.Allow(a.cfg.RPCsAllowed); err != nil {
		return err
	}
	for _, l := range a.cfg.RPC {
		nl, err := l.open()
		if err != nil {
			return err
		}
		a.servers = append(a.servers, &server{Listener: l, l: nl, s: rpc.NewServer(a.RPC, rpc.ServerOptions{Log: a.cfg.RPCLog})})
	}
	return nil
}

func (l Listener) open() (nl net.Listener, err error) {
	if l.Path != "" {
		return rpc.ListenUnix(l.Path)
	}
	if nl, err = net.Listen("tcp", l.Addr); err != nil {
		return nil, fmt.Errorf("RPC address %s: %w", l, err)
	}
	if !l.HTTP || l.User == "" && l.Token == "" {
		if host, _, _ := net.SplitHostPort(l.Addr); !net.ParseIP(host).IsLoopback() && host != "localhost" {
			log.Warnf("Whoever reaches %s controls this target", l)
		}
	}
	if l.CertFile == "" {
		return nl, nil
	}
	cert, err := tls.LoadX509KeyPair(l.CertFile, l.KeyFile)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("RPC address %s: %w", l, err), nl.Close())
	}
	return tls.NewListener(nl, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}), nil
}

// serve begins to answer.
func (a *App) serve() {
	for _, s := range a.servers {
		if !s.HTTP {
			s.s.Serve(s.l)
			continue
		}
		s.http = &http.Server{Handler: s.guard(s.s), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
		go func() {
			if err := s.http.Serve(s.l); err != nil && !errors.Is(err, http.ErrServerClosed) {
				log.Errorf("RPC at %s: %v", s.Listener, err)
			}
		}()
	}
}

// guard lets those requests through that know the password or token.
func (l Listener) guard(next http.Handler) http.Handler {
	if l.User == "" && l.Token == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, basic := r.BasicAuth()
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case l.User != "" && basic && same(user, l.User) && same(password, l.Password),
			l.Token != "" && bearer && same(token, l.Token):
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="JSON-RPC"`)
			http.Error(w, "user and password, or token, are wrong", http.StatusUnauthorized)
		}
	})
}

// same compares secrets in a time that says nothing about them.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// Addresses returns where the daemon listens, with the ports that were given
// to it.
func (a *App) Addresses() []string {
	var all []string
	for _, s := range a.servers {
		l := s.Listener
		if l.Path == "" {
			l.Addr = s.l.Addr().String()
		}
		all = append(all, l.String())
	}
	return all
}

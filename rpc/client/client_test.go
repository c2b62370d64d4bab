// SPDX-License-Identifier: BSD-3-Clause

package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/rpc"
)

type echoParams struct {
	Text string `json:"text" rpc:"required"`
}

func testRegistry() *rpc.Registry {
	r := rpc.NewRegistry()
	r.SetState(rpc.StateRuntime)
	rpc.Register(r, "echo", func(_ context.Context, p echoParams) (string, error) { return p.Text, nil })
	rpc.Register(r, "fail", func(context.Context, struct{}) (rpc.True, error) {
		return false, fmt.Errorf("device X: %w", syscall.ENODEV)
	})
	rpc.Register(r, "wait", func(ctx context.Context, _ struct{}) (rpc.True, error) {
		<-ctx.Done()
		return false, ctx.Err()
	}, rpc.Concurrent())
	return r
}

// serve returns the address of a server on a Unix socket.
func serve(t *testing.T, r *rpc.Registry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := rpc.ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	start(t, r, l)
	return path
}

func start(t *testing.T, r *rpc.Registry, l net.Listener) {
	s := rpc.NewServer(r, rpc.ServerOptions{})
	s.Serve(l)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
}

func dial(t *testing.T, address string, o ...Option) *Client {
	t.Helper()
	c, err := Dial(context.Background(), address, o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func basic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if (user != "u" || password != "p") && r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Every transport does the same.
func TestCalls(t *testing.T) {
	r := testRegistry()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	start(t, r, tcp)
	h := httptest.NewServer(basic(rpc.NewServer(r, rpc.ServerOptions{})))
	defer h.Close()
	web := strings.TrimPrefix(h.URL, "http://")
	secure := httptest.NewTLSServer(basic(rpc.NewServer(r, rpc.ServerOptions{})))
	defer secure.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	tcps, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: secure.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	start(t, r, tcps)
	for _, address := range []string{
		serve(t, r), "unix://" + serve(t, r), tcp.Addr().String(), "tcp://" + tcp.Addr().String(), "tcps://" + tcps.Addr().String() + "?ca=" + ca,
		"http://u:p@" + web, "http://" + web + "?token=secret", strings.Replace(secure.URL, "https://", "https://u:p@", 1) + "?ca=" + ca,
	} {
		t.Run(strings.ReplaceAll(address, "/", " "), func(t *testing.T) {
			c := dial(t, address)
			ctx := context.Background()
			if s, err := Call[string](ctx, c, "echo", echoParams{"a<b"}); err != nil || s != "a<b" {
				t.Errorf("%q, %v", s, err)
			}
			var raw json.RawMessage
			if err := c.Call(ctx, "echo", json.RawMessage(`{"text":"z"}`), &raw); err != nil || string(raw) != `"z"` {
				t.Errorf("%s, %v", raw, err)
			}
			err := c.Call(ctx, "fail", struct{}{}, nil)
			var e *rpc.Error
			if !errors.Is(err, syscall.ENODEV) || !errors.As(err, &e) || e.Code != -19 || !strings.Contains(err.Error(), "fail: No such device") {
				t.Errorf("%v", err)
			}
			if err := c.Call(ctx, "echo", nil, nil); !errors.As(err, &e) || e.Code != rpc.InvalidParams {
				t.Errorf("%v", err)
			}
			answers, err := c.Batch(ctx, []rpc.Call{{Method: "echo", Params: echoParams{"1"}}, {Method: "fail"}, {Method: "echo", Params: echoParams{"2"}}})
			if err != nil || len(answers) != 3 || string(answers[0].Result) != `"1"` || !errors.Is(answers[1].Err, syscall.ENODEV) || string(answers[2].Result) != `"2"` {
				t.Errorf("%+v, %v", answers, err)
			}
			if err := c.Notify(ctx, "echo", echoParams{"n"}); err != nil {
				t.Error(err)
			}
			short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			defer cancel()
			if err := c.Call(short, "wait", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if s, err := Call[string](ctx, c, "echo", echoParams{"on"}); err != nil || s != "on" {
				t.Errorf("after a timeout: %q, %v", s, err)
			}
		})
	}
}

func TestCallsAtTheSameTime(t *testing.T) {
	c := dial(t, serve(t, testRegistry()))
	ctx, cancel := context.WithCancel(context.Background())
	waits := make(chan error)
	go func() { waits <- c.Call(ctx, "wait", nil, nil) }()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				want := fmt.Sprint(i, j)
				if s, err := Call[string](context.Background(), c, "echo", echoParams{want}); err != nil || s != want {
					t.Errorf("%q, %v, want %q", s, err, want)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestClientTimeout(t *testing.T) {
	c := dial(t, serve(t, testRegistry()), Timeout(10*time.Millisecond))
	err := c.Call(context.Background(), "wait", nil, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Timeout while waiting for response") {
		t.Error(err)
	}
}

func TestTargetThatGoes(t *testing.T) {
	a, b := net.Pipe()
	c := &Client{t: newStream(a)}
	failed := make(chan error)
	go func() { failed <- c.Call(context.Background(), "wait", nil, nil) }()
	buf := make([]byte, 1000)
	if _, err := b.Read(buf); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if err := <-failed; !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "the target has closed the connection") {
		t.Error(err)
	}
	if err := c.Call(context.Background(), "wait", nil, nil); err == nil {
		t.Error("the connection still works")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever comes back, the client neither hangs nor panics.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{`{"id":1,"result":5}`, `[{"id":1},{"id":2,"error":{"code":-1,"message":"m"}}]`, `null`, `[null]`, `{"id":null,"error":{}}`, `{"id":1}{"id":1}{"id":2}{"id":2}`, `7`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		a, b := net.Pipe()
		c := &Client{t: newStream(a)}
		go func() {
			buf := make([]byte, 1<<16)
			_, _ = b.Read(buf)
			_, _ = b.Write(answer)
			b.Close()
		}()
		if answers, err := c.Batch(context.Background(), []rpc.Call{{Method: "a"}, {Method: "b"}}); err == nil && len(answers) != 2 {
			t.Errorf("%q: %v", answer, answers)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAddresses(t *testing.T) {
	for s, want := range map[string]string{
		"/var/tmp/spdk.sock": "unix /var/tmp/spdk.sock",
		"spdk.sock":          "unix spdk.sock",
		"unix:///a":          "unix /a",
		"127.0.0.1":          "tcp 127.0.0.1:5260",
		"::1":                "tcp [::1]:5260",
		"[::1]:9":            "tcp [::1]:9",
		"host:9":             "tcp host:9",
		"tcp://host":         "tcp host:5260",
		"tcps://host:1":      "tcp host:1",
		"http://u:p@h:1/x":   "http h:1",
	} {
		d, err := parseAddress(s)
		if err != nil || d.network+" "+d.address != want {
			t.Errorf("%s: %+v, %v, want %s", s, d, err, want)
		}
	}
	for _, s := range []string{"", "ftp://x", "https://h?ca=/none", "http://[::1"} {
		if _, err := parseAddress(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
	for _, s := range []string{"http://u:hush@h:1", "http://h:1?token=hush", "u:hush@h%zz"} {
		if hidden := hidePassword(s); strings.Contains(hidden, "hush") {
			t.Error(hidden)
		}
	}
}

// A server that nobody vouches for is refused.
func TestUnknownCertificate(t *testing.T) {
	secure := httptest.NewTLSServer(rpc.NewServer(testRegistry(), rpc.ServerOptions{}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer secure.Close()
	err := dial(t, secure.URL).Call(context.Background(), "echo", echoParams{"a"}, nil)
	if unknown := new(x509.UnknownAuthorityError); !errors.As(err, unknown) {
		t.Error(err)
	}
}

func TestNobodyThere(t *testing.T) {
	_, err := Dial(context.Background(), filepath.Join(t.TempDir(), "s"), Retries(1))
	if !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "is the target running?") {
		t.Error(err)
	}
}

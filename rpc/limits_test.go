// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A client that begins a request and does not end it is told so.
func TestUnfinishedRequest(t *testing.T) {
	path, _ := testServer(t, ServerOptions{ReadTimeout: 20 * time.Millisecond})
	c, _ := dial(t, path)
	_, _ = io.WriteString(c, ` {"method":`)
	all, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(all), "has not come within 20ms") {
		t.Errorf("%s, %v", all, err)
	}
}

// What is no JSON is refused at its first byte, not at an end that may never
// come.
func TestGarbageIsRefusedAtOnce(t *testing.T) {
	path, _ := testServer(t, ServerOptions{})
	for _, bad := range []string{"GET / HTTP/1.1", "{]", "{'a':1", `"x"`, "5"} {
		c, _ := dial(t, path)
		_, _ = io.WriteString(c, bad)
		all, err := io.ReadAll(c)
		if err != nil || !strings.Contains(string(all), `"code":-32700`) {
			t.Errorf("%s: %s, %v", bad, all, err)
		}
	}
}

func TestNotifications(t *testing.T) {
	path, _ := testServer(t, ServerOptions{})
	c, r := dial(t, path)
	_, _ = io.WriteString(c, `{"method":"echo","params":{"text":"a"}}{"method":"echo","params":{"text":"a"},"id":null}[{"method":"echo","params":{"text":"a"}}]{"method":"fail"}{"method":"echo","params":{"text":"<&>"},"id":1}`)
	for _, want := range []string{`{"jsonrpc":"2.0","id":null,"error":{"code":-19,`, `"id":1,"result":"<&>"}`} {
		if got, err := r.ReadString('\n'); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}

// A batch may hold a request that waits for another of the same batch.
func TestBatchWithWaiting(t *testing.T) {
	r, release := testRegistry()
	Register(r, "release", func(context.Context, struct{}) (True, error) { close(release); return true, nil })
	s := NewServer(r, ServerOptions{})
	defer s.Close()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(`[{"method":"wait","id":1},{"method":"release","id":2}]`)))
	if want := `[{"jsonrpc":"2.0","id":1,"result":true},{"jsonrpc":"2.0","id":2,"result":true}]`; strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%s, want %s", w.Body, want)
	}
}

func TestTooManyWaitingRequests(t *testing.T) {
	path, release := testServer(t, ServerOptions{headStart: time.Nanosecond})
	c, r := dial(t, path)
	for i := range pipelined + 1 {
		fmt.Fprintf(c, `{"method":"wait","id":%d}`, i)
	}
	if got, err := r.ReadString('\n'); err != nil || !strings.Contains(got, `"code":-11,"message":"Too many requests`) {
		t.Errorf("%s, %v", got, err)
	}
	close(release)
	for range pipelined {
		if got, err := r.ReadString('\n'); err != nil || !strings.Contains(got, `"result":true`) {
			t.Fatalf("%s, %v", got, err)
		}
	}
}

// A request that waits ends with its client.
func TestClientThatGoes(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		r, _ := testRegistry()
		began, ended := make(chan struct{}), make(chan struct{})
		Register(r, "long", func(ctx context.Context, _ struct{}) (True, error) {
			close(began)
			<-ctx.Done()
			close(ended)
			return false, ctx.Err()
		}, Concurrent())
		s := NewServer(r, ServerOptions{})
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(t.TempDir(), "s")
		}
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		s.Serve(l)
		c, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, `{"method":"long","id":1}`)
		<-began
		c.Close()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the request still waits", network)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Requests that may wait and do not are carried out in their turn.
func TestOrderOfThoseThatDoNotWait(t *testing.T) {
	r, _ := testRegistry()
	var got []int // the order is what is tested: no lock
	type n struct {
		N int `json:"n"`
	}
	Register(r, "may_wait", func(_ context.Context, p n) (True, error) { got = append(got, p.N); return true, nil }, Concurrent())
	Register(r, "may_not", func(_ context.Context, p n) (True, error) { got = append(got, p.N); return true, nil })
	s := NewServer(r, ServerOptions{headStart: time.Minute})
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(l)
	c, in := dial(t, path)
	for i := range 20 {
		fmt.Fprintf(c, `{"method":"%s","params":{"n":%d},"id":%d}`, []string{"may_wait", "may_not"}[i%2], i, i)
	}
	for range 20 {
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !slices.IsSorted(got) || len(got) != 20 {
		t.Error(got)
	}
}

func TestBacklogIsBounded(t *testing.T) {
	b := newBacklog(10)
	b.push(make([]byte, 100)) // one is always let through
	pushed := make(chan struct{})
	go func() { b.push(make([]byte, 1)); close(pushed) }()
	select {
	case <-pushed:
		t.Fatal("no limit")
	case <-time.After(10 * time.Millisecond):
	}
	if _, ok := b.pop(); !ok {
		t.Fatal("nothing there")
	}
	<-pushed
	b.close()
	if _, ok := b.pop(); !ok {
		t.Error("lost one")
	}
	if _, ok := b.pop(); ok {
		t.Error("one too many")
	}
}

type oddResult struct{}

func (oddResult) MarshalJSON() ([]byte, error) { panic("odd") }

func TestResultThatCannotBeEncoded(t *testing.T) {
	r, _ := testRegistry()
	Register(r, "odd", func(context.Context, struct{}) (oddResult, error) { return oddResult{}, nil })
	s := NewServer(r, ServerOptions{})
	defer s.Close()
	q := parseRequest([]byte(`{"method":"odd","id":3}`))
	if got := string(s.answer(context.Background(), q)); !strings.Contains(got, `"id":3,"error":{"code":-32603`) {
		t.Error(got)
	}
}

func TestCrossOriginIsRefused(t *testing.T) {
	r, _ := testRegistry()
	s := NewServer(r, ServerOptions{})
	defer s.Close()
	q := httptest.NewRequest("POST", "/", strings.NewReader(`{"method":"echo","params":{"text":"a"},"id":1}`))
	q.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, q)
	if w.Code != http.StatusForbidden {
		t.Error(w.Code, w.Body)
	}
}

// What comes over real HTTP ends with the server, and a client that has gone
// ends its request.
func TestHTTPEnds(t *testing.T) {
	r, _ := testRegistry()
	s := NewServer(r, ServerOptions{})
	h := httptest.NewServer(s)
	defer h.Close()
	ctx, cancel := context.WithCancel(context.Background())
	q, err := http.NewRequestWithContext(ctx, "POST", h.URL, strings.NewReader(`{"method":"wait","id":1}`))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if resp, err := http.DefaultClient.Do(q); err == nil {
		resp.Body.Close()
		t.Error("it was answered")
	}
	done := make(chan string)
	go func() {
		resp, err := http.Post(h.URL, "", strings.NewReader(`{"method":"wait","id":1}`))
		if err != nil {
			done <- err.Error()
			return
		}
		defer resp.Body.Close()
		all, _ := io.ReadAll(resp.Body)
		done <- string(all)
	}()
	time.AfterFunc(20*time.Millisecond, func() { _ = s.Close() })
	if got := <-done; !strings.Contains(got, `"code":-125`) && !strings.Contains(got, "EOF") {
		t.Error(got)
	}
}

func TestListenUnix(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".lock"} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", p, st.Mode(), err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path); err == nil || !strings.Contains(err.Error(), "something else than a socket") {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file is gone")
	}
	if _, err := ListenUnix(filepath.Join(dir, strings.Repeat("x", 120))); err == nil || !strings.Contains(err.Error(), "path too long") {
		t.Error(err)
	}
}

// What is stripped is as long as before, and JSON without comments stays.
func FuzzStripComments(f *testing.F) {
	f.Add([]byte("{ // x\n \"a//b\": /* y */ 1 }"))
	f.Add([]byte("\"\\\"//\"/**/"))
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := StripComments(b)
		if err != nil {
			return
		}
		if len(plain) != len(b) || bytes.Count(plain, []byte("\n")) != bytes.Count(b, []byte("\n")) {
			t.Errorf("%q became %q", b, plain)
		}
		if json.Valid(b) && !bytes.Equal(plain, b) {
			t.Errorf("%q became %q", b, plain)
		}
		var v any
		_ = UnmarshalFile(plain, &v)
	})
}

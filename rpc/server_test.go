// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

type echoParams struct {
	Text  string `json:"text" rpc:"required"`
	Count uint8  `json:"count" default:"1" min:"1" max:"9"`
	Kind  string `json:"kind,omitempty" enum:"a,b"`
	Key   string `json:"key,omitempty" secret:"true"`
	Inner []struct {
		N *int32 `json:"n" rpc:"required"`
	} `json:"inner,omitempty"`
}

func testRegistry() (*Registry, chan struct{}) {
	r := NewRegistry()
	r.SetState(StateRuntime)
	Register(r, "echo", func(_ context.Context, p echoParams) (string, error) {
		return strings.Repeat(p.Text, int(p.Count)), nil
	}, Alias("say"))
	Register(r, "fail", func(context.Context, struct{}) (True, error) {
		return false, fmt.Errorf("device %q: %w", "X", syscall.ENODEV)
	})
	Register(r, "panic", func(context.Context, struct{}) (True, error) { panic("boom") })
	Register(r, "early", func(context.Context, struct{}) (True, error) { return true, nil }, Startup())
	release := make(chan struct{})
	Register(r, "wait", func(ctx context.Context, _ struct{}) (True, error) {
		select {
		case <-release:
			return true, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}, Concurrent())
	return r, release
}

func testServer(t *testing.T, o ServerOptions) (path string, release chan struct{}) {
	t.Helper()
	r, release := testRegistry()
	s := NewServer(r, o)
	path = filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(l)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t)
	})
	return path, release
}

func dial(t *testing.T, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c, bufio.NewReader(c)
}

func TestAnswers(t *testing.T) {
	path, _ := testServer(t, ServerOptions{})
	c, r := dial(t, path)
	for _, test := range []struct{ request, want string }{
		{`{"jsonrpc":"2.0","method":"echo","params":{"text":"ab","count":2},"id":1}`, `{"jsonrpc":"2.0","id":1,"result":"abab"}`},
		{`{"method":"say","params":{"text":"ab"},"id":"x"}`, `{"jsonrpc":"2.0","id":"x","result":"ab"}`},
		{`{"method":"fail","params":null,"id":2}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-19,"message":"No such device: device \"X\""}}`},
		{`{"method":"early","params":{},"id":3}`, `"code":-1,`},
		{`{"method":"nothing","id":4}`, `"code":-32601,`},
		{`{"method":"echo","id":5}`, `parameter \"text\" is missing`},
		{`{"method":"echo","params":{"text":"a","count":10},"id":6}`, `parameter \"count\" is 10: it must be a whole number from 1 to 9`},
		{`{"method":"echo","params":{"text":"a","count":256},"id":6}`, `-32602`},
		{`{"method":"echo","params":{"text":"a","count":2e0},"id":6}`, `"result":"aa"`},
		{`{"method":"echo","params":{"text":"a","count":"2"},"id":6}`, `parameter \"count\" is \"2\"`},
		{`{"method":"echo","params":{"text":"a","kind":"c"},"id":6}`, `one of a, b`},
		{`{"method":"echo","params":{"text":"a","key":5},"id":6}`, `parameter \"key\" is not right`},
		{`{"method":"echo","params":{"text":"a","more":5},"id":6}`, `unknown parameter \"more\"`},
		{`{"method":"echo","params":{"text":"a","text":"b"},"id":6}`, `given twice`},
		{`{"method":"echo","params":{"text":"a","inner":[{"n":1},{"n":"x"}]},"id":6}`, `parameter \"inner[1].n\" is \"x\"`},
		{`{"method":"echo","params":{"text":"a","inner":[{}]},"id":6}`, `parameter \"inner[0].n\" is missing`},
		{`{"method":"echo","params":["a"],"id":6}`, `it must be an object`},
		{`{"method":"panic","id":7}`, `"code":-32603,`},
		{`{"method":7,"id":8}`, `{"jsonrpc":"2.0","id":8,"error":{"code":-32600,`},
		{`{"jsonrpc":"1.0","method":"echo","id":9}`, `"code":-32600,`},
		{`{"method":"echo","id":{}}`, `"code":-32600,`},
		{`[]`, `"code":-32600,`},
		{`[{"method":"echo","params":{"text":"1"},"id":1},{"method":"echo","params":{"text":"n"}},{"method":"fail","id":2}]`,
			`[{"jsonrpc":"2.0","id":1,"result":"1"},{"jsonrpc":"2.0","id":2,"error":`},
	} {
		if _, err := io.WriteString(c, test.request); err != nil {
			t.Fatal(err)
		}
		got, err := r.ReadString('\n')
		if err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s\nanswered %q, %v\nwant     %q", test.request, got, err, test.want)
		}
	}
}

// A stream may be cut anywhere.
func TestStreamIsSplitAnywhere(t *testing.T) {
	path, _ := testServer(t, ServerOptions{})
	c, r := dial(t, path)
	stream := " {\"method\":\"echo\",\"params\":{\"text\":\"}\\\"{\"},\"id\":1}\n\n{\"method\":\"echo\",\"params\":{\"text\":\"\xc3\xa9\"},\"id\":2}{\"method\":\"echo\",\"params\":{\"text\":\"z\"},\"id\":3}"
	for i := range len(stream) {
		if _, err := io.WriteString(c, stream[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{`}\"{`, "é", "z"} {
		if got, err := r.ReadString('\n'); err != nil || !strings.Contains(got, fmt.Sprintf(`"id":%d,"result":"%s"`, i+1, want)) {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
}

func TestHalfClosedClientsAreAnswered(t *testing.T) {
	path, release := testServer(t, ServerOptions{})
	c, _ := dial(t, path)
	_, _ = io.WriteString(c, `{"method":"echo","params":{"text":"a"},"id":1}{"method":"wait","id":2}{"method":"echo","params":{"text":"b"},"id":3}`)
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { close(release) })
	all, err := io.ReadAll(c)
	if err != nil || strings.Count(string(all), `"result"`) != 3 {
		t.Errorf("%s, %v", all, err)
	}
}

func TestWaitingMethodsLetOthersPass(t *testing.T) {
	path, release := testServer(t, ServerOptions{})
	c, r := dial(t, path)
	_, _ = io.WriteString(c, `{"method":"wait","id":1}{"method":"echo","params":{"text":"a"},"id":2}`)
	if got, err := r.ReadString('\n'); err != nil || !strings.Contains(got, `"id":2`) {
		t.Fatalf("%q, %v", got, err)
	}
	close(release)
	if got, err := r.ReadString('\n'); err != nil || !strings.Contains(got, `"id":1,"result":true`) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLimits(t *testing.T) {
	path, _ := testServer(t, ServerOptions{MaxRequest: 1000, MaxDepth: 8, MaxConns: 3})
	for _, bad := range []string{
		`{"method":"` + strings.Repeat("x", 2000) + `"}`,
		strings.Repeat("[", 9),
		"{\"method\":\"\xff\"}",
		`hello`,
		`{"method":"echo",}`,
	} {
		c, _ := dial(t, path)
		_, _ = io.WriteString(c, bad)
		all, err := io.ReadAll(c)
		if !strings.Contains(string(all), "-32700") {
			t.Errorf("%.20q: answered %s, %v", bad, all, err)
		}
		c.Close()
	}
}

func TestTooManyConnections(t *testing.T) {
	path, _ := testServer(t, ServerOptions{MaxConns: 1})
	c, r := dial(t, path)
	_, _ = io.WriteString(c, `{"method":"echo","params":{"text":"a"},"id":1}`)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	more, _ := dial(t, path)
	all, err := io.ReadAll(more)
	if err != nil || !strings.Contains(string(all), "Too many connections") {
		t.Errorf("%s, %v", all, err)
	}
}

// A client that sends and does not read holds up nobody but itself.
func TestSlowClient(t *testing.T) {
	path, _ := testServer(t, ServerOptions{WriteTimeout: 50 * time.Millisecond})
	c, _ := dial(t, path)
	go func() {
		for {
			if _, err := io.WriteString(c, `{"method":"echo","params":{"text":"`+strings.Repeat("a", 20000)+`","count":9},"id":1}`); err != nil {
				return
			}
		}
	}()
	other, r := dial(t, path)
	for range 10 {
		_, _ = io.WriteString(other, `{"method":"echo","params":{"text":"a"},"id":2}`)
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	// The server ends the slow connection.
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := c.Write([]byte(" ")); err != nil && !errors.Is(err, net.ErrClosed) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the connection is still open")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestSocketOfTheDeadIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path); err == nil || !strings.Contains(err.Error(), "in use. Specify another") {
		t.Errorf("second listener: %v", err)
	}
	u := l.(*unixListener)
	u.Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = u.Listener.Close()
	_ = u.lock.Close() // as if the process had been killed
	again, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestHTTP(t *testing.T) {
	r, _ := testRegistry()
	s := NewServer(r, ServerOptions{MaxRequest: 1000})
	defer s.Close()
	for _, test := range []struct {
		method, body string
		code         int
		want         string
	}{
		{"POST", `{"method":"echo","params":{"text":"a"},"id":1}`, 200, `"result":"a"`},
		{"POST", `{"method":"echo","params":{"text":"a"}}`, 204, ``},
		{"POST", `[{"method":"fail","id":1}]`, 200, `[{`},
		{"POST", strings.Repeat(" ", 2000), 400, `-32700`},
		{"POST", `{"method":"echo"} {}`, 400, `holds more`},
		{"POST", ``, 400, `-32700`},
		{"GET", ``, 405, `POST`},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(test.method, "/", strings.NewReader(test.body)))
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s %.30q: %d %s", test.method, test.body, w.Code, w.Body)
		}
	}
}

func TestCommentsAndPositions(t *testing.T) {
	plain, err := StripComments([]byte("{ // \"x\"\n \"a\": \"/* no */ // no\", /* yes\n */ \"b\": 1 }"))
	var v map[string]any
	if err != nil || json.Unmarshal(plain, &v) != nil || v["a"] != "/* no */ // no" || v["b"] != 1.0 {
		t.Errorf("%s, %v", plain, err)
	}
	if _, err := StripComments([]byte("{}\n /* ")); err == nil || !strings.Contains(err.Error(), "line 2, column 2") {
		t.Errorf("open comment: %v", err)
	}
	if err := UnmarshalFile([]byte("{\n \"a\": }"), &v); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("bad file: %v", err)
	}
}

func TestRedact(t *testing.T) {
	r, _ := testRegistry()
	got := r.Redact("echo", json.RawMessage(`{"text":"a","key":"secret"}`))
	if strings.Contains(got, "secret") || !strings.Contains(got, `"text": "a"`) {
		t.Error(got)
	}
}

func TestAllowlist(t *testing.T) {
	r, _ := testRegistry()
	if err := r.Allow([]string{"echo", "rpc_get_methods"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Call(context.Background(), "fail", nil); err.(*Error).Code != MethodNotFound {
		t.Error(err)
	}
	names, err := r.Call(context.Background(), "rpc_get_methods", nil)
	if err != nil || fmt.Sprint(names) != "[echo rpc_get_methods]" {
		t.Errorf("%v, %v", names, err)
	}
	if err := r.Allow([]string{"no"}); err == nil {
		t.Error("an unknown method was allowed")
	}
}

func FuzzFramer(f *testing.F) {
	for _, s := range []string{`{"a":1}[2]`, `{"a":"}\""}`, "{", `"`, "[[[", " \n{}", "\xff"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		whole := frames(&framer{r: strings.NewReader(string(b)), maxSize: 1 << 16, maxDepth: 16})
		cut := frames(&framer{r: &stepReader{b, int(step%7) + 1}, maxSize: 1 << 16, maxDepth: 16})
		if strings.Join(whole, "|") != strings.Join(cut, "|") {
			t.Errorf("cut into steps: %q, whole: %q", cut, whole)
		}
	})
}

type stepReader struct {
	b []byte
	n int
}

func (r *stepReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b[:min(r.n, len(r.b))])
	r.b = r.b[n:]
	return n, nil
}

func frames(f *framer) (all []string) {
	for {
		v, err := f.next()
		if err != nil {
			return append(all, err.Error())
		}
		all = append(all, string(v))
	}
}

func FuzzRequest(f *testing.F) {
	r, _ := testRegistry()
	f.Add([]byte(`{"method":"echo","params":{"text":"a","inner":[{"n":1}]},"id":1}`))
	f.Add([]byte(`[{"method":"fail"},1,{}]`))
	f.Add([]byte(`{"method":"wait","id":1.5}`))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := NewServer(r, ServerOptions{})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := (&framer{r: strings.NewReader(string(b)), maxSize: 1 << 16, maxDepth: 16}).next()
		if err != nil {
			return
		}
		all, _, bad := parseRequests(v)
		if bad != nil {
			return
		}
		for _, q := range all {
			if a := s.answer(ctx, q); a != nil && !json.Valid(a) {
				t.Errorf("answer to %q is not JSON", v)
			}
		}
	})
}

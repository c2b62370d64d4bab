// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/rpc"
)

func call(t *testing.T, r *rpc.Registry, method, params string) string {
	t.Helper()
	result, err := r.Call(context.Background(), method, json.RawMessage(params))
	var answer any = result
	if err != nil {
		answer = err
	}
	out, e := json.Marshal(answer)
	if e != nil {
		t.Fatal(e)
	}
	return string(out)
}

const (
	posixDefaults = `"recv_buf_size":2097152,"send_buf_size":2097152,"enable_recv_pipe":true,"enable_quickack":false,"enable_placement_id":0,` +
		`"enable_zerocopy_send_server":true,"enable_zerocopy_send_client":false,"zerocopy_threshold":0,"tls_version":0,"enable_ktls":false}`
	sslDefaults = `"recv_buf_size":4096,"send_buf_size":4096,"enable_recv_pipe":true,"enable_quickack":false,"enable_placement_id":0,` +
		`"enable_zerocopy_send_server":true,"enable_zerocopy_send_client":false,"zerocopy_threshold":0,"tls_version":0,"enable_ktls":true}`
)

func TestRPC(t *testing.T) {
	s := NewImpls()
	r := rpc.NewRegistry()
	s.RegisterRPC(r)
	// SPDK's own, which most of its builds can load: without uring.
	checkSaved(t, s, `[{"method":"sock_set_default_impl","params":{"impl_name":"posix"}},`+
		`{"method":"sock_impl_set_options","params":{"impl_name":"ssl",`+sslDefaults+`},`+
		`{"method":"sock_impl_set_options","params":{"impl_name":"posix",`+posixDefaults+`}]`)
	for _, test := range [][3]string{
		{"sock_impl_get_options", `{"impl_name":"posix"}`, `{` + posixDefaults},
		{"sock_impl_get_options", `{"impl_name":"ssl"}`, `{` + sslDefaults},
		{"sock_impl_get_options", `{"impl_name":"uring"}`, `"enable_zerocopy_send_server":false`},
		{"sock_impl_get_options", `{"impl_name":"vpp"}`, `"code":-32602`},
		{"sock_impl_get_options", `{"impl_name":"vpp"}`, `there are uring, ssl, posix`},
		{"sock_impl_set_options", `{"impl_name":"vpp"}`, `"code":-32602`},
		{"sock_impl_set_options", `{"impl_name":"ssl","tls_version":12}`, `tls_version 12: 0 or 13`},
		{"sock_impl_set_options", `{"impl_name":"posix","enable_placement_id":4}`, `enable_placement_id 4: 0 (none)`},
		{"sock_impl_set_options", `{"impl_name":"posix","recv_buf_size":4294967295}`, `recv_buf_size 4294967295: at most`},
		{"sock_impl_set_options", `{"impl_name":"posix","send_buf_size":4294967295}`, `send_buf_size 4294967295: at most`},
		{"sock_impl_set_options", `{"impl_name":"posix","recv_buf_size":65536,"enable_quickack":true}`, `true`},
		{"sock_impl_get_options", `{"impl_name":"posix"}`, `{"recv_buf_size":65536,"send_buf_size":2097152,"enable_recv_pipe":true,"enable_quickack":true`},
		{"sock_get_default_impl", `null`, `{"impl_name":"posix"}`},
		{"sock_set_default_impl", `{"impl_name":"vpp"}`, `"code":-32602`},
		{"sock_set_default_impl", `{"impl_name":"uring"}`, `true`},
		{"sock_get_default_impl", `null`, `{"impl_name":"uring"}`},
	} {
		if got := call(t, r, test[0], test[1]); !strings.Contains(got, test[2]) {
			t.Errorf("%s %s answered %s, want %s", test[0], test[1], got, test[2])
		}
	}
	checkSaved(t, s, `[{"method":"sock_set_default_impl","params":{"impl_name":"uring"}},`+
		`{"method":"sock_impl_set_options","params":{"impl_name":"uring",`+strings.Replace(posixDefaults, `server":true`, `server":false`, 1)+`},`+
		`{"method":"sock_impl_set_options","params":{"impl_name":"ssl",`+sslDefaults+`},`+
		`{"method":"sock_impl_set_options","params":{"impl_name":"posix",`+strings.NewReplacer(
		`"recv_buf_size":2097152`, `"recv_buf_size":65536`, `quickack":false`, `quickack":true`).Replace(posixDefaults)+`}]`)
	r.SetState(rpc.StateRuntime)
	if got := call(t, r, "sock_impl_set_options", `{"impl_name":"posix"}`); strings.Contains(got, "true") {
		t.Errorf("sock_impl_set_options at run time answered %s", got)
	}
}

func checkSaved(t *testing.T, s *Impls, want string) {
	t.Helper()
	if got, err := json.Marshal(s.SaveConfig()); string(got) != want || err != nil {
		t.Errorf("saved %s, %v\nwant  %s", got, err, want)
	}
}

// What the kernel does not grow by itself it is told.
func TestApply(t *testing.T) {
	c, _ := pair(t)
	defer c.Close()
	get := func(level, opt int) int {
		t.Helper()
		n, err := unix.GetsockoptInt(c.fd, level, opt)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := get(unix.SOL_SOCKET, unix.SO_RCVBUF)
	o := defaultsOf(Posix)
	o.SendBufSize, o.QuickAck = 100<<10, true
	if err := o.Apply(c); err != nil {
		t.Fatal(err)
	}
	// The kernel doubles what it is told.
	if got := get(unix.SOL_SOCKET, unix.SO_SNDBUF); got != 200<<10 {
		t.Errorf("SO_SNDBUF is %d", got)
	}
	if got := get(unix.SOL_SOCKET, unix.SO_RCVBUF); got != before {
		t.Errorf("SO_RCVBUF has become %d, from %d", got, before)
	}
	if get(unix.IPPROTO_TCP, unix.TCP_QUICKACK) == 0 {
		t.Error("no TCP_QUICKACK")
	}
}

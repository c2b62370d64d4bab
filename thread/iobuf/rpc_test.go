// SPDX-License-Identifier: BSD-3-Clause

package iobuf_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread/iobuf"
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

func TestRPC(t *testing.T) {
	p := iobuf.New(iobuf.Options{})
	r := rpc.NewRegistry()
	p.RegisterRPC(r)
	for _, test := range [][2]string{
		{`{"small_pool_count": 63}`, `"code":-22`},
		{`{"large_bufsize": 0}`, "large_bufsize 0"},
		{`{"small_bufsize": 5000, "enable_numa": true}`, "true"},
		{`{"large_pool_count": 16}`, "true"},
	} {
		if got := call(t, r, "iobuf_set_options", test[0]); !strings.Contains(got, test[1]) {
			t.Errorf("iobuf_set_options %s answered %s", test[0], got)
		}
	}
	saved, err := json.Marshal(p.SaveConfig())
	want := `[{"method":"iobuf_set_options","params":{"small_pool_count":8192,"large_pool_count":16,"small_bufsize":8192,"large_bufsize":135168,"enable_numa":true}}]`
	if string(saved) != want || err != nil {
		t.Errorf("saved %s, %v; want %s", saved, err, want)
	}
	r.SetState(rpc.StateRuntime)
	p.Register("bdev")
	want = `[{"module":"bdev","small_pool":{"cache":0,"main":0,"retry":0,"cache_size":0},"large_pool":{"cache":0,"main":0,"retry":0,"cache_size":0}}]`
	if got := call(t, r, "iobuf_get_stats", ""); got != want {
		t.Errorf("iobuf_get_stats answered %s", got)
	}
	if got := call(t, r, "iobuf_set_options", "{}"); strings.Contains(got, "true") {
		t.Errorf("iobuf_set_options at run time answered %s", got)
	}
}

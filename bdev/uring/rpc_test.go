// SPDX-License-Identifier: BSD-3-Clause

package uring_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/uring"
	"github.com/gospdk/gospdk/rpc"
)

func TestMethods(t *testing.T) {
	ctx := context.Background()
	reg := bdev.NewRegistry()
	r := rpc.NewRegistry()
	r.SetState(rpc.StateRuntime)
	reg.RegisterRPC(r)
	uring.NewModule(reg).RegisterRPC(r)
	path := file(t, "/dev/shm", 1<<20) // which nobody can poll
	const id, id2 = "11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-666666666666"
	for _, step := range []struct {
		method, params string
		result         string
		code           int
		message        string
	}{
		{"create", `{"name":"U0","block_size":512,"filename":"@","uuid":"` + id + `"}`, `"U0"`, 0, ""},
		{"create", `{"name":"U0","filename":"@","block_size":512}`, "", -32603, "Unable to create URING bdev."},
		{"create", `{"name":"U1","filename":"@.missing","block_size":512}`, "", -32603, "no such file or directory"},
		{"create", `{"name":"U1"}`, "", -32602, "filename"},
		{"create", `{"name":"U2","block_size":4096,"filename":"@","uuid":"` + id2 + `","iopoll":true}`, `"U2"`, 0, ""},
		{"rescan", `{"name":"U0"}`, `true`, 0, ""},
		{"rescan", `{"name":"B"}`, "", -19, "No such device"},
		{"delete", `{"name":"B"}`, "", -19, "No such device"},
	} {
		params := strings.ReplaceAll(step.params, "@", path)
		got, err := r.Call(ctx, "bdev_uring_"+step.method, json.RawMessage(params))
		if e, _ := err.(*rpc.Error); step.code != 0 {
			if e == nil || e.Code != step.code || !strings.Contains(e.Message, step.message) {
				t.Errorf("%s %s: %v, want %d %s", step.method, params, err, step.code, step.message)
			}
			continue
		}
		if b, _ := json.Marshal(got); err != nil || string(b) != step.result {
			t.Errorf("%s %s: %s, %v", step.method, params, b, err)
		}
	}
	saved, err := json.Marshal(reg.SaveConfig())
	got, rpcErr := r.Call(ctx, "bdev_get_bdevs", json.RawMessage(`{}`))
	if err != nil || rpcErr != nil {
		t.Fatal(err, rpcErr)
	}
	described, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ got, want string }{
		{string(saved), `{"method":"bdev_uring_create","params":{"name":"U0","block_size":512,"filename":"@","uuid":"` + id + `"}}`},
		{string(saved), `{"method":"bdev_uring_create","params":{"name":"U2","block_size":4096,"filename":"@","uuid":"` + id2 + `","iopoll":true}}`},
		{string(described), `"driver_specific":{"uring":{"filename":"@"}}`},
		{string(described), `"driver_specific":{"uring":{"filename":"@","iopoll":false}}`},
	} {
		if want := strings.ReplaceAll(test.want, "@", path); !strings.Contains(test.got, want) {
			t.Errorf("%s does not contain %s", test.got, want)
		}
	}
	if _, err := r.Call(ctx, "bdev_uring_delete", json.RawMessage(`{"name":"U2"}`)); err != nil {
		t.Error(err)
	}
	if _, err := r.Call(ctx, "bdev_uring_delete", json.RawMessage(`{"name":"U0"}`)); err != nil {
		t.Error(err)
	}
	if left := len(reg.List()); left != 0 {
		t.Errorf("%d devices are left", left)
	}
	if err := reg.Close(ctx); err != nil {
		t.Error(err)
	}
}

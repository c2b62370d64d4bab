// SPDX-License-Identifier: BSD-3-Clause

package uring_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	path := file(t, t.TempDir(), 1<<20)
	const id = "11111111-2222-3333-4444-555555555555"
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
	want := fmt.Sprintf(`{"method":"bdev_uring_create","params":{"name":"U0","block_size":512,"filename":%q,"uuid":%q}}`, path, id)
	if err != nil || !strings.Contains(string(saved), want) {
		t.Errorf("saved as %s, %v; want %s", saved, err, want)
	}
	got, rpcErr := r.Call(ctx, "bdev_get_bdevs", json.RawMessage(`{}`))
	b, err := json.Marshal(got)
	if want := fmt.Sprintf(`"driver_specific":{"uring":{"filename":%q}}`, path); rpcErr != nil || err != nil || !strings.Contains(string(b), want) {
		t.Errorf("described as %s, %v, %v; want %s", b, rpcErr, err, want)
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

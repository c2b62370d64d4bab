// SPDX-License-Identifier: BSD-3-Clause

package aio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
	"github.com/gospdk/gospdk/rpc"
)

func TestMethods(t *testing.T) {
	ctx := context.Background()
	reg := bdev.NewRegistry()
	defer reg.Close(ctx)
	m := aio.NewModule(reg)
	r := rpc.NewRegistry()
	r.SetState(rpc.StateRuntime)
	m.RegisterRPC(r)
	dir := t.TempDir()
	path := file(t, dir, 1<<20)
	for _, step := range []struct {
		method, params string
		result         string
		code           int
		message        string
	}{
		{"create", `{"name":"A0","filename":"@","block_size":512}`, `"A0"`, 0, ""},
		{"create", `{"name":"A0","filename":"@","block_size":512}`, "", -17, "File exists"},
		{"create", `{"name":"A1","filename":"@.missing","block_size":512}`, "", -2, "No such file or directory"},
		{"create", `{"name":"A1","filename":"@"}`, "", -22, "Invalid argument"},
		{"create", `{"name":"A1","filename":"@","block_size":512,"nowait":true}`, "", -95, "Operation not supported"},
		{"create", `{"name":"A1"}`, "", -32602, "filename"},
		{"create", `{"name":"A1","filename":"@","block_size":4096,"readonly":true,"fallocate":true}`, `"A1"`, 0, ""},
		{"rescan", `{"name":"A0"}`, `true`, 0, ""},
		{"rescan", `{"name":"B"}`, "", -19, "No such device"},
		{"delete", `{"name":"B"}`, "", -19, "No such device"},
		{"delete", `{"name":"A0"}`, `true`, 0, ""},
		{"delete", `{"name":"A1"}`, `true`, 0, ""},
		{"rescan", `{"name":"A0"}`, "", -19, "No such device"},
	} {
		params := strings.ReplaceAll(step.params, "@", path)
		got, err := r.Call(ctx, "bdev_aio_"+step.method, json.RawMessage(params))
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
	if left := len(reg.List()); left != 0 {
		t.Errorf("%d devices are left", left)
	}
}

// A device can be made again from what it saves.
func TestSavedDevice(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	const id = "11111111-2222-3333-4444-555555555555"
	for _, test := range []struct{ params, specific string }{
		{`{"name":"A0","block_size":512,"filename":%q,"readonly":false,"fallocate":true,"uuid":"` + id + `","nowait":false}`,
			`{"aio":{"filename":%q,"block_size_override":true,"readonly":false,"fallocate":true,"nowait":false}}`},
		{`{"name":"A0","block_size":4096,"filename":%q,"readonly":true,"fallocate":false,"uuid":"` + id + `","nowait":false}`,
			`{"aio":{"filename":%q,"block_size_override":true,"readonly":true,"fallocate":false,"nowait":false}}`},
	} {
		ctx := context.Background()
		reg := bdev.NewRegistry()
		r := rpc.NewRegistry()
		r.SetState(rpc.StateRuntime)
		reg.RegisterRPC(r)
		aio.NewModule(reg).RegisterRPC(r)
		params := fmt.Sprintf(test.params, path)
		if _, err := r.Call(ctx, "bdev_aio_create", json.RawMessage(params)); err != nil {
			t.Fatal(err)
		}
		saved, err := json.Marshal(reg.SaveConfig())
		if err != nil || !strings.Contains(string(saved), params) {
			t.Errorf("saved as %s, %v; want %s", saved, err, params)
		}
		got, rpcErr := r.Call(ctx, "bdev_get_bdevs", json.RawMessage(`{}`))
		b, err := json.Marshal(got)
		if want := fmt.Sprintf(test.specific, path); rpcErr != nil || err != nil || !strings.Contains(string(b), want) {
			t.Errorf("described as %s, %v, %v; want %s", b, rpcErr, err, want)
		}
		if err := reg.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

// A device for reading does not write, and shows the I/O types of SPDK's.
func TestReadOnly(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, aio.Config{Filename: path, BlockSize: 512, ReadOnly: true, Fallocate: true})
	p := [][]byte{random(t, 512)}
	for _, op := range []bdev.Op{bdev.OpWrite, bdev.OpUnmap, bdev.OpWriteZeroes} {
		if s := r.do(&bdev.IO{Op: op, Blocks: 1, Iov: p}); s != bdev.StatusUnsupported {
			t.Errorf("%s: %v", op, s)
		}
	}
	r.must(&bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: p})
	for name, want := range map[string]bool{"read": true, "write": true, "unmap": true, "write_zeroes": true, "flush": true, "reset": true, "compare": false} {
		if r.desc.SupportsIOType(name) != want {
			t.Errorf("%s is shown as %v", name, !want)
		}
	}
}

// A relative path is what the configuration says, too.
func TestRelativePath(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	t.Chdir(filepath.Dir(path))
	newRig(t, aio.Config{Filename: filepath.Base(path), BlockSize: 512})
}

// SPDX-License-Identifier: BSD-3-Clause

//go:build !rpcdoc

package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/rpcdoc"
	"github.com/gospdk/gospdk/rpc/client"
)

// TestTypedClient drives a target by the generated functions. What the methods
// answer fits into their types, without loss.
func TestTypedClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t.Setenv("TMPDIR", t.TempDir())
	socket := filepath.Join(t.TempDir(), "s")
	a, err := app.Start(ctx, app.Config{Name: "client", MainCore: -1, NoCPULocks: true, LockDir: t.TempDir(), RPC: []app.Listener{{Path: socket}}}, target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	c, err := client.Dial(ctx, socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	name, err := c.BdevMallocCreate(ctx, client.BdevMallocCreateParams{Name: new("Disk0"), NumBlocks: 2048, BlockSize: 512})
	if err != nil || name != "Disk0" {
		t.Fatal(name, err)
	}
	all, err := c.BdevGetBdevs(ctx, client.BdevGetBdevsParams{Name: &name})
	if err != nil || len(all) != 1 || all[0].NumBlocks != 2048 || !all[0].SupportedIOTypes.Write {
		t.Errorf("%+v, %v", all, err)
	}
	for _, m := range a.RPC.Methods() {
		if !strings.Contains(m.Name, "_get_") || len(m.Parameters) > 0 && m.Parameters[0].Required {
			continue
		}
		var raw json.RawMessage
		if err := c.Call(ctx, m.Name, nil, &raw); err != nil {
			t.Error(err)
			continue
		}
		args := []reflect.Value{reflect.ValueOf(ctx)}
		f := reflect.ValueOf(c).MethodByName(rpcdoc.GoName(m.Name))
		if f.Type().NumIn() > len(args) {
			args = append(args, reflect.Zero(f.Type().In(1)))
		}
		results := f.Call(args)
		if !results[1].IsNil() {
			t.Error(results[1])
			continue
		}
		typed, err := json.Marshal(results[0].Interface())
		if err != nil {
			t.Error(err)
		}
		if lost := missing(m.Name, decoded(t, raw), decoded(t, typed)); lost != "" {
			t.Errorf("the type of %s does not hold %s\n%s\n%s", m.Name, lost, raw, typed)
		}
	}
	if err := c.BdevMallocDelete(ctx, client.BdevMallocDeleteParams{Name: name}); err != nil {
		t.Error(err)
	}
	if err := c.BdevMallocDelete(ctx, client.BdevMallocDeleteParams{Name: name}); !errors.Is(err, syscall.ENODEV) {
		t.Error(err)
	}
}

func decoded(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// missing returns where want has something that got has not. Numbers and
// texts may differ, since two calls were made; zeros may be left out.
func missing(path string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return path
		}
		for name, value := range w {
			if _, there := g[name]; !there && (value == nil || reflect.ValueOf(value).IsZero()) {
				continue
			}
			if lost := missing(path+"."+name, value, g[name]); lost != "" {
				return lost
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return path
		}
		for i := range w {
			if lost := missing(path+"[]", w[i], g[i]); lost != "" {
				return lost
			}
		}
	case float64, string:
		if reflect.TypeOf(got) != reflect.TypeOf(want) {
			return path
		}
	default:
		if want != got {
			return path
		}
	}
	return ""
}

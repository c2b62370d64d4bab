// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/rpcfuzz"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

// fuzzTarget starts a target whose methods are to be tried.
func fuzzTarget(t *testing.T, ctx context.Context) (*app.App, rpcfuzz.Options) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	output, level, handled := log.SetOutput(io.Discard), log.PrintLevel(), log.GetLevel()
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := app.Start(ctx, app.Config{Name: "fuzz", MainCore: -1, NoCPULocks: true, LockDir: t.TempDir(), WaitForRPC: true}, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := a.Stop(stop); err != nil {
			t.Errorf("the target cannot be stopped any more: %v", err)
		}
		log.SetOutput(output)
		log.SetPrintLevel(level)
		log.SetLevel(handled)
	})
	return a, rpcfuzz.Options{
		Seed: 1, Rounds: 40,
		Texts: []string{"Disk0", "Disk1", "Disk2", "Disk3", "Disk0p0", "key0", "key1", "software", "crc32c", "bdev", "0x1", "[0]", "VFIOUSER", "nqn.2016-06.io.spdk:cnode1", "nqn.2016-06.io.spdk:cnode2", file},
		Skip: map[string]string{
			"spdk_kill_instance":   "it ends the test",
			"framework_start_init": "it ends the state that is tried",
		},
	}
}

// Before the subsystems are started. What was set may keep them from it.
func TestStartupMethodsTakeAnything(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	a, o := fuzzTarget(t, ctx)
	rpcfuzz.Run(t, a.RPC, o)
	if _, err := a.RPC.Call(ctx, "framework_start_init", nil); err != nil && rpc.Panicked(err.(*rpc.Error)) {
		t.Error(err)
	}
}

func TestRuntimeMethodsTakeAnything(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	a, o := fuzzTarget(t, ctx)
	if _, err := a.RPC.Call(ctx, "framework_start_init", nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, params string }{
		{"bdev_malloc_create", `{"name":"Disk0","num_blocks":8192,"block_size":512}`},
		{"bdev_malloc_create", `{"name":"Disk1","num_blocks":8192,"block_size":4096}`},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER"}`},
		{"nvmf_create_subsystem", `{"nqn":"nqn.2016-06.io.spdk:cnode1"}`},
	} {
		if _, err := a.RPC.Call(ctx, c.method, []byte(c.params)); err != nil {
			t.Error(err)
		}
	}
	rpcfuzz.Run(t, a.RPC, o)
	// It still does what it is there for.
	for _, m := range []string{"bdev_get_bdevs", "bdev_get_iostat", "framework_get_reactors", "thread_get_stats", "thread_get_pollers", "nvmf_get_subsystems", "nvmf_get_stats"} {
		if _, err := a.RPC.Call(ctx, m, nil); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
}

// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/log"
)

// load starts a daemon with a configuration, and returns it.
func load(t *testing.T, config []byte) *app.App {
	t.Helper()
	log.SetOutput(io.Discard)
	a, err := app.Start(context.Background(), app.Config{MainCore: -1, NoCPULocks: true, LockDir: t.TempDir(), Configuration: config}, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

func read(t *testing.T, file, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b, []byte("@DIR@"), []byte(dir))
}

// TestConfigurationOfSPDK loads what rpc.py save_config has written of
// spdk_tgt (v26.09-pre), with its sections of what is not built here, and
// compares the devices with those of spdk_tgt, field by field. What is saved
// then, and loaded again, makes them once more.
func TestConfigurationOfSPDK(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aio0"), make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	want := read(t, "testdata/spdk_bdevs.json", dir)
	config := read(t, "testdata/spdk_config.json", dir)
	for _, from := range []string{"SPDK's", "ours"} {
		a := load(t, config)
		got, err := a.RPC.Call(context.Background(), "bdev_get_bdevs", nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(got)
		c := comparison{method: "bdev_get_bdevs"}
		c.byName(decode(want), decode(b))
		for _, f := range c.found {
			t.Errorf("%s configuration: %s", from, f)
		}
		saved, err := json.Marshal(map[string]any{"subsystems": a.SaveConfig()})
		if err != nil {
			t.Fatal(err)
		}
		config = saved
		if err := a.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// byName compares lists of devices, in any order.
func (c *comparison) byName(want, got any) {
	ours := map[string]any{}
	for _, g := range got.([]any) {
		ours[field("name")(g)] = g
	}
	for _, w := range want.([]any) {
		name := field("name")(w)
		if ours[name] == nil {
			c.add(name, "missing")
			continue
		}
		c.values("[0]", []any{w}[0], ours[name])
		delete(ours, name)
	}
	for name := range ours {
		c.add(name, "SPDK has no such device")
	}
}

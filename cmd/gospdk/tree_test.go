// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/spdkcli"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

// tree is a user of gospdk cli at a target in this process.
type tree struct {
	t     *testing.T
	a     *app.App
	shell *spdkcli.Shell
	out   bytes.Buffer
}

func newTree(t *testing.T) *tree {
	t.Helper()
	ctx := context.Background()
	socket := filepath.Join(t.TempDir(), "s")
	a, err := app.Start(ctx, app.Config{Name: "tree", MainCore: -1, NoCPULocks: true, LockDir: t.TempDir(), RPC: []app.Listener{{Path: socket}}}, target)
	if err != nil {
		t.Fatal(err)
	}
	u := &tree{t: t, a: a}
	u.shell = spdkcli.New(spdkcli.Options{
		Dial: func(ctx context.Context) (*client.Client, error) { return client.Dial(ctx, socket) },
		Describe: func(name string) *rpc.Method {
			m, _ := a.RPC.Lookup(name)
			return m
		},
		Out: &u.out, Err: &u.out,
	})
	t.Cleanup(func() {
		u.shell.Close()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return u
}

func (u *tree) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(u.t.Context(), time.Minute)
	defer cancel()
	u.out.Reset()
	err := u.shell.Execute(ctx, line)
	return u.out.String(), err
}

func (u *tree) must(line string) string {
	u.t.Helper()
	out, err := u.try(line)
	if err != nil {
		u.t.Errorf("%s: %v", line, err)
	}
	return out
}

// devices are made, seen and deleted by the commands of each module's node.
// Later ones stand on the first.
var devices = []struct {
	node, create, device, summary, remove string
}{
	{"malloc", "create 32 512 Malloc0 11111111-2222-3333-4444-555555555555", "Malloc0", "11111111-2222-3333-4444-555555555555, Size=32.0M, Not claimed", ""},
	{"null", "create Null0 1G 4096", "Null0", "Size=1.0G", "delete Null0"},
	{"aio", "create Aio0 @DIR@/aio 512", "Aio0", "Size=8.0M", "delete Aio0"},
	{"uring", "create @DIR@/uring Uring0 512", "Uring0", "Size=8.0M", "delete Uring0"},
	{"error", "create Malloc0", "EE_Malloc0", "Size=32.0M", "delete EE_Malloc0"},
	{"passthru", "create Malloc0 Pass0", "Pass0", "Size=32.0M", "delete Pass0"},
	{"delay", "create Malloc0 Delay0 10 10 10 10", "Delay0", "Size=32.0M", "delete Delay0"},
	{"split_disk", "bdev_split_create Malloc0 4", "Malloc0p3", "Size=8.0M", "bdev_split_delete Malloc0"},
	{"raid_volume", `create Raid0 0 "Malloc0" 64`, "Raid0", "Size=32.0M", "delete Raid0"},
	{"zone_block", "create Zone0 Malloc0 1024 2", "Zone0", "Size=32.0M", "delete Zone0"},
	{"crypto", "create Malloc0 Crypto0 Key0", "Crypto0", "Size=32.0M", "delete Crypto0"},
	{"nvme", "create Nvme0 tcp 127.0.0.1 IPv4 @PORT@ " + node1, "Nvme0n1", "Size=8.0M", "delete Nvme0"},
}

func TestTreeOfEveryModule(t *testing.T) {
	u := newTree(t)
	dir := t.TempDir()
	for _, file := range []string{"aio", "uring"} {
		if err := os.WriteFile(filepath.Join(dir, file), make([]byte, 8<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := json.RawMessage(`{"cipher":"AES_XTS","key":"00112233445566778899001122334455","key2":"11223344556677889900112233445500","name":"Key0"}`)
	if _, err := u.a.RPC.Call(t.Context(), "accel_crypto_key_create", key); err != nil {
		t.Fatal(err)
	}
	const port = "18537" // of the other daemon that has the disk for nvme
	other := newNVMfRig(t, app.Config{Name: "other"})
	other.must("nvmf_create_transport", `{"trtype":"TCP"}`)
	other.must("bdev_malloc_create", `{"name":"Malloc0","num_blocks":16384,"block_size":512}`)
	other.must("nvmf_create_subsystem", `{@1@,"allow_any_host":true}`)
	other.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Malloc0"}}`)
	other.must("nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"`+port+`"}}`)
	tried := map[string]bool{}
	for _, d := range devices {
		tried[d.node] = true
		node := "/bdevs/" + d.node
		u.must(node + " " + strings.NewReplacer("@DIR@", dir, "@PORT@", port).Replace(d.create))
		out := u.must("ls " + node)
		if line := lineWith(out, "o- "+d.device+" "); !strings.Contains(line, d.summary) {
			t.Errorf("%s: no %s with %s in\n%s", d.node, d.device, d.summary, out)
		}
		if out := u.must(node + "/" + d.device + " show_details"); !strings.Contains(out, fmt.Sprintf("\"name\": %q", d.device)) {
			t.Errorf("details of %s: %s", d.device, out)
		}
		u.must(node + " get_bdev_iostat " + d.device)
		if d.remove != "" {
			u.must(node + " " + d.remove)
			if out := u.must("ls " + node); !strings.Contains(out, "[Bdevs: 0]") {
				t.Errorf("%s is still there:\n%s", d.device, out)
			}
		}
	}
	for _, line := range strings.Split(u.must("ls /bdevs 1"), "\n")[1:] {
		if fields := strings.Fields(line); len(fields) > 1 && !tried[fields[1]] {
			t.Errorf("nothing tries the commands of %s", fields[1])
		}
	}
	u.must("/bdevs/malloc delete_all")
	if out := u.must("ls"); strings.Contains(out, "Size=") {
		t.Errorf("left:\n%s", out)
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// TestTreeIsWhatTheTargetHas looks whether parts are shown that are not built
// in, and whether claims are.
func TestTreeIsWhatTheTargetHas(t *testing.T) {
	u := newTree(t)
	root := u.must("ls / 1")
	for part, method := range map[string]string{
		"bdevs": "bdev_get_bdevs", "lvol_stores": "bdev_lvol_get_lvstores", "nvmf": "nvmf_get_subsystems",
		"iscsi": "iscsi_get_target_nodes", "vhost": "vhost_get_controllers",
	} {
		if _, has := u.a.RPC.Lookup(method); has != strings.Contains(root, "o- "+part+" ") {
			t.Errorf("the target has %s: %v, but the tree is\n%s", method, has, root)
		}
	}
	u.must("/bdevs/malloc create 16 4096 M")
	u.must("/bdevs/passthru create M P")
	if out := u.must("ls"); !strings.Contains(lineWith(out, "o- M "), "Size=16.0M, Claimed]") || !strings.Contains(lineWith(out, "o- P "), "Not claimed]") {
		t.Errorf("claims:\n%s", out)
	}
	u.must("/bdevs/malloc create 16 4096 Gone")
	u.must("/bdevs/malloc/Gone")
	u.must("../ delete Gone")
	u.must("ls")
	if u.shell.Path() != "/bdevs/malloc" {
		t.Errorf("a device that has gone leaves its user at %s", u.shell.Path())
	}
	for line, words := range map[string]string{
		"/bdevs/malloc create 16 4096 M":   "code -17",
		"/bdevs/malloc delete X":           "code -19",
		"/bdevs/null create N 16 77":       "block_size",
		"/bdevs/raid_volume create R 0":    "base_bdevs is missing",
		"/bdevs/raid_volume create R 9 M":  "raid_level",
		"/bdevs/aio create A /nowhere 512": "/nowhere",
	} {
		if _, err := u.try(line); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %s", line, err, words)
		}
	}
}

// TestTreeSavesAndLoads sets a target up as another one was.
func TestTreeSavesAndLoads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	u := newTree(t)
	u.must("/bdevs/malloc create 16 4096 M")
	u.must("/bdevs/passthru create M P")
	u.must("/bdevs/raid_volume create R concat P 64")
	before := u.must("ls")
	u.must("save_config " + file)
	v := newTree(t)
	v.must("load_config " + file)
	v.must("/bdevs wait_for_examine")
	if after := v.must("ls"); after != before {
		t.Errorf("saved\n%s\nloaded\n%s", before, after)
	}
}

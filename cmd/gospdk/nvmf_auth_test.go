// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/nvme/host"
	hosttcp "github.com/gospdk/gospdk/nvme/host/tcp"
)

// TestNVMfAuthentication has hosts with and without keys connect.
func TestNVMfAuthentication(t *testing.T) {
	const port, hostNQN = "24218", "nqn.2016-06.io.spdk:host1"
	dir := t.TempDir()
	keys := map[string]string{}
	g := newNVMfRig(t, app.Config{})
	for i, name := range []string{"host", "ctrlr", "other"} {
		text, err := dhchap.Generate(dhchap.Hash(i), 32)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = text
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		g.must("keyring_file_add_key", fmt.Sprintf(`{"name":%q,"path":%q}`, name, path))
	}
	g.must("nvmf_create_transport", `{"trtype":"TCP"}`)
	g.must("bdev_malloc_create", `{"name":"Disk0","num_blocks":4096,"block_size":512}`)
	g.must("nvmf_create_subsystem", `{@1@}`)
	g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0"}}`)
	g.must("nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"`+port+`"}}`)
	g.must("nvmf_subsystem_add_host", `{@1@,"host":"`+hostNQN+`","dhchap_key":"host","dhchap_ctrlr_key":"ctrlr"}`)
	try := func(o host.Options) error {
		t.Helper()
		o.HostNQN = hostNQN
		trid := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "127.0.0.1", Trsvcid: port, Subnqn: node1}
		c, err := host.Connect(g.Context(), hosttcp.Transport{}, trid, o)
		if err != nil {
			return err
		}
		qp, err := c.AllocIOQPair(host.QPairOptions{})
		if err != nil {
			t.Error(err)
		} else if err := qp.Free(g.Context()); err != nil {
			t.Error(err)
		}
		return c.Detach(g.Context())
	}
	for _, tt := range []struct {
		o    host.Options
		want string // empty: it connects
	}{
		{host.Options{}, "give it a DH-HMAC-CHAP key"},
		{host.Options{DHCHAPKey: keys["other"]}, "explanation 0x1"},
		{host.Options{DHCHAPKey: "DHHC-1:"}, "the host's key"},
		{host.Options{DHCHAPKey: keys["host"], DHCHAPCtrlrKey: keys["other"]}, "has not its secret"},
		{host.Options{DHCHAPKey: keys["host"]}, ""},
		{host.Options{DHCHAPKey: keys["host"], DHCHAPCtrlrKey: keys["ctrlr"]}, ""},
		{host.Options{DHCHAPKey: keys["host"], DHCHAPGroups: []dhchap.Group{dhchap.NoGroup}, DHCHAPDigests: []dhchap.Hash{dhchap.SHA256}}, ""},
	} {
		if err := try(tt.o); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("digests %v, groups %v: %v, want %q", tt.o.DHCHAPDigests, tt.o.DHCHAPGroups, err, tt.want)
		}
	}
	refs := func(want string) {
		t.Helper()
		var keys []struct {
			Name   string
			Refcnt int
		}
		if err := json.Unmarshal([]byte(g.must("keyring_get_keys", `{}`)), &keys); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(keys); got != want {
			t.Errorf("users of keys %s, want %s", got, want)
		}
	}
	refs("[{host 2} {ctrlr 2} {other 1}]")
	g.must("nvmf_subsystem_set_keys", `{@1@,"host":"`+hostNQN+`","dhchap_key":"other"}`)
	refs("[{host 1} {ctrlr 1} {other 2}]")
	if err := try(host.Options{DHCHAPKey: keys["other"]}); err != nil {
		t.Errorf("with the new key: %v", err)
	}
	if err := try(host.Options{DHCHAPKey: keys["host"]}); err == nil {
		t.Error("the old key is still good")
	}
	for _, s := range []string{g.must("framework_get_config", `{"name":"nvmf"}`), g.must("nvmf_get_subsystems", `{@1@}`)} {
		if !strings.Contains(s, `"dhchap_key":"other"`) || strings.Contains(s, "DHHC") {
			t.Errorf("the name of the key is missing, or the key is shown: %s", s)
		}
	}
	g.refused("nvmf_subsystem_set_keys", `{@1@,"host":"nqn.2016-06.io.spdk:nobody","dhchap_key":"other"}`, -32602, "does not name host")
	g.refused("nvmf_subsystem_set_keys", `{@1@,"host":"`+hostNQN+`","dhchap_ctrlr_key":"other"}`, -32602, "without one of the host")
	g.refused("nvmf_subsystem_add_host", `{@1@,"host":"`+hostNQN+`","dhchap_key":"host"}`, -32603, "allowed already")
	refs("[{host 1} {ctrlr 1} {other 2}]")
	g.eventually("all connections end", func() bool {
		return strings.Contains(g.must("nvmf_get_stats", `{}`), `"current_admin_qpairs":0,"current_io_qpairs":0,`)
	})
	g.must("nvmf_delete_subsystem", `{@1@}`)
	refs("[{host 1} {ctrlr 1} {other 1}]")
}

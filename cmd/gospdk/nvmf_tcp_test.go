// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
)

// TestNVMfTCPTransport makes the transport with SPDK's defaults, which are
// shown as SPDK shows them, and serves a subsystem.
func TestNVMfTCPTransport(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	g.must("nvmf_create_transport", `{"trtype":"TCP"}`)
	const transport = `{"trtype":"TCP","max_queue_depth":128,"max_io_qpairs_per_ctrlr":127,"in_capsule_data_size":4096,"max_io_size":131072,"max_aq_depth":128,` +
		`"iobuf_small_cache_size":4294967295,"iobuf_large_cache_size":4294967295,"dif_insert_or_strip":false,"zcopy":false,"c2h_success":true,"sock_priority":0,` +
		`"abort_timeout_sec":1,"ack_timeout":0,"data_wr_pool_size":0,"disable_command_passthru":false,"kas":100,"min_kato":10000}`
	if s := g.must("nvmf_get_transports", `{}`); s != "["+transport+"]" {
		t.Errorf("the transport is %s", s)
	}
	g.must("bdev_malloc_create", `{"name":"Disk0","num_blocks":4096,"block_size":512}`)
	g.must("nvmf_create_subsystem", `{@1@,"allow_any_host":true}`)
	g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0"}}`)
	for _, addr := range []string{`"adrfam":"IPv4","traddr":"127.0.0.1"`, `"adrfam":"IPv6","traddr":"::1"`} {
		g.must("nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"TCP",`+addr+`,"trsvcid":"0"}}`)
	}
	want := `[{"address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"0"}},{"address":{"trtype":"TCP","adrfam":"IPv6","traddr":"::1","trsvcid":"0"}}]`
	if s := g.must("nvmf_subsystem_get_listeners", `{@1@}`); s != want {
		t.Errorf("the listeners are %s", s)
	}
}

func TestNVMfTCPRefusals(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	for params, want := range map[string]string{
		`{"trtype":"TCP","max_queue_depth":1}`:           "max_queue_depth 1",
		`{"trtype":"TCP","max_io_qpairs_per_ctrlr":0}`:   "max_io_qpairs_per_ctrlr 0",
		`{"trtype":"TCP","in_capsule_data_size":100000}`: "100000",
		`{"trtype":"TCP","max_aq_depth":100000}`:         "max_aq_depth 100000",
	} {
		if _, err := g.call("nvmf_create_transport", params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", params, err, want)
		}
	}
	g.must("nvmf_create_transport", `{"trtype":"TCP"}`)
	g.must("nvmf_create_subsystem", `{@1@}`)
	for addr, want := range map[string]string{
		`"adrfam":"IPv6","traddr":"127.0.0.1","trsvcid":"0"`:       "adrfam IPv6",
		`"adrfam":"IPv4","traddr":"storage.example","trsvcid":"0"`: "no IPv4 or IPv6 address",
		`"adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"99999"`:   "no port",
	} {
		_, err := g.call("nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"TCP",`+addr+`}}`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", addr, err, want)
		}
	}
}

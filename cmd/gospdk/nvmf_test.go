// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/rpc"
)

// TestNVMfChangesUnderIO adds and removes namespaces and listeners, and
// changes devices, while a host does verified I/O beside them.
func TestNVMfChangesUnderIO(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	g.serve(node1, "Disk0", "a")
	g.must("bdev_malloc_create", `{"name":"Disk1","num_blocks":4096,"block_size":512}`)
	i := g.mustConnect("a")
	stop := i.background(1)
	moves := func() { // the I/O goes on
		t.Helper()
		n := i.loops.Load()
		g.eventually("I/O goes on", func() bool { return i.loops.Load() > n+2 || t.Failed() })
	}
	for range 5 {
		if s := g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk1"}}`); s != "2" {
			t.Errorf("the namespace identifier is %s", s)
		}
		g.eventually("the host sees the namespace", func() bool { return i.c.Namespace(2) != nil || t.Failed() })
		moves()
		g.must("nvmf_subsystem_add_listener", listenAt(node1, "b"))
		other := g.mustConnect("b")
		if err := other.check(2); err != nil {
			t.Errorf("by the second listener: %v", err)
		}
		g.must("nvmf_subsystem_remove_ns", `{@1@,"nsid":2}`)
		g.eventually("the host sees it go", func() bool { return i.c.Namespace(2) == nil || t.Failed() })
		other.detach()
		g.must("nvmf_subsystem_remove_listener", listenAt(node1, "b"))
		moves()
	}
	// A device that is removed takes its namespace with it.
	g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk1","nsid":7}}`)
	g.eventually("namespace 7", func() bool { return i.c.Namespace(7) != nil || t.Failed() })
	g.must("bdev_malloc_delete", `{"name":"Disk1"}`)
	g.eventually("it has gone", func() bool { return i.c.Namespace(7) == nil || t.Failed() })
	if s := g.must("nvmf_get_subsystems", `{@1@}`); strings.Contains(s, "Disk1") {
		t.Errorf("the removed device is still shown: %s", s)
	}
	// One that grows is followed.
	g.must("bdev_null_create", `{"name":"Null0","num_blocks":2048,"block_size":512}`)
	g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Null0","nsid":7}}`)
	g.eventually("namespace 7 again", func() bool { return i.c.Namespace(7) != nil || t.Failed() })
	g.must("bdev_null_resize", `{"name":"Null0","new_size":4}`)
	g.eventually("its new size", func() bool {
		ns := i.c.Namespace(7)
		return ns != nil && ns.Size() == 4<<20 || t.Failed()
	})
	moves()
	stop()
	i.detach()
}

// TestNVMfTwoSubsystems has a host at each of two subsystems, and then takes
// the first away from under its host.
func TestNVMfTwoSubsystems(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	g.serve(node1, "Disk0", "a")
	g.serve(node2, "Disk1", "b")
	g.must("nvmf_subsystem_add_listener", listenAt(node2, "c"))
	first, second, third := g.mustConnect("a"), g.mustConnect("b"), g.mustConnect("c")
	if err := third.check(1); err != nil {
		t.Error(err)
	}
	stop := second.background(1) // on the same blocks as third
	if err := first.check(1); err != nil {
		t.Error(err)
	}
	want := func(method, params string, words ...string) {
		t.Helper()
		s := g.must(method, params)
		for _, w := range words {
			if !strings.Contains(s, g.expand(w)) {
				t.Errorf("%s: no %s in %s", method, w, s)
			}
		}
	}
	want("nvmf_subsystem_get_controllers", `{@2@}`,
		`{"cntlid":1,"cntrltype":"io","hostnqn":"","hostid":"00000000-0000-0000-0000-000000000000","num_io_qpairs":2},{"cntlid":2,`)
	want("nvmf_subsystem_get_qpairs", `{@1@}`,
		`{"cntlid":1,"qid":0,"state":"enabled","thread":"nvmf_tgt_poll_group_000","hostnqn":"","listen_address":{"trtype":"VFIOUSER","adrfam":"unknown","traddr":"@DIR@/a","trsvcid":""},"numa_id":-1,"peer_address":{"trtype":"","adrfam":"unknown","traddr":"","trsvcid":""}},{"cntlid":1,"qid":1,`)
	want("nvmf_get_stats", `{}`, `"name":"nvmf_tgt_poll_group_000","admin_qpairs":3,"io_qpairs":3,"current_admin_qpairs":3,"current_io_qpairs":3,"current_unassociated_qpairs":0,"pending_bdev_io":0,"completed_nvme_io":`, `"transports":[{"trtype":"VFIOUSER"}]`)
	want("nvmf_subsystem_get_listeners", `{@2@}`, `[{"address":{"trtype":"VFIOUSER","adrfam":"unknown","traddr":"@DIR@/b","trsvcid":""}},{"address":{`)

	g.must("nvmf_delete_subsystem", `{@1@}`)
	if err := first.check(1); err == nil {
		t.Error("a host can use a subsystem that was deleted")
	}
	if _, err := os.Lstat(filepath.Join(g.dir, "a", "cntrl")); err == nil {
		t.Error("the socket of a deleted subsystem is left behind")
	}
	if s := g.must("bdev_get_bdevs", `{"name":"Disk0"}`); !strings.Contains(s, `"claimed":false`) {
		t.Errorf("the device was not given back: %s", s)
	}
	n := second.loops.Load()
	g.eventually("the other goes on", func() bool { return second.loops.Load() > n+2 || t.Failed() })
	stop()
	second.detach()
	third.detach()
	want("nvmf_get_stats", `{}`, `"current_admin_qpairs":0,"current_io_qpairs":0,`)
}

// TestNVMfStopsUnderIO stops the daemon while hosts are connected.
func TestNVMfStopsUnderIO(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	g.serve(node1, "Disk0", "a")
	i := g.mustConnect("a")
	if err := i.check(1); err != nil {
		t.Fatal(err)
	}
	g.stop()
	if err := i.check(1); err == nil {
		t.Error("a host can use a target that was stopped")
	}
}

// TestNVMfAccess lets vfio-user clients in, who have no names, only where any
// host is allowed.
func TestNVMfAccess(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	g.serve(node1, "Disk0", "a")
	g.must("nvmf_subsystem_allow_any_host", `{@1@,"allow_any_host":false}`)
	g.must("nvmf_subsystem_add_host", `{@1@,"host":"nqn.2016-06.io.spdk:host1"}`)
	if _, err := g.connect("a"); err == nil {
		t.Error("a host without a name may connect")
	}
	g.must("nvmf_subsystem_allow_any_host", `{@1@,"allow_any_host":true}`)
	i := g.mustConnect("a")
	if err := i.check(1); err != nil {
		t.Error(err)
	}
	i.detach()
}

// TestNVMfConfigurationRoundTrip saves what methods have made, and has another
// daemon load it, which then saves the same.
func TestNVMfConfigurationRoundTrip(t *testing.T) {
	g := newNVMfRig(t, app.Config{WaitForRPC: true})
	for _, c := range []string{
		`nvmf_set_max_subsystems {"max_subsystems":3}`,
		`nvmf_set_crdt {"crdt1":1,"crdt2":2,"crdt3":3}`,
		`nvmf_set_config {"poll_groups_mask":"` + g.a.Reactors.Mask().String() + `","discovery_filters":["svcid","address"],"dhchap_digests":["sha384"],"dhchap_dhgroups":[],"dup_host_policy":"restrict_per_listener","admin_cmd_passthru":{"sanitize":true}}`,
		`framework_start_init {}`,
		`bdev_malloc_create {"name":"Disk0","num_blocks":4096,"block_size":512,"uuid":"` + uuid1 + `"}`,
		`bdev_malloc_create {"name":"Disk1","num_blocks":4096,"block_size":512}`,
		`nvmf_create_transport {"trtype":"vfiouser","max_queue_depth":512,"disable_shadow_doorbells":true,"kas":3,"min_kato":1000,"masked_oncs":["nvmcpys","nvmcmps"],"masked_fuses":["fcws"],"zcopy":true}`,
		`nvmf_create_subsystem {@2@,"serial_number":"S2","model_number":"M2","max_namespaces":9,"min_cntlid":4,"max_cntlid":6,"dmrsl":7,"wzsl":8,"admin_label":"rack 4"}`,
		`nvmf_create_subsystem {@1@,"allow_any_host":true,"enable_nssr":true}`,
		`nvmf_subsystem_add_host {@2@,"host":"nqn.2016-06.io.spdk:host1"}`,
		`nvmf_subsystem_add_ns {@1@,"namespace":{"bdev_name":"Disk0","nsid":5}}`,
		`nvmf_subsystem_add_ns {@2@,"namespace":{"bdev_name":"Disk1","no_auto_visible":true,"eui64":"0102030405060708","nguid":"0102030405060708090a0b0c0d0e0f10","uuid":"` + uuid1 + `"}}`,
		`nvmf_ns_add_host {@2@,"nsid":1,"host":"nqn.2016-06.io.spdk:host1"}`,
		`nvmf_subsystem_add_listener {@1@,"listen_address":{"trtype":"VFIOUSER","traddr":"@DIR@/a","trsvcid":"0"}}`,
	} {
		method, params, _ := strings.Cut(c, " ")
		g.must(method, params)
	}
	want := g.must("framework_get_config", `{"name":"nvmf"}`)
	for _, part := range []string{
		`"nvmf_set_config","params":{"discovery_filters":["address","svcid"],"admin_cmd_passthru":{"identify_ctrlr":false,`,
		`"dhchap_digests":["sha384"],"dhchap_dhgroups":[],"dup_host_policy":"restrict_per_listener"}`,
		`{"method":"nvmf_set_max_subsystems","params":{"max_subsystems":3}},{"method":"nvmf_set_crdt","params":{"crdt1":1,"crdt2":2,"crdt3":3}}`,
		`{"trtype":"VFIOUSER","max_queue_depth":512,"max_io_qpairs_per_ctrlr":127,"in_capsule_data_size":0,"max_io_size":131072,"max_aq_depth":32,"iobuf_small_cache_size":0,"iobuf_large_cache_size":0,"dif_insert_or_strip":false,"zcopy":true,"abort_timeout_sec":0,"ack_timeout":0,"data_wr_pool_size":0,"disable_command_passthru":false,"kas":3,"min_kato":1200,"disable_shadow_doorbells":true,"masked_oncs":["nvmcmps","nvmcpys"],"masked_fuses":["fcws"]}`,
		`{"nqn":"` + node2 + `","allow_any_host":false,"serial_number":"S2","model_number":"M2","max_namespaces":9,"min_cntlid":4,"max_cntlid":6,"ana_reporting":false,"dmrsl":7,"wzsl":8,"passthrough":false,"enable_nssr":false,"admin_label":"rack 4"}`,
		`"passthrough":false,"enable_nssr":true}`,
		`{"method":"nvmf_subsystem_add_ns","params":{@1@,"namespace":{"nsid":5,"bdev_name":"Disk0","nguid":"11111111222233334444555555555555","uuid":"` + uuid1 + `","no_auto_visible":false}}}`,
		`"eui64":"0102030405060708","uuid":"` + uuid1 + `","no_auto_visible":true}}},{"method":"nvmf_ns_add_host","params":{@2@,"nsid":1,"host":"nqn.2016-06.io.spdk:host1"}}`,
		`{"method":"nvmf_subsystem_add_listener","params":{@1@,"listen_address":{"trtype":"VFIOUSER","traddr":"@DIR@/a","trsvcid":"0"},"numa_id":-1,"secure_channel":false}}]`,
	} {
		if !strings.Contains(want, g.expand(part)) {
			t.Errorf("no %s in\n%s", part, want)
		}
	}
	shown := g.must("nvmf_get_subsystems", `{}`)
	saved := `{"subsystems":[{"subsystem":"bdev","config":` + g.must("framework_get_config", `{"name":"bdev"}`) + `},{"subsystem":"nvmf","config":` + want + `}]}`
	g.stop()
	again := newNVMfRig(t, app.Config{Configuration: []byte(saved)})
	if got := again.must("framework_get_config", `{"name":"nvmf"}`); got != want {
		t.Errorf("loaded and saved again:\n%s\nwant\n%s", got, want)
	}
	if got := again.must("nvmf_get_subsystems", `{}`); got != shown {
		t.Errorf("loaded:\n%s\nwant\n%s", got, shown)
	}
	again.dir = g.dir
	i := again.mustConnect("a")
	if err := i.check(5); err != nil {
		t.Error(err)
	}
	i.detach()
	g = again
	g.must("nvmf_create_subsystem", `{"nqn":"nqn.2016-06.io.spdk:cnode3"}`)
	g.refused("nvmf_create_subsystem", `{"nqn":"nqn.2016-06.io.spdk:cnode4"}`, rpc.InternalError, "Unable to create subsystem nqn.2016-06.io.spdk:cnode4: ", "max_subsystems")
}

// TestNVMfLikeSPDK compares with what spdk_tgt (v26.09-pre) has answered to
// the same calls.
func TestNVMfLikeSPDK(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	g.must("bdev_malloc_create", `{"name":"Malloc0","num_blocks":32768,"block_size":512,"uuid":"`+uuid1+`"}`)
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	g.must("nvmf_create_subsystem", `{@1@,"allow_any_host":true,"serial_number":"SPDK0"}`)
	g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Malloc0"}}`)
	g.must("nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"VFIOUSER","traddr":"@DIR@/d0","trsvcid":"0"}}`)
	g.must("nvmf_subsystem_add_host", `{@1@,"host":"nqn.2019-07.io.spdk:host1"}`)
	for method, want := range map[string]string{
		"nvmf_get_transports": `[{"trtype":"VFIOUSER","max_queue_depth":256,"max_io_qpairs_per_ctrlr":127,"in_capsule_data_size":0,"max_io_size":131072,"max_aq_depth":32,"iobuf_small_cache_size":0,"iobuf_large_cache_size":0,"dif_insert_or_strip":false,"zcopy":false,"abort_timeout_sec":0,"ack_timeout":0,"data_wr_pool_size":0,"disable_command_passthru":false,"kas":100,"min_kato":10000}]`,
		"nvmf_get_subsystems": `[{"nqn":"nqn.2014-08.org.nvmexpress.discovery","subtype":"Discovery","listen_addresses":[],"allow_any_host":true,"hosts":[]},{@1@,"subtype":"NVMe","listen_addresses":[{"trtype":"VFIOUSER","adrfam":"unknown","traddr":"@DIR@/d0","trsvcid":"0"}],"allow_any_host":true,"hosts":[{"nqn":"nqn.2019-07.io.spdk:host1"}],"serial_number":"SPDK0","model_number":"SPDK bdev Controller","max_namespaces":32,"passthrough":false,"min_cntlid":1,"max_cntlid":65519,"dmrsl":2097152,"wzsl":12,"namespaces":[{"nsid":1,"bdev_name":"Malloc0","name":"Malloc0","nguid":"11111111222233334444555555555555","uuid":"` + uuid1 + `"}]}]`,
	} {
		if got := g.must(method, `{}`); got != g.expand(want) {
			t.Errorf("%s:\n%s\nSPDK:\n%s", method, got, g.expand(want))
		}
	}
}

// TestNVMfRefusals makes calls that must fail. The errors are SPDK's, with
// what is wrong behind them.
func TestNVMfRefusals(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	const invalid, internal = rpc.InvalidParams, rpc.InternalError
	g.refused("nvmf_subsystem_add_listener", listenAt(node1, "a"), invalid, "Subsystem with NQN '"+node1+"' not found")
	g.must("nvmf_create_subsystem", `{@1@}`)
	g.must("bdev_malloc_create", `{"name":"Disk0","num_blocks":4096,"block_size":512}`)
	g.refused("nvmf_subsystem_add_listener", listenAt(node1, "a"), invalid, "listen_address", "create it first")
	for _, c := range []struct {
		method, params string
		code           int
		words          string
	}{
		{"nvmf_create_transport", `{"trtype":"FOO"}`, invalid, "Invalid transport type 'FOO'"},
		{"nvmf_create_transport", `{"trtype":"RDMA"}`, invalid, "Invalid transport type 'RDMA'"},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER","tgt_name":"x"}`, internal, "Unable to find a target."},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER","max_io_size":1000}`, internal, "Transport type 'VFIOUSER' create failed: max_io_size 1000"},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER","max_io_size":2097152}`, internal, "max_io_size 2097152"},
		{"nvmf_create_transport", `{"trtype":"TCP","max_io_size":4096}`, internal, "max_io_size 4096: it must be a power of two of at least 8192"},
		{"nvmf_create_transport", `{"trtype":"TCP","max_io_size":4194304}`, internal, "max_io_size 4194304: it must be at most 2097152"},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER","max_io_qpairs_per_ctrlr":512}`, internal, "max_io_qpairs_per_ctrlr 512"},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER","max_queue_depth":1}`, internal, "max_queue_depth 1"},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER","kas":0}`, internal, "kas 0"},
		{"nvmf_create_transport", `{"trtype":"VFIOUSER","min_kato":0}`, internal, "min_kato 0"},
		{"nvmf_get_transports", `{"trtype":"RDMA"}`, -19, "No such device"},
		{"nvmf_get_transports", `{"tgt_name":"x"}`, internal, "Unable to find a target."},
		{"nvmf_get_subsystems", `{"tgt_name":"x"}`, invalid, "NVMf target 'x' not found"},
		{"nvmf_get_subsystems", `{@2@}`, invalid, "Subsystem with NQN '" + node2 + "' not found"},
		{"nvmf_create_subsystem", `{"nqn":"bad"}`, internal, "Unable to create subsystem bad"},
		{"nvmf_create_subsystem", `{@1@}`, internal, "already exists"},
		{"nvmf_create_subsystem", `{@2@,"min_cntlid":9,"max_cntlid":8}`, invalid, "Invalid cntlid range [9-8]"},
		{"nvmf_create_subsystem", `{@2@,"max_cntlid":65520}`, invalid, "Invalid cntlid range [1-65520]"},
		{"nvmf_create_subsystem", `{@2@,"serial_number":"123456789012345678901"}`, invalid, "serial_number"},
		{"nvmf_create_subsystem", `{@2@,"model_number":"\u0001"}`, invalid, "model_number"},
		{"nvmf_create_subsystem", `{@2@,"admin_label":"abc"}`, invalid, "Invalid admin_label"},
		{"nvmf_create_subsystem", `{@2@,"max_namespaces":65537}`, internal, "65537 namespaces"},
		{"nvmf_delete_subsystem", `{"nqn":"nqn.2014-08.org.nvmexpress.discovery"}`, internal, "part of the target"},
		{"nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"nope"}}`, invalid, "nope"},
		{"nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0","nsid":33}}`, invalid, "namespace identifier 33"},
		{"nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0","nguid":"12"}}`, invalid, "Invalid nguid"},
		{"nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0","eui64":"zz"}}`, invalid, "Invalid eui64"},
		{"nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0","anagrpid":33}}`, invalid, "anagrpid"},
		{"nvmf_subsystem_add_ns", `{"nqn":"nqn.2014-08.org.nvmexpress.discovery","namespace":{"bdev_name":"Disk0"}}`, invalid, "for discovery"},
		{"nvmf_subsystem_remove_ns", `{@1@,"nsid":7}`, invalid, "nsid"},
		{"nvmf_ns_add_host", `{@1@,"nsid":7,"host":"nqn.2016-06.io.spdk:h"}`, invalid, "no namespace 7"},
		{"nvmf_ns_remove_host", `{@1@,"nsid":7,"host":"h"}`, invalid, "host"},
		{"nvmf_subsystem_add_host", `{@1@,"host":"bad"}`, internal, `"bad"`},
		{"nvmf_subsystem_add_host", `{@1@,"host":"nqn.2016-06.io.spdk:h","dhchap_key":"k"}`, invalid, "dhchap_key"},
		{"nvmf_subsystem_remove_host", `{@1@,"host":"nqn.2016-06.io.spdk:h"}`, internal, "does not name host"},
		{"nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"x","traddr":"a"}}`, invalid, "trtype"},
		{"nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"TCP","adrfam":"x","traddr":"a"}}`, invalid, "adrfam"},
		{"nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"VFIOUSER","traddr":"` + strings.Repeat("a", 257) + `"}}`, invalid, "traddr"},
		{"nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"VFIOUSER","traddr":"a","trsvcid":"` + strings.Repeat("1", 33) + `"}}`, invalid, "trsvcid"},
		{"nvmf_subsystem_remove_listener", listenAt(node1, "a"), invalid, "does not listen"},
		{"nvmf_set_crdt", `{}`, -1, "may only be called before framework is initialized"},
		{"nvmf_get_stats", `{"tgt_name":"x"}`, internal, "Unable to find a target."},
	} {
		g.refused(c.method, c.params, c.code, c.words)
	}
	// With a transport there is more to refuse.
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	g.refused("nvmf_create_transport", `{"trtype":"VFIOUSER"}`, internal, "Transport type 'VFIOUSER' already exists")
	g.must("nvmf_subsystem_add_listener", listenAt(node1, "a"))
	g.refused("nvmf_subsystem_add_listener", listenAt(node1, "a"), invalid, "file exists")
	g.must("nvmf_create_subsystem", `{@2@,"passthrough":true,"allow_any_host":true}`)
	g.refused("nvmf_subsystem_add_listener", listenAt(node2, "a"), invalid, "in use")
	g.refused("nvmf_subsystem_add_listener", `{@2@,"listen_address":{"trtype":"VFIOUSER","traddr":"@DIR@/b"},"numa_id":99}`, invalid, "numa_id 99")
	g.refused("nvmf_subsystem_add_listener", `{@2@,"listen_address":{"trtype":"VFIOUSER","traddr":"@DIR@/b"},"secure_channel":true}`, internal, "Cannot establish secure channel")
	g.refused("nvmf_subsystem_add_ns", `{@2@,"namespace":{"bdev_name":"Disk0"}}`, invalid, "passthrough")
	g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0"}}`)
	g.refused("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0"}}`, invalid, "Disk0")
	g.refused("nvmf_ns_add_host", `{@1@,"nsid":1,"host":"nqn.2016-06.io.spdk:h"}`, invalid, "visible to all")
}

func TestNVMfStartupRefusals(t *testing.T) {
	g := newNVMfRig(t, app.Config{WaitForRPC: true})
	g.must("nvmf_set_max_subsystems", `{"max_subsystems":5}`)
	g.refused("nvmf_set_max_subsystems", `{"max_subsystems":5}`, rpc.InternalError, "Must not call more than once")
	for _, mask := range []string{"zebra", "0", fmt.Sprintf("[%d]", 1000)} {
		g.refused("nvmf_set_config", `{"poll_groups_mask":"`+mask+`"}`, rpc.InvalidParams, "poll_groups_mask")
	}
	g.refused("nvmf_set_config", `{"discovery_filter":"transport,x"}`, rpc.InvalidParams, "discovery_filter")
	g.must("nvmf_set_config", `{"discovery_filter":"match_any"}`)
	g.refused("nvmf_get_stats", `{}`, -1, "may only be called after")
}

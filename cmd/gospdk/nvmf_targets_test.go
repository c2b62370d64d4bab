// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/rpc"
)

// TestNVMfTargets makes a second target, serves a disk by it, and deletes it
// with a host connected.
func TestNVMfTargets(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	if s := g.must("nvmf_get_targets", ``); s != `["nvmf_tgt"]` {
		t.Errorf("targets %s", s)
	}
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	if s := g.must("nvmf_create_target", `{"name":"b","max_subsystems":1,"discovery_filter":["svcid"],"dup_host_policy":"allow"}`); s != `"b"` {
		t.Errorf("made %s", s)
	}
	if s := g.must("nvmf_get_targets", ``); s != `["b","nvmf_tgt"]` {
		t.Errorf("targets %s", s)
	}
	const b = `"tgt_name":"b"`
	g.refused("nvmf_create_target", `{"name":"b"}`, rpc.InvalidParams, "Target already exists.")
	g.refused("nvmf_create_target", `{"name":""}`, rpc.InternalError, "Unable to create the requested target.")
	g.refused("nvmf_delete_target", `{"name":"c"}`, rpc.InvalidParams, "The specified target doesn't exist, cannot delete it.")
	g.refused("nvmf_delete_target", `{"name":"nvmf_tgt"}`, rpc.InternalError, "the program's own")
	g.refused("nvmf_get_stats", `{"tgt_name":"c"}`, rpc.InternalError, "Unable to find a target.", "'b', 'nvmf_tgt'")
	g.refused("nvmf_get_subsystems", `{"tgt_name":"c"}`, rpc.InvalidParams, "not found")
	g.refused("nvmf_create_subsystem", `{@1@,"tgt_name":"c"}`, rpc.InternalError, "Unable to find target c")

	g.must("bdev_malloc_create", `{"name":"Disk0","num_blocks":4096,"block_size":512}`)
	if s := g.must("nvmf_get_transports", `{`+b+`}`); s != "[]" {
		t.Errorf("transports of the other target: %s", s)
	}
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER",`+b+`}`)
	g.must("nvmf_create_subsystem", `{@1@,"allow_any_host":true,`+b+`}`)
	g.refused("nvmf_create_subsystem", `{@2@,`+b+`}`, rpc.InternalError, "max_subsystems")
	g.must("nvmf_create_subsystem", `{@1@}`) // the same name elsewhere
	g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0"},`+b+`}`)
	g.must("nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"VFIOUSER","traddr":"@DIR@/a"},`+b+`}`)
	i := g.mustConnect("a")
	if err := i.check(1); err != nil {
		t.Error(err)
	}
	if s := g.must("nvmf_get_stats", `{`+b+`}`); !strings.Contains(s, `"current_admin_qpairs":1,`) {
		t.Errorf("%s", s)
	}
	if s := g.must("nvmf_get_stats", `{"tgt_name":"nvmf_tgt"}`); strings.Contains(s, `"admin_qpairs":1,`) {
		t.Errorf("%s", s)
	}
	g.must("nvmf_delete_target", `{"name":"b"}`)
	if err := i.check(1); err == nil {
		t.Error("a host can use a target that was deleted")
	}
	g.must("bdev_malloc_delete", `{"name":"Disk0"}`)
	g.must("nvmf_create_target", `{"name":"c"}`) // closed with the daemon
}

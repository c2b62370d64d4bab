// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/app"
)

// TestNVMfMDNS announces the target while its listeners come and go.
func TestNVMfMDNS(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	const discovery = `{"nqn":"nqn.2014-08.org.nvmexpress.discovery","listen_address":{"trtype":"TCP","traddr":"127.0.0.1","trsvcid":"0"}}`
	g.must("nvmf_stop_mdns_prr", `{}`) // nothing to stop, as in SPDK
	g.refused("nvmf_publish_mdns_prr", `{}`, -int(syscall.EINVAL), "Invalid argument", "no listeners")
	g.refused("nvmf_publish_mdns_prr", `{"tgt_name":"x"}`, -32603, "Unable to find a target.")
	g.must("nvmf_create_transport", `{"trtype":"TCP"}`)
	g.must("nvmf_subsystem_add_listener", discovery)
	g.must("nvmf_publish_mdns_prr", `{}`)
	g.refused("nvmf_publish_mdns_prr", `{}`, -int(syscall.EEXIST), "File exists")
	g.must("nvmf_create_target", `{"name":"b"}`)
	g.refused("nvmf_publish_mdns_prr", `{"tgt_name":"b"}`, -int(syscall.EINVAL), "one can be at a time")
	g.must("nvmf_subsystem_remove_listener", discovery)
	g.must("nvmf_stop_mdns_prr", `{}`)
	g.must("nvmf_subsystem_add_listener", discovery)
	g.must("nvmf_publish_mdns_prr", `{}`) // ends with the daemon
}

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

// TestMDNSDiscovery has one daemon find the disk of another one by multicast
// DNS.
func TestMDNSDiscovery(t *testing.T) {
	served, g := newNVMfRig(t, app.Config{Name: "served"}), newNVMfRig(t, app.Config{Name: "user"})
	served.must("nvmf_create_transport", `{"trtype":"TCP"}`)
	served.must("bdev_malloc_create", `{"name":"Malloc0","num_blocks":16384,"block_size":512}`)
	served.must("nvmf_create_subsystem", `{@1@,"allow_any_host":true}`)
	served.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Malloc0"}}`)
	const at = `"listen_address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"18541"}}`
	served.must("nvmf_subsystem_add_listener", `{@1@,`+at)
	served.must("nvmf_subsystem_add_listener", `{"nqn":"nqn.2014-08.org.nvmexpress.discovery",`+at)
	served.must("nvmf_publish_mdns_prr", `{}`)
	g.refused("bdev_nvme_stop_mdns_discovery", `{"name":"M"}`, -int(syscall.ENOENT), "no mDNS discovery M")
	g.must("bdev_nvme_start_mdns_discovery", `{"name":"M","svcname":"_nvme-disc._tcp"}`)
	g.refused("bdev_nvme_start_mdns_discovery", `{"name":"M","svcname":"_other._tcp"}`, -int(syscall.EEXIST), "M")
	g.eventually("the disk", func() bool {
		_, err := g.call("bdev_get_bdevs", `{"name":"M00n1"}`)
		return err == nil
	})
	const info = `[{"name":"M","svcname":"_nvme-disc._tcp","referrals":[{"name":"M0","trid":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"18541","subnqn":"nqn.2014-08.org.nvmexpress.discovery"}}]}]`
	if got := g.must("bdev_nvme_get_mdns_discovery_info", `{}`); got != info {
		t.Errorf("got %s", got)
	}
	g.must("bdev_nvme_stop_mdns_discovery", `{"name":"M"}`)
	if got := g.must("bdev_nvme_get_controllers", `{}`); got != "[]" {
		t.Errorf("left %s", got)
	}
}

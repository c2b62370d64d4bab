// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"slices"
	"strings"
	"testing"
)

// cnode1 is the place of a subsystem in testdata/answers.json.
const cnode1 = "/nvmf/subsystem/nqn.2014-08.org.spdk:cnode1"

// calls lists lines, mostly those of SPDK's own tests of spdkcli, with what
// the target is asked for.
var calls = []struct{ line, call string }{
	{"/bdevs/malloc create 32 512 Malloc0", `bdev_malloc_create {"name":"Malloc0","num_blocks":65536,"block_size":512}`},
	{"/bdevs/malloc create 512K 4096", `bdev_malloc_create {"num_blocks":128,"block_size":4096}`},
	{"/bdevs/malloc create block_size=512 size=0.5", `bdev_malloc_create {"num_blocks":1024,"block_size":512}`},
	{"/bdevs/malloc create num_blocks=7 block_size=0x200 md_size=8", `bdev_malloc_create {"num_blocks":7,"block_size":512,"md_size":8}`},
	{"/bdevs/malloc delete Malloc0", `bdev_malloc_delete {"name":"Malloc0"}`},
	{"bdevs/malloc delete name=Malloc0", `bdev_malloc_delete {"name":"Malloc0"}`},
	{"/bdevs/nvme create Nvme0 PCIe 0000:0b:00.0", `bdev_nvme_attach_controller {"name":"Nvme0","trtype":"PCIe","traddr":"0000:0b:00.0"}`},
	{"/bdevs/nvme create Nvme0 tcp 127.0.0.1 IPv4 4420 nqn.a:b", `bdev_nvme_attach_controller {"name":"Nvme0","trtype":"tcp","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"4420","subnqn":"nqn.a:b"}`},
	{"/bdevs/nvme delete Nvme0", `bdev_nvme_detach_controller {"name":"Nvme0"}`},
	{"/bdevs/nvme reset_controller name=Nvme0", `bdev_nvme_reset_controller {"name":"Nvme0"}`},
	{"/bdevs/virtioblk_disk create v user /tmp/s vq_size=64", `bdev_virtio_attach_controller {"name":"v","trtype":"user","traddr":"/tmp/s","dev_type":"blk","vq_size":64}`},
	{"/bdevs/virtioscsi_disk create v pci 0:1:0 2", `bdev_virtio_attach_controller {"name":"v","trtype":"pci","traddr":"0:1:0","dev_type":"scsi","vq_count":2}`},
	{"/bdevs/virtioscsi_disk delete v", `bdev_virtio_detach_controller {"name":"v"}`},
	{"/lvol_stores create lvs0 Malloc0", `bdev_lvol_create_lvstore {"bdev_name":"Malloc0","lvs_name":"lvs0"}`},
	{"/lvol_stores create lvs0 Malloc0 cluster_size=65536", `bdev_lvol_create_lvstore {"bdev_name":"Malloc0","lvs_name":"lvs0","cluster_sz":65536}`},
	{"/lvol_stores create bdev_name=Malloc0 lvs_name=lvs0 cluster_sz=65536", `bdev_lvol_create_lvstore {"bdev_name":"Malloc0","lvs_name":"lvs0","cluster_sz":65536}`},
	{"/lvol_stores delete lvs0", `bdev_lvol_delete_lvstore {"lvs_name":"lvs0"}`},
	{"/lvol_stores rename_lvstore old_name=lvs0 new_name=lvs9", `bdev_lvol_rename_lvstore {"old_name":"lvs0","new_name":"lvs9"}`},
	{"/bdevs/logical_volume create lvol0 16 lvs0", `bdev_lvol_create {"lvol_name":"lvol0","size_in_mib":16,"lvs_name":"lvs0"}`},
	{"/bdevs/logical_volume create lvol0 16 11111111-2222-3333-4444-000000000010 True", `bdev_lvol_create {"lvol_name":"lvol0","size_in_mib":16,"thin_provision":true,"uuid":"11111111-2222-3333-4444-000000000010"}`},
	{"/bdevs/logical_volume create lvol0 16 lvs_name=lvs0 weight=1.5 cores=[1,2]", `bdev_lvol_create {"lvol_name":"lvol0","size_in_mib":16,"lvs_name":"lvs0","weight":1.5,"cores":[1,2]}`},
	{"/bdevs/logical_volume resize name=lvs0/lvol0 size_in_mib=32", `bdev_lvol_resize {"name":"lvs0/lvol0","size_in_mib":32}`},
	{"/bdevs/logical_volume delete lvs0/lvol0", `bdev_lvol_delete {"name":"lvs0/lvol0"}`},

	{"nvmf/transport create tcp max_io_qpairs_per_ctrlr=4 io_unit_size=8192", `nvmf_create_transport {"trtype":"tcp","max_io_qpairs_per_ctrlr":4,"io_unit_size":8192}`},
	{"nvmf/transport create tcp 128 zcopy=true", `nvmf_create_transport {"trtype":"tcp","max_queue_depth":128,"zcopy":true}`},
	{"/nvmf/subsystem create nqn.x:1 N37SXV509SRW  max_namespaces=4 allow_any_host=True", `nvmf_create_subsystem {"nqn":"nqn.x:1","serial_number":"N37SXV509SRW","max_namespaces":4,"allow_any_host":true}`},
	{"/nvmf/subsystem delete nqn.x:1", `nvmf_delete_subsystem {"nqn":"nqn.x:1"}`},
	{"/nvmf/subsystem delete nqn=nqn.x:1", `nvmf_delete_subsystem {"nqn":"nqn.x:1"}`},
	{cnode1 + "/namespaces create Malloc3 1", `nvmf_subsystem_add_ns {"nqn":"nqn.2014-08.org.spdk:cnode1","namespace":{"nsid":1,"bdev_name":"Malloc3"}}`},
	{cnode1 + "/namespaces create bdev_name=Malloc3 uuid=u nguid=00", `nvmf_subsystem_add_ns {"nqn":"nqn.2014-08.org.spdk:cnode1","namespace":{"bdev_name":"Malloc3","nguid":"00","uuid":"u"}}`},
	{cnode1 + "/namespaces delete nsid=1", `nvmf_subsystem_remove_ns {"nqn":"nqn.2014-08.org.spdk:cnode1","nsid":1}`},
	{cnode1 + "/listen_addresses create tcp 127.0.0.1 4260 IPv4", `nvmf_subsystem_add_listener {"nqn":"nqn.2014-08.org.spdk:cnode1","listen_address":{"trtype":"tcp","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"4260"}}`},
	{cnode1 + "/listen_addresses delete tcp 127.0.0.1 4262", `nvmf_subsystem_remove_listener {"nqn":"nqn.2014-08.org.spdk:cnode1","listen_address":{"trtype":"tcp","traddr":"127.0.0.1","trsvcid":"4262"}}`},
	{cnode1 + "/hosts create nqn.h", `nvmf_subsystem_add_host {"nqn":"nqn.2014-08.org.spdk:cnode1","host":"nqn.h"}`},
	{cnode1 + "/hosts delete nqn.h", `nvmf_subsystem_remove_host {"nqn":"nqn.2014-08.org.spdk:cnode1","host":"nqn.h"}`},
	{cnode1 + " allow_any_host True", `nvmf_subsystem_allow_any_host {"nqn":"nqn.2014-08.org.spdk:cnode1","allow_any_host":false}`},
	{cnode1 + " allow_any_host", `nvmf_subsystem_allow_any_host {"nqn":"nqn.2014-08.org.spdk:cnode1","allow_any_host":true}`},
	{cnode1 + " allow_any_host allow_any_host=false", `nvmf_subsystem_allow_any_host {"nqn":"nqn.2014-08.org.spdk:cnode1","allow_any_host":false}`},
	{cnode1 + " allow_any_host disable=False", `nvmf_subsystem_allow_any_host {"nqn":"nqn.2014-08.org.spdk:cnode1","allow_any_host":true}`},
	{cnode1 + " allow_any_host allow_any_host=true", `nvmf_subsystem_allow_any_host {"nqn":"nqn.2014-08.org.spdk:cnode1","allow_any_host":true}`},
	{"/nvmf/referral create tcp 127.0.0.2 4030 IPv4", `nvmf_discovery_add_referral {"address":{"trtype":"tcp","adrfam":"IPv4","traddr":"127.0.0.2","trsvcid":"4030"}}`},
	{"/nvmf/referral create tcp 127.0.0.2 4030 IPv4 True discovery", `nvmf_discovery_add_referral {"address":{"trtype":"tcp","adrfam":"IPv4","traddr":"127.0.0.2","trsvcid":"4030"},"secure_channel":true,"subnqn":"nqn.2014-08.org.nvmexpress.discovery"}`},
	{"/nvmf/referral delete tcp 127.0.0.2 4030", `nvmf_discovery_remove_referral {"address":{"trtype":"tcp","traddr":"127.0.0.2","trsvcid":"4030"}}`},

	{`/iscsi/portal_groups create 1 "127.0.0.1:3261 ::1:3263@0x1"`, `iscsi_create_portal_group {"tag":1,"portals":[{"host":"127.0.0.1","port":"3261"},{"host":"::1","port":"3263"}]}`},
	{"/iscsi/portal_groups delete 1", `iscsi_delete_portal_group {"tag":1}`},
	{"/iscsi/initiator_groups create 2 ANY 10.0.2.15/32", `iscsi_create_initiator_group {"tag":2,"initiators":["ANY"],"netmasks":["10.0.2.15/32"]}`},
	{`/iscsi/initiator_groups add_initiator 2 "ANW ANX" "10.0.2.16/32 10.0.2.17/32"`, `iscsi_initiator_group_add_initiators {"tag":2,"initiators":["ANW","ANX"],"netmasks":["10.0.2.16/32","10.0.2.17/32"]}`},
	{"/iscsi/initiator_groups delete_initiator 2 ANW", `iscsi_initiator_group_remove_initiators {"tag":2,"initiators":["ANW"]}`},
	{`/iscsi/target_nodes create Target0 Target0_alias "Malloc0:0 Malloc1:1" 1:2 64 g=1`, `iscsi_create_target_node {"name":"Target0","alias_name":"Target0_alias","luns":[{"bdev_name":"Malloc0","lun_id":0},{"bdev_name":"Malloc1","lun_id":1}],"pg_ig_maps":[{"pg_tag":1,"ig_tag":2}],"queue_depth":64,"chap_group":1}`},
	{"/iscsi/target_nodes/iqn.2016-06.io.spdk:Target0 iscsi_target_node_add_pg_ig_maps \"1:3 2:2\"", `iscsi_target_node_add_pg_ig_maps {"name":"iqn.2016-06.io.spdk:Target0","pg_ig_maps":[{"pg_tag":1,"ig_tag":3},{"pg_tag":2,"ig_tag":2}]}`},
	{"/iscsi/target_nodes/iqn.2016-06.io.spdk:Target0 iscsi_target_node_remove_pg_ig_maps 1:3", `iscsi_target_node_remove_pg_ig_maps {"name":"iqn.2016-06.io.spdk:Target0","pg_ig_maps":[{"pg_tag":1,"ig_tag":3}]}`},
	{"/iscsi/target_nodes add_lun iqn.2016-06.io.spdk:Target1 Malloc3 2", `iscsi_target_node_add_lun {"name":"iqn.2016-06.io.spdk:Target1","bdev_name":"Malloc3","lun_id":2}`},
	{"/iscsi/target_nodes delete iqn.x", `iscsi_delete_target_node {"name":"iqn.x"}`},
	{"/iscsi/target_nodes/iqn.2016-06.io.spdk:Target0 set_auth g=1 d=true", `iscsi_target_node_set_auth {"name":"iqn.2016-06.io.spdk:Target0","chap_group":1,"disable_chap":true}`},
	{"/iscsi/global_params set_auth g=1 d=true r=false", `iscsi_set_discovery_auth {"chap_group":1,"disable_chap":true}`},
	{`/iscsi/auth_groups create 1 "user:test1 secret:test1 muser:m1 msecret:m1,user:test3 secret:test3"`, `iscsi_create_auth_group {"tag":1,"secrets":[{"user":"test1","secret":"test1","muser":"m1","msecret":"m1"},{"user":"test3","secret":"test3"}]}`},
	{"/iscsi/auth_groups add_secret 1 user=test2 secret=test2 muser=m msecret=n", `iscsi_auth_group_add_secret {"tag":1,"user":"test2","secret":"test2","muser":"m","msecret":"n"}`},
	{"/iscsi/auth_groups delete_secret 1 test2", `iscsi_auth_group_remove_secret {"tag":1,"user":"test2"}`},
	{"/iscsi/auth_groups delete 1", `iscsi_delete_auth_group {"tag":1}`},
	{"/iscsi/auth_groups delete_secret_all 1", `iscsi_auth_group_remove_secret {"tag":1,"user":"test1"}` + "\n" + `iscsi_auth_group_remove_secret {"tag":1,"user":"test3"}`},

	{"vhost/block create vhost_blk1 Nvme0n1p0", `vhost_create_blk_controller {"ctrlr":"vhost_blk1","dev_name":"Nvme0n1p0"}`},
	{"vhost/block create vhost_blk2 Nvme0n1p1 0x1 readonly", `vhost_create_blk_controller {"ctrlr":"vhost_blk2","dev_name":"Nvme0n1p1","cpumask":"0x1","readonly":true}`},
	{"vhost/scsi create vhost_scsi2 True", `vhost_create_scsi_controller {"ctrlr":"vhost_scsi2","delay":true}`},
	{"vhost/scsi/vhost_scsi1 add_lun 0 Malloc2", `vhost_scsi_controller_add_target {"ctrlr":"vhost_scsi1","scsi_target_num":0,"bdev_name":"Malloc2"}`},
	{"vhost/scsi/vhost_scsi1 remove_target 2", `vhost_scsi_controller_remove_target {"ctrlr":"vhost_scsi1","scsi_target_num":2}`},
	{"vhost/scsi/vhost_scsi1 set_coalescing 20 1000000", `vhost_controller_set_coalescing {"ctrlr":"vhost_scsi1","delay_base_us":20,"iops_threshold":1000000}`},
	{"vhost/scsi/vhost_scsi1 start vhost_scsi1", `vhost_start_scsi_controller {"ctrlr":"vhost_scsi1"}`},
	{"vhost/scsi delete vhost_scsi1", `vhost_delete_controller {"ctrlr":"vhost_scsi1"}`},
	{"vhost/block delete vhost_blk2", `vhost_delete_controller {"ctrlr":"vhost_blk2"}`},
}

// TestCommands also tries what a program does that knows nothing about the
// methods but what is in the tables.
func TestCommands(t *testing.T) {
	f := newFake(t)
	for _, knows := range []bool{true, false} {
		u := f.user(knows)
		for _, c := range calls {
			u.must(c.line)
			if got := strings.Join(f.taken(), "\n"); got != c.call {
				t.Errorf("%s (methods known: %v)\ncalls %s\n  not %s", c.line, knows, got, c.call)
			}
		}
	}
}

func TestDeleteAll(t *testing.T) {
	f := newFake(t)
	u := f.user(true)
	for line, want := range map[string][]string{
		"/bdevs/malloc delete_all":              {`bdev_malloc_delete {"name":"Malloc0"}`, `bdev_malloc_delete {"name":"Malloc1"}`},
		"/bdevs/nvme delete_all":                {`bdev_nvme_detach_controller {"name":"Nvme0"}`, `bdev_nvme_detach_controller {"name":"Nvme1"}`},
		"/lvol_stores delete_all":               {`bdev_lvol_delete_lvstore {"uuid":"11111111-2222-3333-4444-000000000010"}`, `bdev_lvol_delete_lvstore {"uuid":"11111111-2222-3333-4444-000000000011"}`},
		cnode1 + "/hosts delete_all":            {`nvmf_subsystem_remove_host {"nqn":"nqn.2014-08.org.spdk:cnode1","host":"nqn.2014-08.org.spdk:cnode2"}`},
		cnode1 + "/namespaces delete_all":       {`nvmf_subsystem_remove_ns {"nqn":"nqn.2014-08.org.spdk:cnode1","nsid":1}`, `nvmf_subsystem_remove_ns {"nqn":"nqn.2014-08.org.spdk:cnode1","nsid":2}`},
		"/iscsi/portal_groups delete_all":       {`iscsi_delete_portal_group {"tag":1}`, `iscsi_delete_portal_group {"tag":2}`},
		"/iscsi/target_nodes delete_all":        {`iscsi_delete_target_node {"name":"iqn.2016-06.io.spdk:Target0"}`, `iscsi_delete_target_node {"name":"iqn.2016-06.io.spdk:Target1"}`},
		"/bdevs/virtioscsi_disk delete_all":     {`bdev_virtio_detach_controller {"name":"Virtio0"}`},
		"/vhost/block delete_all":               {`vhost_delete_controller {"ctrlr":"vhost_blk1"}`, `vhost_delete_controller {"ctrlr":"vhost_blk2"}`},
		"/nvmf/referral delete_all":             {`nvmf_discovery_remove_referral {"address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.2","trsvcid":"4030"}}`, `nvmf_discovery_remove_referral {"address":{"trtype":"TCP","adrfam":"IPv6","traddr":"::1","trsvcid":"4031"}}`},
		cnode1 + "/listen_addresses delete_all": nil, // three, see below
	} {
		u.must(line)
		got := f.taken()
		if want == nil && len(got) == 3 {
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s calls %q", line, got)
		}
	}
	u.refuses("/bdevs delete_all", "no command")
	u.refuses("/bdevs/gpt delete_all", "no command")
}

func TestPlaces(t *testing.T) {
	u := newFake(t).user(true)
	for _, step := range []struct{ line, at string }{
		{"cd bdevs", "/bdevs"},
		{"malloc", "/bdevs/malloc"},
		{"cd ../nvme", "/bdevs/nvme"},
		{"..", "/bdevs"},
		{"cd -", "/bdevs/nvme"},
		{"/bdevs/other/My/Disk\\ 1", "/bdevs/other/My/Disk 1"},
		{`cd "../../malloc/./Malloc0/"`, "/bdevs/malloc/Malloc0"},
		{cnode1 + "/hosts", cnode1 + "/hosts"},
		{"cd /../..", "/"},
		{"cd /iscsi/target_nodes", "/iscsi/target_nodes"},
		{"cd", "/"},
		{"ls /bdevs/malloc", "/"},
		{"/vhost/scsi ls depth=1", "/"},
	} {
		u.must(step.line)
		if u.Path() != step.at {
			t.Errorf("%s leads to %s, not %s", step.line, u.Path(), step.at)
		}
	}
	u.must("cd /bdevs/malloc")
	if out := u.must("pwd"); out != "/bdevs/malloc\n" {
		t.Errorf("pwd: %q", out)
	}
	if out := u.must("* show_details"); strings.Count(out, "product_name") != 2 || !strings.Contains(out, `"name": "Malloc1"`) {
		t.Errorf("details: %s", out)
	}
	if out := u.must("ls /bdevs 1"); strings.Count(out, "\n") != 8 || strings.Contains(out, "Malloc0") {
		t.Errorf("depth 1:\n%s", out)
	}
	for _, line := range []string{"cd /nowhere", "/bdevs/malloc/Malloc ls", "ls x", "malloc", "show_details", "/nvmf/x*/ ls"} {
		if e := u.refuses(line); e != nil {
			if _, ok := e.(*UsageError); !ok {
				t.Errorf("%s: %v is no mistake of the user", line, e)
			}
		}
	}
}

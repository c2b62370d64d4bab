// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// module is a node below /bdevs.
type module struct {
	name     string
	product  string // what the devices' product names contain, in lower case
	needs    string // a method without which the target has not the module
	commands []*command
	more     string // patterns of further methods
	prefix   string
}

// iostat is a command of each module's node.
var iostat = cmd("get_bdev_iostat", "bdev_get_iostat", "name=names:bdevs?")

// modules lists what may be below /bdevs. The names, and the parameters of
// those commands that spdkcli has, are spdkcli's.
var modules = []module{
	{"aio", "aio", "bdev_aio_create", []*command{
		cmd("create", "bdev_aio_create", "name filename:file block_size:number?"),
		cmd("delete", "bdev_aio_delete", "name"),
	}, "bdev_aio_*", "bdev_aio_"},
	{"compress", "compress", "bdev_compress_create", []*command{
		cmd("create", "bdev_compress_create", "base_bdev_name:bdev pm_path:file lb_size:number?"),
		cmd("delete", "bdev_compress_delete", "name"),
	}, "bdev_compress_*", "bdev_compress_"},
	{"crypto", "crypto", "bdev_crypto_create", []*command{
		cmd("create", "bdev_crypto_create", "base_bdev_name:bdev name key_name?"),
		cmd("delete", "bdev_crypto_delete", "name"),
	}, "bdev_crypto_*", "bdev_crypto_"},
	{"daos", "daos", "bdev_daos_create", []*command{
		cmd("create", "bdev_daos_create", "name pool cont size:mib block_size:number uuid? oclass?"),
		cmd("delete", "bdev_daos_delete", "name"),
	}, "bdev_daos_*", "bdev_daos_"},
	{"delay", "delay", "bdev_delay_create", []*command{
		cmd("create", "bdev_delay_create", "base_bdev_name:bdev name avg_read_latency:number p99_read_latency:number avg_write_latency:number p99_write_latency:number"),
		cmd("delete", "bdev_delay_delete", "name"),
	}, "bdev_delay_*", "bdev_delay_"},
	{"error", "error", "bdev_error_create", []*command{
		cmd("create", "bdev_error_create", "base_name:bdev"),
		cmd("delete", "bdev_error_delete", "name"),
	}, "bdev_error_*", "bdev_error_"},
	{"ftl", "ftl", "bdev_ftl_create", []*command{
		cmd("create", "bdev_ftl_create", "name base_bdev:bdev cache:bdev uuid?"),
		cmd("delete", "bdev_ftl_delete", "name"),
	}, "bdev_ftl_*", "bdev_ftl_"},
	{"gpt", "gpt", "", nil, "bdev_gpt_*", "bdev_gpt_"},
	{"iscsi", "iscsi", "bdev_iscsi_create", []*command{
		cmd("create", "bdev_iscsi_create", "name url initiator_iqn"),
		cmd("delete", "bdev_iscsi_delete", "name"),
	}, "bdev_iscsi_*", "bdev_iscsi_"},
	{"logical_volume", "logical volume", "bdev_lvol_create", []*command{
		cmd("create", "bdev_lvol_create", "name=lvol_name size=size_in_mib:number lvs:lvs thin_provision:bool?"),
		cmd("delete", "bdev_lvol_delete", "name"),
	}, "bdev_lvol_* !*lvstore*", "bdev_lvol_"},
	{"malloc", "malloc", "bdev_malloc_create", []*command{
		cmd("create", "bdev_malloc_create", "size=num_blocks:mib block_size:number name? uuid?"),
		cmd("delete", "bdev_malloc_delete", "name"),
	}, "bdev_malloc_*", "bdev_malloc_"},
	{"null", "null", "bdev_null_create", []*command{
		cmd("create", "bdev_null_create", "name size=num_blocks:mib block_size:number uuid?"),
		cmd("delete", "bdev_null_delete", "name"),
	}, "bdev_null_*", "bdev_null_"},
	{"nvme", "nvme", "bdev_nvme_attach_controller", []*command{
		cmd("create", "bdev_nvme_attach_controller", "name trtype traddr adrfam? trsvcid? subnqn?"),
		cmd("delete", "bdev_nvme_detach_controller", "name"),
	}, "bdev_nvme_*", "bdev_nvme_"},
	{"ocf", "ocf", "bdev_ocf_create", []*command{
		cmd("create", "bdev_ocf_create", "name mode cache_bdev_name:bdev core_bdev_name:bdev"),
		cmd("delete", "bdev_ocf_delete", "name"),
	}, "bdev_ocf_*", "bdev_ocf_"},
	{"passthru", "passthru", "bdev_passthru_create", []*command{
		cmd("create", "bdev_passthru_create", "base_bdev_name:bdev name uuid?"),
		cmd("delete", "bdev_passthru_delete", "name"),
	}, "bdev_passthru_*", "bdev_passthru_"},
	{"raid_volume", "raid volume", "bdev_raid_create", []*command{
		cmd("create", "bdev_raid_create", "name raid_level base_bdevs:bdevs strip_size_kb:number?"),
		cmd("delete", "bdev_raid_delete", "name"),
	}, "bdev_raid_*", "bdev_raid_"},
	{"rbd", "rbd", "bdev_rbd_create", []*command{
		cmd("create", "bdev_rbd_create", "pool_name rbd_name block_size:number name?"),
		cmd("delete", "bdev_rbd_delete", "name"),
	}, "bdev_rbd_*", "bdev_rbd_"},
	{"split_disk", "split disk", "bdev_split_create", []*command{
		cmd("bdev_split_create", "bdev_split_create", "base_bdev:bdev split_count:number split_size_mb:number?"),
		cmd("bdev_split_delete", "bdev_split_delete", "base_bdev:bdev"),
	}, "bdev_split_*", "bdev_split_"},
	{"uring", "uring", "bdev_uring_create", []*command{
		cmd("create", "bdev_uring_create", "filename:file name block_size:number? uuid?"),
		cmd("delete", "bdev_uring_delete", "name"),
	}, "bdev_uring_*", "bdev_uring_"},
	{"virtioblk_disk", "virtioblk disk", "bdev_virtio_attach_controller", virtioCommands("blk"), "bdev_virtio_blk_*", "bdev_virtio_blk_"},
	{"virtioscsi_disk", "virtio scsi disk", "bdev_virtio_scsi_get_devices", virtioCommands("scsi"), "bdev_virtio_scsi_*", "bdev_virtio_scsi_"},
	{"xnvme", "xnvme", "bdev_xnvme_create", []*command{
		cmd("create", "bdev_xnvme_create", "filename:file name io_mechanism conserve_cpu:bool?"),
		cmd("delete", "bdev_xnvme_delete", "name"),
	}, "bdev_xnvme_*", "bdev_xnvme_"},
	{"zone_block", "zone_block", "bdev_zone_block_create", []*command{
		cmd("create", "bdev_zone_block_create", "name base_bdev:bdev zone_capacity:number optimal_open_zones:number"),
		cmd("delete", "bdev_zone_block_delete", "name"),
	}, "bdev_zone_block_*", "bdev_zone_block_"},
}

func virtioCommands(kind string) []*command {
	return []*command{
		cmd("create", "bdev_virtio_attach_controller", "dev_type=="+kind+" name trtype traddr vq_count:number? vq_size:number?"),
		cmd("delete", "bdev_virtio_detach_controller", "name"),
	}
}

// ofAllDevices are methods about any block device. They are commands of /bdevs.
const ofAllDevices = "bdev_get_iostat bdev_reset_iostat bdev_set_qos_limit bdev_set_qd_sampling_period bdev_enable_histogram" +
	" bdev_get_histogram bdev_examine bdev_wait_for_examine bdev_set_options bdev_get_bdevs"

// bdevsNode makes /bdevs.
func bdevsNode() *node {
	return &node{name: "bdevs", more: ofAllDevices, prefix: "bdev_", fill: func(ctx context.Context, v *view, n *node) error {
		devices, err := v.list(ctx, "bdev_get_bdevs")
		if err != nil {
			return err
		}
		left := slices.Clone(devices)
		for _, m := range modules {
			mine := func(o object) bool { return strings.Contains(strings.ToLower(o.text("product_name")), m.product) }
			if has := v.methods[m.needs]; !has && (m.needs != "" || !slices.ContainsFunc(devices, mine)) {
				continue
			}
			left = slices.DeleteFunc(left, mine)
			n.add(m.node(devices, mine))
		}
		if len(left) > 0 { // of modules that nobody here knows
			n.add(module{name: "other"}.node(left, func(object) bool { return true }))
		}
		return nil
	}}
}

// node makes the node of a module with its devices.
func (m module) node(devices []object, mine func(object) bool) *node {
	n := &node{name: m.name, commands: append(slices.Clone(m.commands), iostat), more: m.more, prefix: m.prefix}
	n.fill = func(ctx context.Context, v *view, n *node) error {
		if m.name == "virtioscsi_disk" {
			return fillVirtioSCSI(ctx, v, n, devices)
		}
		for _, o := range devices {
			if mine(o) {
				d := n.add(deviceNode(o))
				d.removal = m.removal(o)
			}
		}
		n.summary = fmt.Sprintf("Bdevs: %d", len(n.children))
		return nil
	}
	return n
}

// removal says what delete is given for a device: its name, or, where it is
// a namespace, the controller's.
func (m module) removal(o object) map[string]string {
	name := o.text("name")
	if i := strings.LastIndexByte(name, 'n'); m.name == "nvme" && i > 0 {
		name = name[:i]
	}
	return map[string]string{"name": name}
}

func deviceNode(o object) *node {
	parts := o.texts("aliases")
	if len(parts) > 1 {
		parts = parts[:1]
	}
	claim := "Not claimed"
	if o.yes("claimed") {
		claim = "Claimed"
	}
	parts = append(parts, "Size="+size(o.number("block_size")*o.number("num_blocks")), claim)
	return &node{name: o.text("name"), summary: strings.Join(parts, ", "), healthy: true, details: o.raw}
}

// fillVirtioSCSI adds controllers with their devices.
func fillVirtioSCSI(ctx context.Context, v *view, n *node, devices []object) error {
	controllers, err := v.list(ctx, "bdev_virtio_scsi_get_devices")
	if err != nil {
		return err
	}
	for _, o := range controllers {
		name, virtio := o.text("name"), o.object("virtio")
		c := n.add(&node{name: name, healthy: true, details: o.raw, removal: map[string]string{"name": name}})
		if c.summary = virtio.text("pci_address"); c.summary == "" {
			c.summary = virtio.text("socket")
		}
		for _, d := range devices {
			if strings.Contains(strings.ToLower(d.text("product_name")), "virtio scsi disk") && strings.HasPrefix(d.text("name"), name) {
				c.add(deviceNode(d))
			}
		}
	}
	n.summary = fmt.Sprintf("Bdevs: %d", len(n.children))
	return nil
}

// lvolStoresNode makes /lvol_stores.
func lvolStoresNode() *node {
	return &node{
		name: "lvol_stores",
		commands: []*command{
			cmd("create", "bdev_lvol_create_lvstore", "name=lvs_name bdev_name:bdev cluster_size=cluster_sz:number?"),
			cmd("delete", "bdev_lvol_delete_lvstore", "name=lvs_name? uuid?"),
		},
		more: "bdev_lvol_*lvstore*", prefix: "bdev_lvol_",
		fill: func(ctx context.Context, v *view, n *node) error {
			stores, err := v.list(ctx, "bdev_lvol_get_lvstores")
			if err != nil {
				return err
			}
			for _, o := range stores {
				cluster := o.number("cluster_size")
				n.add(&node{
					name: o.text("name"), healthy: true, details: o.raw,
					summary: fmt.Sprintf("Size=%s, Free=%s", size(o.number("total_data_clusters")*cluster), size(o.number("free_clusters")*cluster)),
					removal: map[string]string{"uuid": o.text("uuid")},
				})
			}
			n.summary = fmt.Sprintf("Lvol stores: %d", len(n.children))
			return nil
		},
	}
}

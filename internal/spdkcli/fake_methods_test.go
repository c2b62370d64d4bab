// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import "github.com/google/uuid"

type named struct {
	Name string `json:"name" rpc:"required"`
}

type tagged struct {
	Tag int32 `json:"tag" rpc:"required"`
}

func registerBlock(f *fake) {
	note[struct {
		Name      string     `json:"name,omitempty" doc:"name of the device"`
		NumBlocks uint64     `json:"num_blocks" rpc:"required"`
		BlockSize uint32     `json:"block_size" rpc:"required" doc:"bytes a block"`
		UUID      *uuid.UUID `json:"uuid,omitempty"`
		MdSize    uint32     `json:"md_size,omitempty"`
	}](f, "bdev_malloc_create", `"Malloc0"`, true)
	note[named](f, "bdev_malloc_delete", "true", true)
	note[struct {
		LvolName      string     `json:"lvol_name" rpc:"required"`
		Size          uint64     `json:"size_in_mib" rpc:"required"`
		Thin          bool       `json:"thin_provision,omitempty"`
		UUID          *uuid.UUID `json:"uuid,omitempty"`
		LvsName       string     `json:"lvs_name,omitempty"`
		ClearMethod   string     `json:"clear_method,omitempty" enum:"none,unmap,write_zeroes"`
		Unimportant   float64    `json:"weight,omitempty"`
		NumbersToTest []int      `json:"cores,omitempty"`
	}](f, "bdev_lvol_create", `"a1b2"`, true)
	note[named](f, "bdev_lvol_delete", "true", true)
	note[struct {
		Name string `json:"name" rpc:"required"`
		Size uint64 `json:"size_in_mib" rpc:"required"`
	}](f, "bdev_lvol_resize", "true", true)
	note[struct {
		BdevName string `json:"bdev_name" rpc:"required"`
		LvsName  string `json:"lvs_name" rpc:"required"`
		Cluster  uint32 `json:"cluster_sz,omitempty"`
	}](f, "bdev_lvol_create_lvstore", `"uuid"`, true)
	note[struct {
		UUID    *uuid.UUID `json:"uuid,omitempty"`
		LvsName string     `json:"lvs_name,omitempty"`
	}](f, "bdev_lvol_delete_lvstore", "true", true)
	note[struct {
		OldName string `json:"old_name" rpc:"required"`
		NewName string `json:"new_name" rpc:"required"`
	}](f, "bdev_lvol_rename_lvstore", "true", true)
	note[struct {
		Name string `json:"name" rpc:"required"`
		fabricAddress
		Subnqn string `json:"subnqn,omitempty"`
	}](f, "bdev_nvme_attach_controller", `["Nvme0n1"]`, true)
	note[named](f, "bdev_nvme_detach_controller", "true", true)
	note[named](f, "bdev_nvme_reset_controller", "true", true)
	note[struct {
		Name    string `json:"name" rpc:"required"`
		Trtype  string `json:"trtype" rpc:"required"`
		Traddr  string `json:"traddr" rpc:"required"`
		DevType string `json:"dev_type" rpc:"required"`
		VqCount uint32 `json:"vq_count,omitempty"`
		VqSize  uint32 `json:"vq_size,omitempty"`
	}](f, "bdev_virtio_attach_controller", `["Virtio0t0"]`, true)
	note[named](f, "bdev_virtio_detach_controller", "true", true)
}

func registerNVMf(f *fake) {
	type listener struct {
		NQN     string        `json:"nqn" rpc:"required"`
		Address fabricAddress `json:"listen_address" rpc:"required"`
	}
	type referral struct {
		Address fabricAddress `json:"address" rpc:"required"`
		Secure  bool          `json:"secure_channel,omitempty"`
		Subnqn  string        `json:"subnqn,omitempty"`
	}
	type host struct {
		NQN  string `json:"nqn" rpc:"required"`
		Host string `json:"host" rpc:"required"`
	}
	note[struct {
		Trtype string `json:"trtype" rpc:"required"`
		Depth  uint16 `json:"max_queue_depth,omitempty"`
		QPairs uint16 `json:"max_io_qpairs_per_ctrlr,omitempty"`
		Unit   uint32 `json:"io_unit_size,omitempty"`
		Zcopy  bool   `json:"zcopy,omitempty"`
	}](f, "nvmf_create_transport", "true", true)
	note[struct {
		NQN    string `json:"nqn" rpc:"required"`
		Serial string `json:"serial_number,omitempty"`
		Max    uint32 `json:"max_namespaces,omitempty"`
		Any    bool   `json:"allow_any_host,omitempty"`
	}](f, "nvmf_create_subsystem", "true", true)
	note[struct {
		NQN string `json:"nqn" rpc:"required"`
	}](f, "nvmf_delete_subsystem", "true", true)
	note[struct {
		NQN string `json:"nqn" rpc:"required"`
		Any bool   `json:"allow_any_host"`
	}](f, "nvmf_subsystem_allow_any_host", "true", true)
	note[listener](f, "nvmf_subsystem_add_listener", "true", true)
	note[listener](f, "nvmf_subsystem_remove_listener", "true", true)
	note[host](f, "nvmf_subsystem_add_host", "true", true)
	note[host](f, "nvmf_subsystem_remove_host", "true", true)
	note[struct {
		NQN       string `json:"nqn" rpc:"required"`
		Namespace struct {
			NSID  uint32 `json:"nsid,omitempty"`
			Name  string `json:"bdev_name" rpc:"required"`
			NGUID string `json:"nguid,omitempty"`
			UUID  string `json:"uuid,omitempty"`
		} `json:"namespace" rpc:"required"`
	}](f, "nvmf_subsystem_add_ns", "1", true)
	note[struct {
		NQN  string `json:"nqn" rpc:"required"`
		NSID uint32 `json:"nsid" rpc:"required"`
	}](f, "nvmf_subsystem_remove_ns", "true", true)
	note[referral](f, "nvmf_discovery_add_referral", "true", true)
	note[referral](f, "nvmf_discovery_remove_referral", "true", true)
}

func registerISCSI(f *fake) {
	type portal struct {
		Host string `json:"host" rpc:"required"`
		Port string `json:"port" rpc:"required"`
	}
	type pair struct {
		Pg int32 `json:"pg_tag" rpc:"required"`
		Ig int32 `json:"ig_tag" rpc:"required"`
	}
	type lun struct {
		Name string `json:"bdev_name" rpc:"required"`
		ID   int32  `json:"lun_id" rpc:"required"`
	}
	type auth struct {
		Group   int32 `json:"chap_group,omitempty"`
		Disable bool  `json:"disable_chap,omitempty"`
		Require bool  `json:"require_chap,omitempty"`
		Mutual  bool  `json:"mutual_chap,omitempty"`
	}
	type credentials struct {
		User    string `json:"user" rpc:"required"`
		Secret  string `json:"secret" rpc:"required" secret:"true"`
		Muser   string `json:"muser,omitempty"`
		Msecret string `json:"msecret,omitempty" secret:"true"`
	}
	type initiators struct {
		Tag        int32    `json:"tag" rpc:"required"`
		Initiators []string `json:"initiators,omitempty"`
		Netmasks   []string `json:"netmasks,omitempty"`
	}
	type mappings struct {
		Name  string `json:"name" rpc:"required"`
		Pairs []pair `json:"pg_ig_maps" rpc:"required"`
	}
	note[struct {
		Tag     int32    `json:"tag" rpc:"required"`
		Portals []portal `json:"portals" rpc:"required"`
	}](f, "iscsi_create_portal_group", "true", true)
	note[tagged](f, "iscsi_delete_portal_group", "true", true)
	note[initiators](f, "iscsi_create_initiator_group", "true", true)
	note[tagged](f, "iscsi_delete_initiator_group", "true", true)
	note[initiators](f, "iscsi_initiator_group_add_initiators", "true", true)
	note[initiators](f, "iscsi_initiator_group_remove_initiators", "true", true)
	note[struct {
		Tag     int32         `json:"tag" rpc:"required"`
		Secrets []credentials `json:"secrets,omitempty"`
	}](f, "iscsi_create_auth_group", "true", true)
	note[tagged](f, "iscsi_delete_auth_group", "true", true)
	note[struct {
		Tag int32 `json:"tag" rpc:"required"`
		credentials
	}](f, "iscsi_auth_group_add_secret", "true", true)
	note[struct {
		Tag  int32  `json:"tag" rpc:"required"`
		User string `json:"user" rpc:"required"`
	}](f, "iscsi_auth_group_remove_secret", "true", true)
	note[auth](f, "iscsi_set_discovery_auth", "true", true)
	note[struct {
		Name  string `json:"name" rpc:"required"`
		Alias string `json:"alias_name" rpc:"required"`
		LUNs  []lun  `json:"luns" rpc:"required"`
		Pairs []pair `json:"pg_ig_maps" rpc:"required"`
		Depth int32  `json:"queue_depth" rpc:"required"`
		auth
		Header bool `json:"header_digest,omitempty"`
		Data   bool `json:"data_digest,omitempty"`
	}](f, "iscsi_create_target_node", "true", true)
	note[named](f, "iscsi_delete_target_node", "true", true)
	note[struct {
		Name string `json:"name" rpc:"required"`
		Bdev string `json:"bdev_name" rpc:"required"`
		LUN  *int32 `json:"lun_id,omitempty"`
	}](f, "iscsi_target_node_add_lun", "true", true)
	note[struct {
		Name string `json:"name" rpc:"required"`
		auth
	}](f, "iscsi_target_node_set_auth", "true", true)
	note[mappings](f, "iscsi_target_node_add_pg_ig_maps", "true", true)
	note[mappings](f, "iscsi_target_node_remove_pg_ig_maps", "true", true)
}

func registerVhost(f *fake) {
	type controller struct {
		Ctrlr string `json:"ctrlr" rpc:"required"`
	}
	note[struct {
		Ctrlr    string `json:"ctrlr" rpc:"required"`
		Dev      string `json:"dev_name" rpc:"required"`
		CPUMask  string `json:"cpumask,omitempty"`
		Readonly bool   `json:"readonly,omitempty"`
	}](f, "vhost_create_blk_controller", "true", true)
	note[struct {
		Ctrlr   string `json:"ctrlr" rpc:"required"`
		Delay   bool   `json:"delay,omitempty"`
		CPUMask string `json:"cpumask,omitempty"`
	}](f, "vhost_create_scsi_controller", "true", true)
	note[controller](f, "vhost_delete_controller", "true", true)
	note[controller](f, "vhost_start_scsi_controller", "true", true)
	note[struct {
		Ctrlr  string `json:"ctrlr" rpc:"required"`
		Target int32  `json:"scsi_target_num"`
		Bdev   string `json:"bdev_name" rpc:"required"`
	}](f, "vhost_scsi_controller_add_target", "0", true)
	note[struct {
		Ctrlr  string `json:"ctrlr" rpc:"required"`
		Target int32  `json:"scsi_target_num"`
	}](f, "vhost_scsi_controller_remove_target", "true", true)
	note[struct {
		Ctrlr string `json:"ctrlr" rpc:"required"`
		Delay uint32 `json:"delay_base_us"`
		IOPS  uint32 `json:"iops_threshold"`
	}](f, "vhost_controller_set_coalescing", "true", true)
}

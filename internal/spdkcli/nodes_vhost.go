// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"fmt"
	"strings"
)

// vhostNode makes /vhost.
func vhostNode() *node {
	return &node{name: "vhost", fill: func(_ context.Context, v *view, n *node) error {
		if v.has("vhost_create_blk_controller") {
			n.add(vhostKind("block", "vhost_create_blk_controller", "name=ctrlr bdev=dev_name:bdev cpumask? readonly:bool?", blkController))
		}
		if v.has("vhost_create_scsi_controller") {
			n.add(vhostKind("scsi", "vhost_create_scsi_controller", "name=ctrlr delay:bool? cpumask?", scsiController))
		}
		return nil
	}}
}

// vhostKind makes the folder of the controllers whose backend has that name.
func vhostKind(name, create, spec string, finish func(c *node, backend object, o object)) *node {
	return &node{
		name:     name,
		commands: []*command{cmd("create", create, spec), cmd("delete", "vhost_delete_controller", "name=ctrlr")},
		fill: func(ctx context.Context, v *view, n *node) error {
			controllers, err := v.list(ctx, "vhost_get_controllers")
			for _, o := range controllers {
				backend := o.object("backend_specific")
				if !backend.has(name) {
					continue
				}
				ctrlr := o.text("ctrlr")
				c := n.add(&node{
					name: ctrlr, summary: o.text("socket"), healthy: true, details: o.raw,
					context: map[string]any{"ctrlr": ctrlr}, removal: map[string]string{"name": ctrlr},
					commands: []*command{cmd("set_coalescing", "vhost_controller_set_coalescing", "@ctrlr delay_base_us:number iops_threshold:number")},
				})
				finish(c, backend, o)
			}
			return err
		},
	}
}

func blkController(c *node, backend, _ object) {
	block := backend.object("block")
	if block.yes("readonly") {
		c.summary = strings.TrimPrefix(c.summary+", Readonly", ", ")
	}
	if name := block.text("bdev"); name != "" {
		c.add(&node{name: name})
	}
}

func scsiController(c *node, backend, _ object) {
	c.commands = append(c.commands,
		cmd("start", "vhost_start_scsi_controller", "name=ctrlr"),
		cmd("add_lun", "vhost_scsi_controller_add_target", "@ctrlr target_num=scsi_target_num:number bdev_name:bdev"),
		cmd("remove_target", "vhost_scsi_controller_remove_target", "@ctrlr target_num=scsi_target_num:number"),
	)
	for _, t := range backend.list("scsi") {
		luns := t.list("luns")
		n := c.add(&node{
			// configshell had no paths with spaces.
			name:    strings.ReplaceAll(t.text("target_name"), " ", "_"),
			summary: fmt.Sprintf("LUNs: %d,TargetID: %s", len(luns), t.text("scsi_dev_num")), healthy: true, details: t.raw,
		})
		for _, l := range luns {
			n.add(&node{name: l.text("bdev_name")})
		}
	}
}

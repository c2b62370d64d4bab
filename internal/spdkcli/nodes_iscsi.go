// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The authentication options of spdkcli.
const chap = "g=chap_group:number? d=disable_chap:bool? r=require_chap:bool? m=mutual_chap:bool?"

// folder is a node whose children come from one method.
type folder struct {
	name     string
	method   string
	counted  string // what the summary calls the children
	commands []*command
	child    func(o object) *node
}

func (f folder) node() *node {
	return &node{name: f.name, commands: f.commands, fill: func(ctx context.Context, v *view, n *node) error {
		all, err := v.list(ctx, f.method)
		for _, o := range all {
			n.add(f.child(o))
		}
		n.summary = fmt.Sprintf("%s: %d", f.counted, len(n.children))
		return err
	}}
}

// iscsiFolders lists what is below /iscsi, besides global_params and
// target_nodes.
var iscsiFolders = []folder{
	{"portal_groups", "iscsi_get_portal_groups", "Portal groups", []*command{
		cmd("create", "iscsi_create_portal_group", "tag:number portal_list=portals:portals"),
		cmd("delete", "iscsi_delete_portal_group", "tag:number"),
	}, portalGroup},
	{"initiator_groups", "iscsi_get_initiator_groups", "Initiator groups", []*command{
		cmd("create", "iscsi_create_initiator_group", "tag:number initiator_list=initiators:list netmask_list=netmasks:list"),
		cmd("delete", "iscsi_delete_initiator_group", "tag:number"),
		cmd("add_initiator", "iscsi_initiator_group_add_initiators", "tag:number initiators:list netmasks:list"),
		cmd("delete_initiator", "iscsi_initiator_group_remove_initiators", "tag:number initiators:list? netmasks:list?"),
	}, initiatorGroup},
	{"iscsi_connections", "iscsi_get_connections", "Connections", nil, connection},
	{"auth_groups", "iscsi_get_auth_groups", "Groups", []*command{
		cmd("create", "iscsi_create_auth_group", "tag:number secrets:secrets?"),
		cmd("delete", "iscsi_delete_auth_group", "tag:number"),
		cmd("add_secret", "iscsi_auth_group_add_secret", "tag:number user secret:secret muser? msecret:secret?"),
		cmd("delete_secret", "iscsi_auth_group_remove_secret", "tag:number user"),
		{name: "delete_secret_all", params: []param{paramOf("tag:number")}, run: deleteSecrets, needs: "iscsi_auth_group_remove_secret", doc: "Deletes all secrets of an authentication group."},
	}, authGroup},
}

// iscsiNode makes /iscsi.
func iscsiNode() *node {
	return &node{name: "iscsi", fill: func(_ context.Context, v *view, n *node) error {
		for _, f := range iscsiFolders {
			if v.has(f.method) {
				n.add(f.node())
			}
		}
		if v.has("iscsi_get_options") {
			n.add(globalParams())
		}
		if v.has("iscsi_get_target_nodes") {
			n.add(targetNodes())
		}
		return nil
	}}
}

func portalGroup(o object) *node {
	n := &node{name: "portal_group" + o.text("tag"), details: o.raw, removal: map[string]string{"tag": o.text("tag")}}
	for _, p := range o.list("portals") {
		n.add(&node{name: fmt.Sprintf("host=%s, port=%s", p.text("host"), p.text("port"))})
	}
	n.summary = fmt.Sprintf("Portals: %d", len(n.children))
	return n
}

func initiatorGroup(o object) *node {
	n := &node{name: "initiator_group" + o.text("tag"), details: o.raw, removal: map[string]string{"tag": o.text("tag")}}
	masks := o.texts("netmasks")
	for i, name := range o.texts("initiators") {
		if i < len(masks) {
			n.add(&node{name: fmt.Sprintf("hostname=%s, netmask=%s", name, masks[i])})
		}
	}
	n.summary = fmt.Sprintf("Initiators: %d", len(o.texts("initiators")))
	return n
}

func connection(o object) *node {
	n := &node{name: o.text("id"), details: o.raw}
	for _, key := range sortedKeys(o.fields) {
		if key != "id" {
			n.add(&node{name: key + ": " + o.text(key)})
		}
	}
	return n
}

func authGroup(o object) *node {
	n := &node{name: "group" + o.text("tag"), removal: map[string]string{"tag": o.text("tag")}}
	for _, s := range o.list("secrets") {
		var parts []string
		for _, key := range sortedKeys(s.fields) {
			parts = append(parts, key+"="+s.text(key))
		}
		slices.Reverse(parts)
		n.add(&node{name: strings.Join(parts, ", "), context: map[string]any{"user": s.text("user")}})
	}
	n.summary = fmt.Sprintf("Secrets: %d", len(n.children))
	return n
}

func sortedKeys(m map[string]any) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func globalParams() *node {
	return &node{
		name:     "global_params",
		commands: []*command{cmd("set_auth", "iscsi_set_discovery_auth", chap)},
		fill: func(ctx context.Context, v *view, n *node) error {
			raw, err := v.get(ctx, "iscsi_get_options")
			if err != nil {
				return err
			}
			all, err := objects("iscsi_get_options", slices.Concat(json.RawMessage("["), raw, json.RawMessage("]")))
			if err != nil {
				return err
			}
			for _, key := range sortedKeys(all[0].fields) {
				n.add(&node{name: key + ": " + all[0].text(key)})
			}
			return nil
		},
	}
}

func targetNodes() *node {
	return &node{
		name: "target_nodes",
		commands: []*command{
			cmd("create", "iscsi_create_target_node", "name alias_name bdev_name_id_pairs=luns:luns pg_ig_mappings=pg_ig_maps:maps queue_depth:number "+
				chap+" h=header_digest:bool? t=data_digest:bool?"),
			cmd("delete", "iscsi_delete_target_node", "name"),
			cmd("add_lun", "iscsi_target_node_add_lun", "name bdev_name:bdev lun_id:number?"),
		},
		fill: func(ctx context.Context, v *view, n *node) error {
			targets, err := v.list(ctx, "iscsi_get_target_nodes")
			if err != nil {
				return err
			}
			devices, err := v.list(ctx, "scsi_get_devices")
			for _, o := range targets {
				id := "None"
				if i := slices.IndexFunc(devices, func(d object) bool { return d.text("device_name") == o.text("name") }); i >= 0 {
					id = devices[i].text("id")
				}
				n.add(targetNode(o, id))
			}
			n.summary = fmt.Sprintf("Target nodes: %d", len(n.children))
			return err
		},
	}
}

func targetNode(o object, id string) *node {
	name := o.text("name")
	n := &node{
		name: name, summary: fmt.Sprintf("Id: %s, QueueDepth: %s", id, o.text("queue_depth")), details: o.raw,
		context: map[string]any{"name": name}, removal: map[string]string{"name": name},
		commands: []*command{
			cmd("set_auth", "iscsi_target_node_set_auth", "@name "+chap),
			cmd("iscsi_target_node_add_pg_ig_maps", "iscsi_target_node_add_pg_ig_maps", "@name pg_ig_mappings=pg_ig_maps:maps"),
			cmd("iscsi_target_node_remove_pg_ig_maps", "iscsi_target_node_remove_pg_ig_maps", "@name pg_ig_mappings=pg_ig_maps:maps"),
		},
	}
	n.add(&node{name: "auths", summary: fmt.Sprintf("disable_chap: %s, require_chap: %s, mutual_chap: %s, chap_group: %s",
		o.text("disable_chap"), o.text("require_chap"), o.text("mutual_chap"), o.text("chap_group"))})
	luns := n.add(&node{name: "luns"})
	for _, l := range o.list("luns") {
		luns.add(&node{name: "lun " + l.text("lun_id"), summary: l.text("bdev_name")})
	}
	luns.summary = fmt.Sprintf("Luns: %d", len(luns.children))
	groups := n.add(&node{name: "pg_ig_maps"})
	for _, m := range o.list("pg_ig_maps") {
		groups.add(&node{name: fmt.Sprintf("portal_group%s - initiator_group%s", m.text("pg_tag"), m.text("ig_tag"))})
	}
	groups.summary = fmt.Sprintf("Pg_ig_maps: %d", len(groups.children))
	return n
}

// deleteSecrets deletes the secrets of a group one by one: there is no method
// for all.
func deleteSecrets(ctx context.Context, x *execution) error {
	groups, err := x.view.list(ctx, "iscsi_get_auth_groups")
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.text("tag") != fmt.Sprint(x.bound.values["tag"]) {
			continue
		}
		for _, s := range g.list("secrets") {
			params := map[string]any{"tag": x.bound.values["tag"], "user": s.text("user")}
			if err := x.call(ctx, "iscsi_auth_group_remove_secret", params); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("tag %v: there is no authentication group of that tag; ls shows those there are", x.bound.values["tag"])
}

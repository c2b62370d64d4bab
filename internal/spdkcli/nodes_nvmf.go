// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"fmt"
	"strings"
)

// The address of a listener, as commands take it.
const listenAddress = "trtype=listen_address.trtype traddr=listen_address.traddr trsvcid=listen_address.trsvcid"

// nvmfNode makes /nvmf.
func nvmfNode() *node {
	return &node{name: "nvmf", fill: func(_ context.Context, v *view, n *node) error {
		if v.has("nvmf_discovery_get_referrals") {
			n.add(referralsNode())
		}
		if v.has("nvmf_get_subsystems") {
			n.add(subsystemsNode())
		}
		if v.has("nvmf_get_transports") {
			n.add(transportsNode())
		}
		return nil
	}}
}

func transportsNode() *node {
	return &node{
		name: "transport",
		commands: []*command{cmd("create", "nvmf_create_transport", "trtype max_queue_depth:number? max_io_qpairs_per_ctrlr:number?"+
			" in_capsule_data_size:number? max_io_size:number? io_unit_size:number? max_aq_depth:number?")},
		fill: func(ctx context.Context, v *view, n *node) error {
			transports, err := v.list(ctx, "nvmf_get_transports")
			for _, o := range transports {
				n.add(&node{name: o.text("trtype"), details: o.raw})
			}
			n.summary = fmt.Sprintf("Transports: %d", len(n.children))
			return err
		},
	}
}

func subsystemsNode() *node {
	return &node{
		name: "subsystem",
		commands: []*command{
			cmd("create", "nvmf_create_subsystem", "nqn serial_number? max_namespaces:number? allow_any_host:bool?"),
			cmd("delete", "nvmf_delete_subsystem", "subsystem_nqn=nqn"),
		},
		fill: func(ctx context.Context, v *view, n *node) error {
			subsystems, err := v.list(ctx, "nvmf_get_subsystems")
			for _, o := range subsystems {
				n.add(subsystemNode(o))
			}
			n.summary = fmt.Sprintf("Subsystems: %d", len(n.children))
			return err
		},
	}
}

func subsystemNode(o object) *node {
	nqn := o.text("nqn")
	var parts []string
	if o.has("serial_number") {
		parts = append(parts, "sn="+o.text("serial_number"))
	}
	if o.has("subtype") {
		parts = append(parts, "st="+o.text("subtype"))
	}
	if o.yes("allow_any_host") {
		parts = append(parts, "Allow any host")
	}
	n := &node{
		name: nqn, summary: strings.Join(parts, ", "), details: o.raw,
		context: map[string]any{"nqn": nqn}, removal: map[string]string{"subsystem_nqn": nqn},
		commands: []*command{cmd("allow_any_host", "nvmf_subsystem_allow_any_host", "@nqn disable=allow_any_host:not?")},
	}
	n.add(listenersNode(n, o))
	n.add(hostsNode(n, o))
	if o.has("namespaces") {
		n.add(namespacesNode(n, o))
	}
	return n
}

func listenersNode(subsystem *node, o object) *node {
	n := &node{name: "listen_addresses", context: subsystem.context, commands: []*command{
		cmd("create", "nvmf_subsystem_add_listener", "@nqn "+listenAddress+" adrfam=listen_address.adrfam"),
		cmd("delete", "nvmf_subsystem_remove_listener", "@nqn "+listenAddress+" adrfam=listen_address.adrfam?"),
	}}
	for _, a := range o.list("listen_addresses") {
		n.add(&node{name: a.text("traddr") + ":" + a.text("trsvcid"), summary: a.text("trtype"), healthy: true, details: a.raw, removal: address(a)})
	}
	n.summary = fmt.Sprintf("Addresses: %d", len(n.children))
	return n
}

// address returns the parts of an address that are there.
func address(a object) map[string]string {
	parts := map[string]string{}
	for _, name := range []string{"trtype", "traddr", "trsvcid", "adrfam"} {
		if s := a.text(name); s != "" {
			parts[name] = s
		}
	}
	return parts
}

func hostsNode(subsystem *node, o object) *node {
	n := &node{name: "hosts", context: subsystem.context, commands: []*command{
		cmd("create", "nvmf_subsystem_add_host", "@nqn host"),
		cmd("delete", "nvmf_subsystem_remove_host", "@nqn host"),
	}}
	for _, h := range o.list("hosts") {
		n.add(&node{name: h.text("nqn"), details: h.raw, removal: map[string]string{"host": h.text("nqn")}})
	}
	n.summary = fmt.Sprintf("Hosts: %d", len(n.children))
	return n
}

func namespacesNode(subsystem *node, o object) *node {
	n := &node{name: "namespaces", context: subsystem.context, commands: []*command{
		cmd("create", "nvmf_subsystem_add_ns", "@nqn bdev_name=namespace.bdev_name:bdev nsid=namespace.nsid:number?"+
			" nguid=namespace.nguid? eui64=namespace.eui64? uuid=namespace.uuid?"),
		cmd("delete", "nvmf_subsystem_remove_ns", "@nqn nsid:number"),
	}}
	for _, ns := range o.list("namespaces") {
		n.add(&node{
			name: ns.text("bdev_name"), summary: ns.text("name") + ", " + ns.text("nsid"), details: ns.raw,
			removal: map[string]string{"nsid": ns.text("nsid")},
		})
	}
	n.summary = fmt.Sprintf("Namespaces: %d", len(n.children))
	return n
}

func referralsNode() *node {
	const where = "trtype=address.trtype traddr=address.traddr trsvcid=address.trsvcid"
	return &node{
		name: "referral",
		commands: []*command{
			cmd("create", "nvmf_discovery_add_referral", where+" adrfam=address.adrfam secure_channel:bool? subnqn:nqn?"),
			cmd("delete", "nvmf_discovery_remove_referral", where+" adrfam=address.adrfam? subnqn:nqn?"),
		},
		fill: func(ctx context.Context, v *view, n *node) error {
			referrals, err := v.list(ctx, "nvmf_discovery_get_referrals")
			for _, o := range referrals {
				a := o.object("address")
				r := n.add(&node{name: a.text("traddr") + ":" + a.text("trsvcid"), summary: a.text("trtype"), details: o.raw, removal: address(a)})
				if o.yes("secure_channel") {
					r.summary += ", Secure channel"
				}
			}
			n.summary = fmt.Sprintf("Referrals: %d", len(n.children))
			return err
		},
	}
}

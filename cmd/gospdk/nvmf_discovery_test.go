// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	hosttcp "github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/rpc"
)

// TestNVMfReferrals makes the calls of SPDK's test/nvmf/target/referrals.sh.
func TestNVMfReferrals(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	at := func(traddr string) string {
		return `"address":{"trtype":"TCP","traddr":"` + traddr + `","trsvcid":"4430"}`
	}
	g.must("nvmf_discovery_add_referral", `{`+at("127.0.0.2")+`}`)
	g.must("nvmf_discovery_add_referral", `{`+at("127.0.0.3")+`,"subnqn":"nqn.2016-06.io.spdk:cnode1","secure_channel":true}`)
	g.must("nvmf_discovery_add_referral", `{`+at("127.0.0.2")+`,"subnqn":"nqn.2014-08.org.nvmexpress.discovery"}`) // is there
	const (
		first  = `{"address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.2","trsvcid":"4430"},"secure_channel":false,"subnqn":"nqn.2014-08.org.nvmexpress.discovery"}`
		second = `{"address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.3","trsvcid":"4430"},"secure_channel":true,"subnqn":"nqn.2016-06.io.spdk:cnode1"}`
	)
	if got, want := g.must("nvmf_discovery_get_referrals", `{}`), "["+second+","+first+"]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	saved := `{"method":"nvmf_discovery_add_referral","params":` + first + `},{"method":"nvmf_discovery_add_referral","params":` + second + `}`
	if got := g.must("framework_get_config", `{"name":"nvmf"}`); !strings.Contains(got, saved) {
		t.Errorf("%s, want %s", got, saved)
	}
	for _, c := range []struct {
		params string
		code   int
		words  string
	}{
		{`{` + at("127.0.0.3") + `}`, rpc.InternalError, "Unable to remove a referral."},
		{`{"address":{"trtype":"TCP","traddr":"127.0.0.3"}}`, rpc.InternalError, "Service ID is required."},
		{`{` + at("127.0.0.3") + `,"subnqn":"` + strings.Repeat("n", 224) + `"}`, rpc.InvalidParams, "Invalid subsystem NQN"},
		{`{"address":{"trtype":"FOO","traddr":"1"}}`, rpc.InvalidParams, "Invalid parameters: address"},
		{`{` + at("127.0.0.2") + `,"tgt_name":"x"}`, rpc.InternalError, "Unable to find a target."},
	} {
		g.refused("nvmf_discovery_remove_referral", c.params, c.code, c.words)
	}
	g.must("nvmf_discovery_remove_referral", `{`+at("127.0.0.2")+`}`)
	g.must("nvmf_discovery_remove_referral", `{`+at("127.0.0.3")+`,"subnqn":"nqn.2016-06.io.spdk:cnode1"}`)
	if got := g.must("nvmf_discovery_get_referrals", `{}`); got != "[]" {
		t.Errorf("%s is left", got)
	}
}

// TestNVMfDiscoveryOfOneHost has a host stay connected to the discovery
// subsystem, and lets it see a subsystem and not.
func TestNVMfDiscoveryOfOneHost(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	const hostNQN = "nqn.2016-06.io.spdk:host1"
	g.must("nvmf_create_transport", `{"trtype":"TCP"}`)
	for _, node := range []string{node1, node2} {
		g.must("nvmf_create_subsystem", `{"nqn":"`+node+`"}`)
	}
	const traddr = "127.0.0.71"
	listen := func(node, port string) string {
		return `{"nqn":"` + node + `","listen_address":{"trtype":"TCP","traddr":"` + traddr + `","trsvcid":"` + port + `"}}`
	}
	g.must("nvmf_subsystem_add_listener", listen(nvme.DiscoveryNQN, "8009"))
	g.must("nvmf_subsystem_add_listener", listen(node1, "4420"))
	g.must("nvmf_subsystem_add_listener", listen(node2, "4420"))

	seen := make(chan string, 16)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	id := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: traddr, Trsvcid: "8009", HostNQN: hostNQN}
	go func() {
		ended <- host.WatchDiscovery(ctx, hosttcp.Transport{}, id, host.Options{}, func(d *host.Discovery, err error) {
			if err != nil {
				seen <- err.Error()
				return
			}
			var names []string
			for _, s := range d.Subsystems() {
				names = append(names, s.Subnqn)
			}
			seen <- strings.Join(names, " ")
		})
	}()
	next := func(what, want string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("%s: the host sees %q, want %q", what, got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%s: the host was not told", what)
		}
	}
	next("not allowed", "")
	const asked = `,"host":"` + hostNQN + `"}`
	g.must("nvmf_subsystem_add_host", `{@2@,"host":"nqn.2016-06.io.spdk:host2"}`) // no event for this one
	g.must("nvmf_subsystem_add_host", `{@1@`+asked)
	next("allowed", node1)
	g.must("nvmf_subsystem_allow_any_host", `{@2@,"allow_any_host":true}`)
	next("any host is", node1+" "+node2)
	g.must("nvmf_subsystem_remove_host", `{@1@`+asked)
	next("not allowed any more", node2)
	g.must("nvmf_subsystem_remove_listener", listen(node2, "4420"))
	next("the listener went", "")
	cancel()
	<-ended
}

// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
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

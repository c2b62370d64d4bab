// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// anaOf reads the log as the host of i sees it: states by group.
func (i *initiator) anaOf() (changes uint64, groups []nvme.ANAGroup) {
	i.t.Helper()
	buf := make([]byte, 4096)
	if err := i.c.GetLogPage(context.Background(), uint8(nvme.LogANA), nvme.NSIDBroadcast, buf, 0); err != nil {
		i.t.Fatal(err)
	}
	changes, groups, err := nvme.ParseANALog(buf)
	if err != nil {
		i.t.Fatal(err)
	}
	return changes, groups
}

// refused checks that I/O ends with a path error that allows a retry by
// another path.
func (i *initiator) refused(nsid uint32) {
	i.t.Helper()
	if err := i.check(nsid); err == nil || !i.req.Status().Is(nvme.StatusANAInaccessible) {
		i.t.Errorf("namespace %d by an inaccessible path: %v, %#x", nsid, err, uint16(i.req.Status()))
	}
}

// TestNVMfANA has two hosts, at a listener each, and changes how they reach
// the namespaces.
func TestNVMfANA(t *testing.T) {
	g := newNVMfRig(t, app.Config{})
	g.must("nvmf_create_transport", `{"trtype":"VFIOUSER"}`)
	g.must("nvmf_create_subsystem", `{@1@,"allow_any_host":true,"ana_reporting":true,"max_namespaces":4}`)
	for _, name := range []string{"Disk0", "Disk1"} {
		g.must("bdev_malloc_create", `{"name":"`+name+`","num_blocks":4096,"block_size":512}`)
		g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"`+name+`"}}`)
	}
	at := func(dir, more string) string { return strings.TrimSuffix(listenAt(node1, dir), "}") + more + "}" }
	g.must("nvmf_subsystem_add_listener", listenAt(node1, "a"))
	g.must("nvmf_subsystem_add_listener", at("b", `,"ana_state":"non_optimized"`))
	first, second := g.mustConnect("a"), g.mustConnect("b")
	id := first.c.Identify()
	if id.CMIC&nvme.CMICANAReporting == 0 || id.ANAGRPMAX != 4 || id.NANAGRPID != 4 || id.ANATT == 0 {
		t.Errorf("CMIC %#x, ANAGRPMAX %d, NANAGRPID %d, ANATT %d", id.CMIC, id.ANAGRPMAX, id.NANAGRPID, id.ANATT)
	}
	if n := first.c.Namespace(2).Data().ANAGRPID; n != 2 {
		t.Errorf("namespace 2 is in group %d", n)
	}
	want := func(i *initiator, states ...nvme.ANAState) uint64 {
		t.Helper()
		changes, groups := i.anaOf()
		for n, g := range groups {
			if n >= len(states) || g.State != states[n] || len(g.NSIDs) == 0 {
				t.Errorf("groups %+v, want states %v", groups, states)
			}
		}
		return changes
	}
	want(first, nvme.ANAOptimized, nvme.ANAOptimized)
	want(second, nvme.ANANonOptimized, nvme.ANANonOptimized)
	for _, i := range []*initiator{first, second} {
		if err := i.check(2); err != nil {
			t.Error(err)
		}
	}

	events := 0
	first.c.OnEvent(func(host.Event) { events++ })
	g.must("nvmf_subsystem_listener_set_ana_state", at("a", `,"ana_state":"inaccessible","anagrpid":2`))
	g.eventually("the host is told", func() bool { _, _ = first.c.ProcessAdminCompletions(); return events > 0 })
	if n := want(first, nvme.ANAOptimized, nvme.ANAInaccessible); n != 1 {
		t.Errorf("%d changes", n)
	}
	first.refused(2)
	if err := first.check(1); err != nil {
		t.Errorf("the other group: %v", err)
	}
	if err := second.check(2); err != nil {
		t.Errorf("the other path: %v", err)
	}
	g.must("nvmf_subsystem_set_ns_ana_group", `{@1@,"nsid":1,"anagrpid":2}`)
	first.refused(1)
	_, groups := first.anaOf()
	if len(groups) != 1 || groups[0].ID != 2 || len(groups[0].NSIDs) != 2 {
		t.Errorf("groups %+v", groups)
	}
	entry := `{"ana_group":1,"ana_state":"optimized"},{"ana_group":2,"ana_state":"inaccessible"},{"ana_group":3,"ana_state":"optimized"}`
	if s := g.must("nvmf_subsystem_get_listeners", `{@1@}`); !strings.Contains(s, `"ana_states":[`+entry) {
		t.Errorf("the listeners are %s", s)
	}
	for _, word := range []string{`"ana_reporting":true`, `"anagrpid":2`} {
		if s := g.must("framework_get_config", `{"name":"nvmf"}`); !strings.Contains(s, word) || !strings.Contains(s, "nvmf_subsystem_listener_set_ana_state") {
			t.Errorf("the configuration has no %s: %s", word, s)
		}
	}
	g.must("nvmf_subsystem_listener_set_ana_state", at("a", `,"ana_state":"optimized"`))
	for nsid := range uint32(2) {
		if err := first.check(nsid + 1); err != nil {
			t.Errorf("accessible again: %v", err)
		}
	}
	for params, word := range map[string]string{
		at("a", `,"ana_state":"optimized","anagrpid":5`): "ANA group 5: it must be 1 to 4",
		at("c", `,"ana_state":"optimized"`):              "does not listen",
		at("a", `,"ana_state":"lost"`):                   "ana_state",
	} {
		if _, err := g.call("nvmf_subsystem_listener_set_ana_state", params); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want %q", params, err, word)
		}
	}
	first.detach()
	second.detach()
}

// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/rpc"
)

// offlineView is a tree whose target answers every listing with the same.
func offlineView(about func(string) *rpc.Method, answer string) *view {
	v := &view{
		target: &target{}, methods: map[string]bool{}, about: about,
		order:   func(string) []string { return []string{"name", "total_size", "block_size"} },
		answers: map[string]json.RawMessage{},
		root:    rootNode(),
	}
	for _, c := range calls {
		method, _, _ := strings.Cut(c.call, " ")
		v.methods[method] = true
	}
	for _, method := range listing {
		v.methods[method], v.answers[method] = true, json.RawMessage(answer)
	}
	return v
}

// FuzzBind gives arbitrary arguments to all commands of a tree. What is taken
// is JSON.
func FuzzBind(f *testing.F) {
	registry := rpc.NewRegistry()
	fake := &fake{registry: registry}
	registerBlock(fake)
	registerNVMf(fake)
	registerISCSI(fake)
	registerVhost(fake)
	known := func(name string) *rpc.Method {
		m, _ := registry.Lookup(name)
		return m
	}
	for _, c := range calls {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		st, err := parse(line)
		if err != nil {
			return
		}
		for _, about := range []func(string) *rpc.Method{known, func(string) *rpc.Method { return nil }} {
			v := offlineView(about, `[{"name":"a","nqn":"b","listen_addresses":[],"hosts":[],"namespaces":[]}]`)
			tryCommands(t, v, v.root, st.args)
		}
	})
}

func tryCommands(t *testing.T, v *view, n *node, args []word) {
	t.Helper()
	if err := n.load(t.Context(), v); err != nil {
		return
	}
	for _, c := range v.commandsOf(n) {
		b, err := v.bind(c, args)
		if err != nil || c.method == "" {
			continue
		}
		params, err := b.request(n)
		if err != nil {
			t.Errorf("%s: %v", c.method, err)
		}
		if _, err := json.Marshal(params); err != nil {
			t.Errorf("%s: %v: %v", c.method, params, err)
		}
	}
	for _, child := range n.children {
		tryCommands(t, v, child, args)
	}
}

// FuzzAnswers draws what a target may answer.
func FuzzAnswers(f *testing.F) {
	f.Add(`[{"name":"a\u001b[2J","product_name":"Malloc disk","aliases":["x"],"block_size":512,"num_blocks":1e400}]`)
	f.Add(`[{"nqn":{},"hosts":[3,{}],"listen_addresses":{"a":1},"namespaces":[{"nsid":[]}],"tag":-1,"secrets":[{}]}]`)
	f.Add(`[{"ctrlr":null,"backend_specific":{"scsi":[{"luns":[{}]}],"block":7}}]`)
	f.Add(`{"a":[null]}`)
	f.Fuzz(func(t *testing.T, answer string) {
		if !json.Valid([]byte(answer)) {
			return // it would not get through the connection
		}
		var out strings.Builder
		v := offlineView(func(string) *rpc.Method { return nil }, answer)
		s := New(Options{Out: &out, Err: io.Discard})
		d := &drawing{ctx: t.Context(), view: v, shell: s}
		if err := d.draw(v.root); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if !strings.Contains(line, "o- ") || !strings.HasSuffix(line, "]\n") || strings.ContainsRune(line, '\x1b') {
				t.Fatalf("a line of the tree is %q", line)
			}
		}
		if _, err := json.Marshal(d.tree(v.root, 0)); err != nil {
			t.Fatal(err)
		}
	})
}

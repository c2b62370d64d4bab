// SPDX-License-Identifier: BSD-3-Clause

// Package rpcdoc writes what follows from the registered methods: the pages
// about them, an OpenRPC document, and the typed functions of rpc/client.
package rpcdoc

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// Files that Generate makes, besides those of the client.
const (
	Markdown  = "docs/jsonrpc.md"
	OpenRPC   = "docs/openrpc.json"
	ClientDir = "rpc/client"
	// ClientFile is what the names of generated files of the client begin
	// with.
	ClientFile = "gen_"
)

// Generate returns the content of every generated file, by its path in the
// repository.
func Generate(r *rpc.Registry) (map[string][]byte, error) {
	methods := r.Methods()
	files := map[string][]byte{Markdown: markdown(methods)}
	var err error
	if files[OpenRPC], err = openRPC(methods); err != nil {
		return nil, fmt.Errorf("%s: %w", OpenRPC, err)
	}
	for _, g := range groups(methods) {
		path := ClientDir + "/" + ClientFile + g.name + ".go"
		if files[path], err = client(g); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return files, nil
}

//go:embed methods.txt
var methodsOfSPDK string

// SPDK lists the methods of SPDK v26.09-pre, with all of its optional parts.
func SPDK() []string { return strings.Fields(methodsOfSPDK) }

// group is the methods whose names begin with the same word.
type group struct {
	name    string
	methods []*rpc.Method
}

func groupOf(method string) string {
	name, _, _ := strings.Cut(method, "_")
	return name
}

// groups divides methods, which are sorted by name.
func groups(methods []*rpc.Method) (all []*group) {
	for _, m := range methods {
		name := groupOf(m.Name)
		i := slices.IndexFunc(all, func(g *group) bool { return g.name == name })
		if i < 0 {
			i = len(all)
			all = append(all, &group{name: name})
		}
		all[i].methods = append(all[i].methods, m)
	}
	return all
}

// states says when a method may be called, nothing if that is the usual:
// after the start.
func states(m *rpc.Method) string {
	switch m.States {
	case rpc.StateStartup:
		return "before `framework_start_init` only"
	case rpc.StateStartup | rpc.StateRuntime:
		return "before and after `framework_start_init`"
	}
	return ""
}

// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed rpcpy.txt
var rpcpyText string

// rpcName is what rpc.py calls the parameters of a method.
type rpcName struct {
	prints      bool // its result, even true
	positionals []string
	options     []rpcOption // with names that are not the parameters'
}

// rpcOption is an option of rpc.py.
type rpcOption struct {
	name  string // without dashes
	param string
	not   bool // it means false
}

func (o rpcOption) short() bool { return len(o.name) == 1 }

// rpcNames returns the names of rpc.py by method.
var rpcNames = sync.OnceValue(func() map[string]rpcName {
	all := map[string]rpcName{}
	for line := range strings.Lines(rpcpyText) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		method, prints := strings.CutSuffix(words[0], "!")
		n := rpcName{prints: prints}
		for _, w := range words[1:] {
			name, param, isOption := strings.Cut(w, "=")
			if !isOption {
				n.positionals = append(n.positionals, strings.TrimSuffix(w, "?"))
				continue
			}
			param, not := strings.CutPrefix(param, "!")
			n.options = append(n.options, rpcOption{strings.TrimLeft(name, "-"), param, not})
		}
		all[method] = n
	}
	return all
})

// joinShort replaces options of two characters behind one dash, such as -k2,
// which getopt has not, by their long names.
func joinShort(args []string) []string {
	var out []string
	method := ""
	for _, a := range args {
		if _, known := rpcNames()[a]; known && method == "" {
			method = a
		}
		for _, o := range rpcNames()[method].options {
			if len(o.name) == 2 && a == "-"+o.name {
				a = "--" + o.param
			}
		}
		out = append(out, a)
	}
	return out
}

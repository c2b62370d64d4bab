// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// node is a place in the tree, as the target shows it at the moment.
type node struct {
	name     string
	parent   *node
	commands []*command
	more     string // patterns of methods that are further commands here, see view.further
	prefix   string // what those leave out of the methods' names

	// fill finds the children, and what the summary says. It is called once.
	fill     func(context.Context, *view, *node) error
	filled   bool
	err      error // why fill has failed
	children []*node

	summary string
	healthy bool              // it is something that works, not a folder
	details json.RawMessage   // for show_details
	context map[string]any    // parameters that commands here take from the place
	removal map[string]string // arguments of the parent's delete for this node
}

// add appends a child.
func (n *node) add(child *node) *node {
	child.parent = n
	n.children = append(n.children, child)
	return child
}

// load finds the children if they are not known yet, and puts them in order.
func (n *node) load(ctx context.Context, v *view) error {
	if n.filled {
		return n.err
	}
	n.filled = true
	if n.fill != nil {
		if n.err = n.fill(ctx, v, n); n.err != nil {
			n.summary = "ERROR: " + n.err.Error()
		}
	}
	// As spdkcli shows them: by name.
	slices.SortStableFunc(n.children, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	return n.err
}

// path returns where the node is.
func (n *node) path() string {
	if n.parent == nil {
		return "/"
	}
	return strings.TrimSuffix(n.parent.path(), "/") + "/" + n.name
}

// walk follows a path. Names of nodes may have slashes: the longest that fits
// is taken.
func (n *node) walk(ctx context.Context, v *view, path string) (*node, error) {
	if rest, absolute := strings.CutPrefix(path, "/"); absolute {
		for n.parent != nil {
			n = n.parent
		}
		path = rest
	}
	for path = strings.TrimLeft(path, "/"); path != ""; path = strings.TrimLeft(path, "/") {
		next, rest, err := n.step(ctx, v, path)
		if err != nil {
			return nil, err
		}
		n, path = next, rest
	}
	return n, nil
}

// step goes to the node that the beginning of path names.
func (n *node) step(ctx context.Context, v *view, path string) (next *node, rest string, err error) {
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case first == ".":
		return n, rest, nil
	case first == ".." && n.parent != nil:
		return n.parent, rest, nil
	case first == "..":
		return n, rest, nil
	}
	if err := n.load(ctx, v); err != nil {
		return nil, "", err
	}
	for _, c := range n.children {
		tail, ok := strings.CutPrefix(path, c.name)
		if ok && (tail == "" || tail[0] == '/') && (next == nil || len(c.name) > len(next.name)) {
			next, rest = c, tail
		}
	}
	if next == nil {
		return nil, "", fmt.Errorf("%s has no %q; there is %s", n.path(), first, names(n.children))
	}
	return next, rest, nil
}

// child returns the child of that name, nil if there is none.
func (n *node) child(ctx context.Context, v *view, name string) *node {
	if n.load(ctx, v) != nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// names lists nodes for a message.
func names(nodes []*node) string {
	const most = 12
	var all []string
	for _, n := range nodes {
		all = append(all, n.name)
	}
	switch {
	case len(all) == 0:
		return "nothing in it"
	case len(all) > most:
		return strings.Join(all[:most], ", ") + ", …"
	}
	return strings.Join(all, ", ")
}

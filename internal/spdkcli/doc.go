// SPDX-License-Identifier: BSD-3-Clause

// Package spdkcli is the tree of spdkcli over a target's JSON-RPC methods, and
// the language in which it is looked at and changed. The tree holds nothing of
// its own: each command asks the target anew, and what the target has no
// methods for is not there. Which command of which node calls which method,
// and what spdkcli calls the parameters, is in tables (nodes_*.go).
package spdkcli

// SPDX-License-Identifier: BSD-3-Clause

//go:build (amd64 || arm64) && !noasm

package gid

// Current returns the calling goroutine: the address of its descriptor,
// which is never looked at.
func Current() ID

// SPDX-License-Identifier: BSD-3-Clause

//go:build !(amd64 || arm64) || noasm

package tsc

// Now returns the monotonic clock in nanoseconds.
func Now() uint64 { return monotonic() }

func fixedHz() uint64 { return 1e9 }

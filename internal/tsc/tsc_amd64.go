// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package tsc

// Now returns the counter. It never goes back on one processor; between
// processors it may differ by less than a message takes.
func Now() uint64

// invariant says that the counter's rate is constant (AMD64 Architecture
// Programmer's Manual volume 3, CPUID Fn8000_0007 EDX bit 8; Intel says the
// same). Now looks at it.
var invariant = hasInvariant()

func hasInvariant() bool

// fixedHz returns the rate if it need not be measured.
func fixedHz() uint64 {
	if !invariant {
		return 1e9
	}
	return 0
}

// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package tsc

// Now returns the generic timer's virtual count (Arm Architecture Reference
// Manual, CNTVCT_EL0). It never goes back and is the same on all processors.
func Now() uint64

// fixedHz returns the timer's rate (CNTFRQ_EL0).
func fixedHz() uint64

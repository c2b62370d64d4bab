// SPDX-License-Identifier: BSD-3-Clause

//go:build (amd64 || arm64) && !noasm

package mmio

// Load32 does one 32-bit load.
//
//go:noescape
func Load32(p *uint32) uint32

// Load64 does one 64-bit load.
//
//go:noescape
func Load64(p *uint64) uint64

// Store32 does one 32-bit store. On amd64 earlier stores to ordinary memory
// are seen before it; on other machines call WMB first.
//
//go:noescape
func Store32(p *uint32, v uint32)

// Store64 does one 64-bit store, ordered as Store32 is.
//
//go:noescape
func Store64(p *uint64, v uint64)

// WMB orders earlier stores, also those to write-combined memory, before
// later ones.
func WMB()

// RMB orders earlier loads before later ones.
func RMB()

// MB orders all earlier accesses to ordinary memory before later ones: a
// store before a load of another word, as shadow doorbells need.
func MB()

// Pause tells the processor that this is a spin loop.
func Pause()

// Prefetch asks for the cache line of p, which another processor may have
// written, before it is needed. It never faults.
//
//go:noescape
func Prefetch(p *byte)

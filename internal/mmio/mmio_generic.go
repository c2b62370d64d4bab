// SPDX-License-Identifier: BSD-3-Clause

//go:build (!amd64 && !arm64) || noasm

package mmio

import (
	"runtime"
	"sync/atomic"
)

// Load32 does one 32-bit load.
func Load32(p *uint32) uint32 { return atomic.LoadUint32(p) }

// Load64 does one 64-bit load.
func Load64(p *uint64) uint64 { return atomic.LoadUint64(p) }

// Store32 does one 32-bit store.
func Store32(p *uint32, v uint32) { atomic.StoreUint32(p, v) }

// Store64 does one 64-bit store.
func Store64(p *uint64, v uint64) { atomic.StoreUint64(p, v) }

var fence uint32

// WMB orders earlier stores before later ones.
func WMB() { MB() }

// RMB orders earlier loads before later ones.
func RMB() { MB() }

// MB orders all earlier accesses before later ones.
func MB() { atomic.AddUint32(&fence, 0) }

// Pause tells the scheduler that this is a spin loop.
func Pause() { runtime.Gosched() }

// Prefetch does nothing here.
func Prefetch(*byte) {}

// SPDX-License-Identifier: BSD-3-Clause

// Package mmio accesses memory that a device or another process shares with
// this one: one load or store of exactly the stated width, and the barriers
// that order them.
//
// Go's compiler may merge or drop plain accesses, and sync/atomic's stores
// are locked exchanges on amd64, so the stores and barriers are assembly.
// The acquire loads are sync/atomic's, which the compiler inlines to a plain
// load on amd64 and LDAR on arm64.
package mmio

import (
	"sync/atomic"
	"unsafe"
)

// Acquire32 loads a 32-bit word of memory that a device writes; no later
// access is done before it. It is inlined, which the polling of completion
// queues wants.
func Acquire32(p *uint32) uint32 { return atomic.LoadUint32(p) }

// Acquire64 is Acquire32 for a 64-bit word.
func Acquire64(p *uint64) uint64 { return atomic.LoadUint64(p) }

// At32 returns the aligned 32-bit word at byte off of mem, which must not be
// on the Go heap. It panics if the word does not lie within mem or is not
// aligned.
func At32(mem []byte, off uint64) *uint32 { return (*uint32)(at(mem, off, 4)) }

// At64 is At32 for a 64-bit word.
func At64(mem []byte, off uint64) *uint64 { return (*uint64)(at(mem, off, 8)) }

func at(mem []byte, off, size uint64) unsafe.Pointer {
	n := uint64(len(mem))
	if n < size || off > n-size {
		panic("mmio: offset outside the mapping")
	}
	p := unsafe.Pointer(&mem[off])
	if uint64(uintptr(p))%size != 0 {
		panic("mmio: unaligned access")
	}
	return p
}

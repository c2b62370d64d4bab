// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"unsafe"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

const (
	sqeSize = 64
	cqeSize = 16
)

var (
	_ [sqeSize]byte = [unsafe.Sizeof(nvme.Command{})]byte{}
	_ [cqeSize]byte = [unsafe.Sizeof(cqe{})]byte{}
)

// The rings are page aligned memory outside the Go heap.

func commands(mem []byte) []nvme.Command {
	return unsafe.Slice((*nvme.Command)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/sqeSize)
}

func completions(mem []byte) []cqe {
	return unsafe.Slice((*cqe)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/cqeSize)
}

func words(mem []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/8)
}

// storeNarrow stores a command with 8 bytes at a time, which is all that some
// emulated controllers take.
func storeNarrow(dst, src *nvme.Command) {
	d := (*[sqeSize / 8]uint64)(unsafe.Pointer(dst))
	s := (*[sqeSize / 8]uint64)(unsafe.Pointer(src))
	for i := range d {
		mmio.Store64(&d[i], s[i])
	}
}

// address returns where b is.
func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// SPDX-License-Identifier: BSD-3-Clause

package nvmectrlr

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

// extra is memory of controllers themselves, which devices may access too.
var extra [][]byte

// memory returns [addr, addr+n) of DMA memory. Anything else is a bug of the
// driver, which must never happen.
func memory(addr uint64, n int) []byte {
	for _, r := range dma.Regions() {
		if addr >= r.Addr && addr+uint64(n) <= r.Addr+uint64(len(r.Mem)) {
			return r.Mem[addr-r.Addr:][:n]
		}
	}
	for _, m := range extra {
		base := uint64(uintptr(unsafe.Pointer(&m[0])))
		if addr >= base && addr+uint64(n) <= base+uint64(len(m)) {
			return m[addr-base:][:n]
		}
	}
	panic(fmt.Sprintf("the driver gave the controller address %#x, %d bytes: not DMA memory", addr, n))
}

func command(ring uint64, i uint32) *nvme.Command {
	return (*nvme.Command)(unsafe.Pointer(&memory(ring+uint64(i)*64, 64)[0]))
}

func storeCompletion(ring uint64, i uint32, c *nvme.Completion) {
	m := memory(ring+uint64(i)*16, 16)
	copy(m[:12], nvme.Bytes(c)[:12])
	mmio.Store32(mmio.At32(m, 12), le.Uint32(nvme.Bytes(c)[12:]))
}

func doorbellMemory() []byte { return mapAnonymous(barSize - nvme.RegDoorbells) }

func cmbMemory(n int) []byte {
	if n == 0 {
		return nil
	}
	m := mapAnonymous(n)
	extra = append(extra, m)
	return m
}

func mapAnonymous(n int) []byte {
	m, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		panic(err)
	}
	return m
}

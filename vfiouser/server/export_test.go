// SPDX-License-Identifier: BSD-3-Clause

package server

// TestingMaxDMAMaps lowers the number of regions a client may offer until the
// function that it returns is called.
func TestingMaxDMAMaps(n int) (restore func()) {
	old := maxDMAMaps
	maxDMAMaps = n
	return func() { maxDMAMaps = old }
}

// TestingWith returns a table that also has mem at addr.
func TestingWith(m *Memory, addr uint64, mem []byte) *Memory {
	return m.with(&MemoryRegion{Addr: addr, Size: uint64(len(mem)), Read: true, Write: true, mem: mem})
}

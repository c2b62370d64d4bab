// SPDX-License-Identifier: BSD-3-Clause

package server

// TestingWith returns a table that also has mem at addr.
func TestingWith(m *Memory, addr uint64, mem []byte) *Memory {
	return m.with(&MemoryRegion{Addr: addr, Size: uint64(len(mem)), Read: true, Write: true, mem: mem})
}

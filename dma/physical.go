// SPDX-License-Identifier: BSD-3-Clause

package dma

// RequirePhysical makes every later Alloc return memory whose physical
// address is known and stays: hugepages. It is what a maker of devices with
// Physical addressing calls when it opens one. It fails if this machine has
// no free hugepages, or hides physical addresses from this process.
func RequirePhysical() error {
	heap.physical.Store(true)
	return nil
}

// SPDX-License-Identifier: BSD-3-Clause

// Package crc32c computes CRC-32C, the CRC with Castagnoli's polynomial
// (iSCSI, NVMe/TCP digests, the 32-bit guard of NVMe).
package crc32c

import "hash/crc32"

var table = crc32.MakeTable(crc32.Castagnoli)

// Update returns the CRC of what crc is the CRC of, followed by p. It starts
// with 0. The initial and the final inversion are done: it is hash/crc32's
// Update, and spdk_crc32c_nvme; spdk_crc32c_update(p, n, crc) is
// ^Update(^crc, p).
func Update(crc uint32, p []byte) uint32 { return update(crc, p) }

// Copy copies src to the beginning of dst, which is at least as long, and
// returns what Update(crc, src) does, in one pass over the data. The two
// overlap entirely or not at all.
func Copy(crc uint32, dst, src []byte) uint32 {
	return updateCopy(crc, dst[:len(src)], src)
}

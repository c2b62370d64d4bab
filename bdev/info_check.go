// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"fmt"

	"github.com/gospdk/gospdk/dif"
)

// checkInfo refuses what would break the core's arithmetic.
func checkInfo(i *Info) error {
	if i.Name == "" {
		return invalid("the name is empty")
	}
	if i.BlockSize == 0 || i.BlockSize > 1<<20 {
		return invalid(fmt.Sprintf("block size %d: it must be from 1 byte to 1 MiB", i.BlockSize))
	}
	if i.NumBlocks == 0 || i.NumBlocks > (1<<62)/uint64(i.BlockSize) {
		return invalid(fmt.Sprintf("%d blocks of %d bytes: the size must be from one block to 4 EiB", i.NumBlocks, i.BlockSize))
	}
	if i.Alignment&(i.Alignment-1) != 0 {
		return invalid(fmt.Sprintf("buffer alignment %d is not a power of two", i.Alignment))
	}
	if i.MDInterleaved && i.MDSize >= i.BlockSize {
		return invalid(fmt.Sprintf("interleaved metadata of %d bytes leave no room for data in blocks of %d bytes", i.MDSize, i.BlockSize))
	}
	if i.MDSize > 1<<16 {
		return invalid(fmt.Sprintf("metadata size %d: it must be at most 65536 bytes", i.MDSize))
	}
	return checkProtection(i)
}

func checkProtection(i *Info) error {
	if i.DIF > dif.Type3 || i.DIFPIFormat > dif.PI64 {
		return invalid(fmt.Sprintf("protection information of type %d and format %d: types are 0 to 3, formats 0 to 2", i.DIF, i.DIFPIFormat))
	}
	if i.DIF != dif.Disabled && i.MDSize < i.DIFPIFormat.Size() {
		return invalid(fmt.Sprintf("metadata of %d bytes have no room for protection information of %d bytes", i.MDSize, i.DIFPIFormat.Size()))
	}
	if i.Zoned && i.ZoneSize == 0 {
		return invalid("the zones of a zoned device have no size")
	}
	return nil
}

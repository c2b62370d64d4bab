// SPDX-License-Identifier: BSD-3-Clause

package blob

import "fmt"

// ID names a blob in its store. The low 32 bits are the number of the metadata
// page where the blob begins, above them stands 1.
type ID uint64

// NoID is no blob's.
const NoID ID = 0xFFFFFFFFFFFFFFFF

const idHighBit ID = 1 << 32

func pageID(page uint32) ID { return idHighBit | ID(page) }

func (id ID) page() uint32 { return uint32(id) }

// String returns the id as SPDK prints it.
func (id ID) String() string { return fmt.Sprintf("0x%x", uint64(id)) }

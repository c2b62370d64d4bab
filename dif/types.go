// SPDX-License-Identifier: BSD-3-Clause

// Package dif is protection information: the guard, application tag and
// reference tag that T10 DIF and NVMe keep with each block.
package dif

import "fmt"

// Type is the type of protection, which says what the reference tag holds.
type Type uint8

// Types, with the values of NVMe (NVM Command Set 1.0, section 5.2).
const (
	Disabled Type = iota
	Type1         // the reference tag is the lower part of the block's address
	Type2         // as Type1, from a first value that the initiator chooses
	Type3         // the reference tag is the application's
)

// String returns the type as SPDK calls it.
func (t Type) String() string {
	if t == Disabled {
		return "disabled"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// PIFormat is the layout of the protection information.
type PIFormat uint8

// Formats, with SPDK's values.
const (
	PI16 PIFormat = iota // 8 bytes with a guard of 16 bits
	PI32                 // 16 bytes with a guard of 32 bits
	PI64                 // 16 bytes with a guard of 64 bits
)

// Size is the number of bytes.
func (f PIFormat) Size() uint32 {
	if f == PI16 {
		return 8
	}
	return 16
}

// String returns the format's name.
func (f PIFormat) String() string { return fmt.Sprintf("%d bit guard", 16<<f) }

// Flags say which fields are generated and checked.
type Flags uint8

// Flags.
const (
	RefTag Flags = 1 << iota
	AppTag
	Guard
	Data // for Inject only: the data that the guard covers
)

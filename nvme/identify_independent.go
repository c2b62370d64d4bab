// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// IdentifyNamespaceIndependent is the I/O Command Set Independent Identify
// Namespace data structure (CNS 08h, section 5.17.2).
type IdentifyNamespaceIndependent struct {
	_ structs.HostLayout

	NSFEAT   uint8  // bit 3 UIDREUSE, bit 4 RMEDIA, bit 5 VWCNP
	NMIC     uint8  // bit 0: may be attached to several controllers
	RESCAP   uint8  // RESCAP bits
	FPI      uint8  // as IdentifyNamespace.FPI
	ANAGRPID uint32 // ANA group id
	NSATTR   uint8  // bit 0: write protected
	_        [1]byte
	NVMSETID uint16 // NVM set id
	ENDGID   uint16 // endurance group id
	NSTAT    uint8  // bit 0: NRDY, the namespace is ready
	KPIOS    uint8  // key per I/O status
	MAXKT    uint16 // maximum key tag
	_        [2]byte
	RGRPID   uint32 // reachability group id (Base 2.1)
	_        [4072]byte
}

// Bits of IdentifyNamespaceIndependent.NSFEAT and NSTAT.
const (
	NSFEATUIDReuse        = 1 << 3
	NSFEATRotationalMedia = 1 << 4
	NSFEATNoVolatileCache = 1 << 5 // VWCNP
	NSTATReady            = 1 << 0
)

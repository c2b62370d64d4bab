// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"strings"
)

// TransportType is a kind of transport. Those of Fabrics have the value that a
// Discovery Log Page entry has for them, the others are SPDK's.
type TransportType uint16

// Transport types.
const (
	TrtypeRDMA     TransportType = 1
	TrtypeFC       TransportType = 2
	TrtypeTCP      TransportType = 3
	TrtypePCIe     TransportType = 256
	TrtypeVFIOUser TransportType = 1024
	TrtypeCustom   TransportType = 4096 // one that the program brings
)

var trtypes = []TransportType{TrtypePCIe, TrtypeRDMA, TrtypeFC, TrtypeTCP, TrtypeVFIOUser, TrtypeCustom}

// String returns the type as SPDK prints it.
func (t TransportType) String() string {
	switch t {
	case TrtypeRDMA:
		return "RDMA"
	case TrtypeFC:
		return "FC"
	case TrtypeTCP:
		return "TCP"
	case TrtypePCIe:
		return "PCIe"
	case TrtypeVFIOUser:
		return "VFIOUSER"
	case TrtypeCustom:
		return "CUSTOM"
	}
	return fmt.Sprintf("TransportType(%d)", uint16(t))
}

// ParseTransportType returns the type with the given name, in any case.
func ParseTransportType(s string) (TransportType, error) {
	for _, t := range trtypes {
		if strings.EqualFold(s, t.String()) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("nvme: unknown trtype %q: use one of PCIe, RDMA, FC, TCP, VFIOUSER, CUSTOM", s)
}

// AddressFamily is how to read an address of a Fabrics transport (section
// 5.16.1).
type AddressFamily uint8

// Address families.
const (
	AdrfamNone      AddressFamily = 0
	AdrfamIPv4      AddressFamily = 1
	AdrfamIPv6      AddressFamily = 2
	AdrfamIB        AddressFamily = 3
	AdrfamFC        AddressFamily = 4
	AdrfamIntraHost AddressFamily = 0xfe
)

var adrfams = []AddressFamily{AdrfamIPv4, AdrfamIPv6, AdrfamIB, AdrfamFC}

// String returns the family as SPDK prints it, nothing for none.
func (a AddressFamily) String() string {
	switch a {
	case AdrfamNone:
		return ""
	case AdrfamIPv4:
		return "IPv4"
	case AdrfamIPv6:
		return "IPv6"
	case AdrfamIB:
		return "IB"
	case AdrfamFC:
		return "FC"
	case AdrfamIntraHost:
		return "Intra-host"
	}
	return fmt.Sprintf("AddressFamily(%d)", uint8(a))
}

// ParseAddressFamily returns the family with the given name, in any case.
func ParseAddressFamily(s string) (AddressFamily, error) {
	for _, a := range adrfams {
		if strings.EqualFold(s, a.String()) {
			return a, nil
		}
	}
	return 0, fmt.Errorf("nvme: unknown adrfam %q: use one of IPv4, IPv6, IB, FC", s)
}

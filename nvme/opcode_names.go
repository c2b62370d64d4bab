// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "fmt"

// AdminName returns the name that SPDK prints for the opcode of an admin
// command, "ADMIN COMMAND" if it has none.
func (o Opcode) AdminName() string {
	if s, ok := adminNames[o]; ok {
		return s
	}
	return "ADMIN COMMAND"
}

// IOName returns the name that SPDK prints for the opcode of an I/O command,
// "IO COMMAND" if it has none.
func (o Opcode) IOName() string {
	if s, ok := ioNames[o]; ok {
		return s
	}
	return "IO COMMAND"
}

// String returns the opcode as a number: a name needs the kind of queue, see
// AdminName and IOName.
func (o Opcode) String() string { return fmt.Sprintf("%#02x", uint8(o)) }

var adminNames = map[Opcode]string{
	AdminDeleteIOSQ:               "DELETE IO SQ",
	AdminCreateIOSQ:               "CREATE IO SQ",
	AdminGetLogPage:               "GET LOG PAGE",
	AdminDeleteIOCQ:               "DELETE IO CQ",
	AdminCreateIOCQ:               "CREATE IO CQ",
	AdminIdentify:                 "IDENTIFY",
	AdminAbort:                    "ABORT",
	AdminSetFeatures:              "SET FEATURES",
	AdminGetFeatures:              "GET FEATURES",
	AdminAsyncEventRequest:        "ASYNC EVENT REQUEST",
	AdminNamespaceManagement:      "NAMESPACE MANAGEMENT",
	AdminFirmwareCommit:           "FIRMWARE COMMIT",
	AdminFirmwareImageDownload:    "FIRMWARE IMAGE DOWNLOAD",
	AdminDeviceSelfTest:           "DEVICE SELF-TEST",
	AdminNamespaceAttachment:      "NAMESPACE ATTACHMENT",
	AdminKeepAlive:                "KEEP ALIVE",
	AdminDirectiveSend:            "DIRECTIVE SEND",
	AdminDirectiveReceive:         "DIRECTIVE RECEIVE",
	AdminVirtualizationManagement: "VIRTUALIZATION MANAGEMENT",
	AdminNVMeMISend:               "NVME-MI SEND",
	AdminNVMeMIReceive:            "NVME-MI RECEIVE",
	AdminDoorbellBufferConfig:     "DOORBELL BUFFER CONFIG",
	OpcodeFabrics:                 "FABRIC",
	AdminFormatNVM:                "FORMAT NVM",
	AdminSecuritySend:             "SECURITY SEND",
	AdminSecurityReceive:          "SECURITY RECEIVE",
	AdminSanitize:                 "SANITIZE",
	AdminGetLBAStatus:             "GET LBA STATUS",
	0xe2:                          "OCSSD / GEOMETRY",
}

// ioNames lacks the names of the commands that SPDK prints as "IO COMMAND".
var ioNames = map[Opcode]string{
	CmdFlush:               "FLUSH",
	CmdWrite:               "WRITE",
	CmdRead:                "READ",
	CmdWriteUncorrectable:  "WRITE UNCORRECTABLE",
	CmdCompare:             "COMPARE",
	CmdWriteZeroes:         "WRITE ZEROES",
	CmdDatasetManagement:   "DATASET MANAGEMENT",
	CmdReservationRegister: "RESERVATION REGISTER",
	CmdReservationReport:   "RESERVATION REPORT",
	CmdReservationAcquire:  "RESERVATION ACQUIRE",
	CmdReservationRelease:  "RESERVATION RELEASE",
	0x90:                   "OCSSD / VECTOR RESET",
	0x91:                   "OCSSD / VECTOR WRITE",
	0x92:                   "OCSSD / VECTOR READ",
	0x93:                   "OCSSD / VECTOR COPY",
}

// String returns the name that SPDK prints for the type.
func (t SGLType) String() string {
	switch t {
	case SGLTypeDataBlock:
		return "DATA BLOCK"
	case SGLTypeBitBucket:
		return "BIT BUCKET"
	case SGLTypeSegment:
		return "SEGMENT"
	case SGLTypeLastSegment:
		return "LAST SEGMENT"
	case SGLTypeKeyedDataBlock:
		return "KEYED DATA BLOCK"
	case SGLTypeTransportDataBlock:
		return "TRANSPORT DATA BLOCK"
	case SGLTypeVendorSpecific:
		return "VENDOR SPECIFIC"
	}
	return "RESERVED"
}

// String returns the name that SPDK prints for the subtype.
func (s SGLSubtype) String() string {
	switch s {
	case SGLSubtypeAddress:
		return "ADDRESS"
	case SGLSubtypeOffset:
		return "OFFSET"
	case SGLSubtypeTransport:
		return "TRANSPORT"
	case SGLSubtypeInvalidateKey:
		return "INVALIDATE KEY"
	}
	return "RESERVED"
}

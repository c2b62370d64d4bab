// SPDX-License-Identifier: BSD-3-Clause

// Package vfiouser is the vfio-user protocol as types: what a client, which
// drives a device, and a server, which emulates one, say to each other over
// a UNIX socket. It does no I/O.
//
// Every message is a [Header] and a payload. A payload type has a method
// Append, which encodes it, and a Parse function, which decodes untrusted
// bytes. All integers are in the byte order of the machine, as the protocol
// wants it. The protocol is described in QEMU's docs/interop/vfio-user.rst;
// structures that it shares with the kernel's VFIO are those of linux/vfio.h.
package vfiouser

import (
	"encoding/binary"
	"fmt"
)

// The protocol version spoken here.
const (
	Major = 0
	Minor = 1
)

// Command says what a message asks for.
type Command uint16

// Commands. All are sent by the client but DMARead and DMAWrite, which the
// server sends to reach memory that the client did not share.
const (
	CmdVersion              Command = 1
	CmdDMAMap               Command = 2
	CmdDMAUnmap             Command = 3
	CmdDeviceGetInfo        Command = 4
	CmdDeviceGetRegionInfo  Command = 5
	CmdDeviceGetRegionIOFDs Command = 6
	CmdDeviceGetIRQInfo     Command = 7
	CmdDeviceSetIRQs        Command = 8
	CmdRegionRead           Command = 9
	CmdRegionWrite          Command = 10
	CmdDMARead              Command = 11
	CmdDMAWrite             Command = 12
	CmdDeviceReset          Command = 13
	CmdRegionWriteMulti     Command = 15
	CmdDeviceFeature        Command = 16
	CmdMigDataRead          Command = 17
	CmdMigDataWrite         Command = 18
)

var commandNames = [...]string{
	CmdVersion:              "VERSION",
	CmdDMAMap:               "DMA_MAP",
	CmdDMAUnmap:             "DMA_UNMAP",
	CmdDeviceGetInfo:        "DEVICE_GET_INFO",
	CmdDeviceGetRegionInfo:  "DEVICE_GET_REGION_INFO",
	CmdDeviceGetRegionIOFDs: "DEVICE_GET_REGION_IO_FDS",
	CmdDeviceGetIRQInfo:     "DEVICE_GET_IRQ_INFO",
	CmdDeviceSetIRQs:        "DEVICE_SET_IRQS",
	CmdRegionRead:           "REGION_READ",
	CmdRegionWrite:          "REGION_WRITE",
	CmdDMARead:              "DMA_READ",
	CmdDMAWrite:             "DMA_WRITE",
	CmdDeviceReset:          "DEVICE_RESET",
	CmdRegionWriteMulti:     "REGION_WRITE_MULTI",
	CmdDeviceFeature:        "DEVICE_FEATURE",
	CmdMigDataRead:          "MIG_DATA_READ",
	CmdMigDataWrite:         "MIG_DATA_WRITE",
}

// String returns the name that the specification uses, without its prefix.
func (c Command) String() string {
	if int(c) < len(commandNames) && commandNames[c] != "" {
		return commandNames[c]
	}
	return fmt.Sprintf("command %d", uint16(c))
}

// Flags qualify a message.
type Flags uint32

// Flags of a header. The low four bits are the type of the message.
const (
	FlagReply    Flags = 0x1  // type: answers the command with the same ID
	FlagTypeMask Flags = 0xf  // type 0 is a command
	FlagNoReply  Flags = 0x10 // the sender of this command wants no reply
	FlagError    Flags = 0x20 // this reply reports a failure
)

// HeaderSize is the length of an encoded Header in bytes.
const HeaderSize = 16

// Header begins every message.
type Header struct {
	ID      uint16 // chosen by the sender of a command, repeated in the reply
	Command Command
	Size    uint32 // bytes of the message, header included
	Flags   Flags
	Error   uint32 // errno, valid with FlagError; may be 0 even then
}

// IsReply tells a reply from a command.
func (h *Header) IsReply() bool { return h.Flags&FlagTypeMask == FlagReply }

// Append encodes h.
func (h *Header) Append(b []byte) []byte {
	b = ne.AppendUint16(b, h.ID)
	b = ne.AppendUint16(b, uint16(h.Command))
	b = ne.AppendUint32(b, h.Size)
	b = ne.AppendUint32(b, uint32(h.Flags))
	return ne.AppendUint32(b, h.Error)
}

// ParseHeader decodes the first HeaderSize bytes of b. After an error the
// boundaries of messages are lost and the connection is to be closed.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("vfio-user: header of %d bytes, want %d", len(b), HeaderSize)
	}
	h := Header{
		ID:      ne.Uint16(b),
		Command: Command(ne.Uint16(b[2:])),
		Size:    ne.Uint32(b[4:]),
		Flags:   Flags(ne.Uint32(b[8:])),
		Error:   ne.Uint32(b[12:]),
	}
	if h.Size < HeaderSize {
		return Header{}, fmt.Errorf("vfio-user: %v: message size %d is less than the header's %d", h.Command, h.Size, HeaderSize)
	}
	if t := h.Flags & FlagTypeMask; t > FlagReply {
		return Header{}, fmt.Errorf("vfio-user: %v: message type %d is neither command (0) nor reply (1)", h.Command, t)
	}
	return h, nil
}

var ne = binary.NativeEndian

// short is the error for a payload that ends too early.
func short(what string, got, want int) error {
	return fmt.Errorf("vfio-user: %s: payload of %d bytes, want at least %d", what, got, want)
}

// SPDX-License-Identifier: BSD-3-Clause

package opal

import (
	"encoding/binary"
	"fmt"
)

// bufferSize is the size of what is sent and received: the least that a drive
// takes as a ComPacket, Core 4.1.1.1.
const bufferSize = 2048

// Lengths of headers: Core 3.2.3.
const (
	comPacketSize = 20
	packetSize    = 24
	subPacketSize = 12
	headersSize   = comPacketSize + packetSize + subPacketSize
)

// frame puts tokens into a ComPacket of one packet of a session.
func frame(comID uint16, tsn, hsn uint32, tokens []byte) ([]byte, error) {
	padded := (len(tokens) + 3) &^ 3
	if headersSize+padded > bufferSize {
		return nil, fmt.Errorf("a method call of %d bytes does not fit in %d: a password is too long", len(tokens), bufferSize-headersSize)
	}
	b := make([]byte, bufferSize)
	be := binary.BigEndian
	be.PutUint16(b[4:], comID)
	be.PutUint32(b[16:], uint32(packetSize+subPacketSize+padded))
	be.PutUint32(b[20:], tsn)
	be.PutUint32(b[24:], hsn)
	be.PutUint32(b[40:], uint32(subPacketSize+padded))
	be.PutUint32(b[52:], uint32(len(tokens)))
	copy(b[headersSize:], tokens)
	return b, nil
}

// unframe returns the tokens of an answer. If there is no answer yet, ready is
// false.
func unframe(b []byte) (tokens []byte, ready bool, err error) {
	be := binary.BigEndian
	if be.Uint32(b[8:]) != 0 || be.Uint32(b[12:]) != 0 { // OutstandingData, MinTransfer
		return nil, false, nil
	}
	com, packet, sub := be.Uint32(b[16:]), be.Uint32(b[40:]), be.Uint32(b[52:])
	switch {
	case com == 0:
		return nil, false, fmt.Errorf("the drive has no answer: it does not know the session or the ComID any more")
	case int64(com) > int64(len(b)-comPacketSize):
		return nil, false, fmt.Errorf("the answer of the drive has a ComPacket of %d bytes in %d", com, len(b))
	case packet > com-min(com, packetSize) || sub > packet-min(packet, subPacketSize):
		return nil, false, fmt.Errorf("the answer of the drive has lengths %d, %d, %d of its packets, each of which should hold the next", com, packet, sub)
	}
	return b[headersSize : headersSize+sub], true, nil
}

// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// What a peer that does not say otherwise supports.
const (
	DefaultMaxMsgFDs       = 1
	DefaultMaxDataXferSize = 1 << 20
	DefaultMaxDMAMaps      = 65535
	DefaultPageSizes       = 4096
)

// TwinSocket offers, and in a reply sets up, a second socket for the
// commands that the server sends.
type TwinSocket struct {
	Supported bool `json:"supported"`
	// FDIndex is the place of the socket among the reply's descriptors.
	FDIndex *uint32 `json:"fd_index,omitempty"`
}

// Capabilities are what one side of a connection supports.
type Capabilities struct {
	MaxMsgFDs       uint64      `json:"max_msg_fds"`        // descriptors it receives in one message
	MaxDataXferSize uint64      `json:"max_data_xfer_size"` // bytes that one read or write carries
	MaxDMAMaps      uint64      `json:"max_dma_maps,omitempty"`
	PageSizes       uint64      `json:"pgsizes,omitempty"` // page sizes of DMA_MAP, or'ed
	TwinSocket      *TwinSocket `json:"twin_socket,omitempty"`
	WriteMultiple   bool        `json:"write_multiple,omitempty"`
}

// DefaultCapabilities returns what a peer that sent none supports.
func DefaultCapabilities() Capabilities {
	return Capabilities{
		MaxMsgFDs:       DefaultMaxMsgFDs,
		MaxDataXferSize: DefaultMaxDataXferSize,
		MaxDMAMaps:      DefaultMaxDMAMaps,
		PageSizes:       DefaultPageSizes,
	}
}

const versionFixed = 4

// Version is request and reply of VERSION, the first message of a
// connection.
type Version struct {
	Major uint16
	Minor uint16
	// Capabilities holds the defaults where the peer said nothing. Append
	// leaves out what is nil.
	Capabilities *Capabilities
}

// Append encodes v.
func (v *Version) Append(b []byte) []byte {
	b = ne.AppendUint16(b, v.Major)
	b = ne.AppendUint16(b, v.Minor)
	if v.Capabilities == nil {
		return b
	}
	// Numbers and booleans always encode.
	data, _ := json.Marshal(map[string]*Capabilities{"capabilities": v.Capabilities})
	b = append(b, data...)
	return append(b, 0)
}

// ParseVersion decodes b. Capabilities that it does not know are skipped.
func ParseVersion(b []byte) (Version, error) {
	if len(b) < versionFixed {
		return Version{}, short("version", len(b), versionFixed)
	}
	caps := DefaultCapabilities()
	v := Version{ne.Uint16(b), ne.Uint16(b[2:]), &caps}
	text := bytes.TrimRight(b[versionFixed:], "\x00")
	if len(text) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(text, &struct {
		Capabilities *Capabilities `json:"capabilities"`
	}{&caps}); err != nil {
		return v, fmt.Errorf("vfio-user: version: capabilities %.200q: %w", text, err)
	}
	if caps.MaxDataXferSize == 0 {
		return v, fmt.Errorf("vfio-user: version: max_data_xfer_size 0, want at least 1")
	}
	return v, nil
}

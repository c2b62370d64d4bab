// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"fmt"
	"structs"
)

// ANAState is a state of asymmetric namespace access (section 8.1).
type ANAState uint8

// ANA states.
const (
	ANAOptimized      ANAState = 0x1
	ANANonOptimized   ANAState = 0x2
	ANAInaccessible   ANAState = 0x3
	ANAPersistentLoss ANAState = 0x4
	ANAChange         ANAState = 0xf
)

// String returns the state as SPDK's RPCs write it.
func (s ANAState) String() string {
	switch s {
	case ANAOptimized:
		return "optimized"
	case ANANonOptimized:
		return "non_optimized"
	case ANAInaccessible:
		return "inaccessible"
	case ANAPersistentLoss:
		return "persistent_loss"
	case ANAChange:
		return "change"
	}
	return fmt.Sprintf("ANAState(%d)", uint8(s))
}

// LSPANAGroupsOnly is the bit of GetLogPage.LSP that asks for the groups
// without their namespaces.
const LSPANAGroupsOnly uint8 = 1 << 0

// ANALog begins the Asymmetric Namespace Access log (section 5.16.1). Group
// descriptors follow.
type ANALog struct {
	_ structs.HostLayout

	CHGC uint64 // change count
	NAGD uint16 // number of group descriptors
	_    [6]byte
}

// ANAGroupDescriptor begins a group of the log. Its namespace ids, 4 bytes
// each, follow, so that it need not be aligned to 8 bytes.
type ANAGroupDescriptor struct {
	_ structs.HostLayout

	AGID  uint32  // group id
	NNV   uint32  // number of namespace ids
	CHGC  [8]byte // change count, little endian
	State uint8   // bits 3:0: ANAState
	_     [15]byte
}

// ANAGroup is a group of the log.
type ANAGroup struct {
	ID          uint32
	ChangeCount uint64
	State       ANAState
	NSIDs       []uint32
}

// ParseANALog reads the log. It fails on a log that is cut off.
func ParseANALog(p []byte) (changeCount uint64, groups []ANAGroup, err error) {
	h, err := Read[ANALog](p)
	if err != nil {
		return 0, nil, fmt.Errorf("nvme: ANA log: %w", err)
	}
	p = p[16:]
	for i := range int(h.NAGD) {
		d, err := Read[ANAGroupDescriptor](p)
		if err != nil {
			return h.CHGC, groups, fmt.Errorf("nvme: ANA log: group %d of %d: %w", i, h.NAGD, err)
		}
		p = p[32:]
		if uint64(d.NNV) > uint64(len(p)/4) {
			return h.CHGC, groups, fmt.Errorf("nvme: ANA log: group %d has %d namespaces, the log ends after %d: read more of it", d.AGID, d.NNV, len(p)/4)
		}
		g := ANAGroup{ID: d.AGID, ChangeCount: binary.LittleEndian.Uint64(d.CHGC[:]), State: ANAState(d.State & 0xf)}
		g.NSIDs = make([]uint32, d.NNV)
		for j := range g.NSIDs {
			g.NSIDs[j] = binary.LittleEndian.Uint32(p[4*j:])
		}
		p = p[4*len(g.NSIDs):]
		groups = append(groups, g)
	}
	return h.CHGC, groups, nil
}

// AppendANALog appends the log in wire form to p.
func AppendANALog(p []byte, changeCount uint64, groups []ANAGroup) []byte {
	h := ANALog{CHGC: changeCount, NAGD: uint16(len(groups))}
	p = append(p, Bytes(&h)...)
	for _, g := range groups {
		d := ANAGroupDescriptor{AGID: g.ID, NNV: uint32(len(g.NSIDs)), State: uint8(g.State) & 0xf}
		binary.LittleEndian.PutUint64(d.CHGC[:], g.ChangeCount)
		p = append(p, Bytes(&d)...)
		for _, id := range g.NSIDs {
			p = binary.LittleEndian.AppendUint32(p, id)
		}
	}
	return p
}

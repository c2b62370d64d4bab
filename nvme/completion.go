// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// CompletionSize is the size in bytes of a completion queue entry.
const CompletionSize = 16

// Completion is a completion queue entry (section 3.3.3.2).
type Completion struct {
	_ structs.HostLayout

	CDW0        uint32
	CDW1        uint32
	SQHD        uint16
	SQID        uint16
	CID         uint16
	StatusPhase uint16 // bit 0 is the phase tag, the rest is Status
}

// NewCompletion returns a completion with the given fields. CDW0, CDW1 and the
// phase tag are zero.
func NewCompletion(sqhd, sqid, cid uint16, status Status) Completion {
	return Completion{SQHD: sqhd, SQID: sqid, CID: cid, StatusPhase: uint16(status) << 1}
}

// Phase returns the phase tag.
func (c *Completion) Phase() bool { return c.StatusPhase&1 != 0 }

// Status returns the status field without the phase tag.
func (c *Completion) Status() Status { return Status(c.StatusPhase >> 1) }

// SetStatus sets the status field and the phase tag.
func (c *Completion) SetStatus(s Status, phase bool) {
	c.StatusPhase = uint16(s) << 1
	if phase {
		c.StatusPhase |= 1
	}
}

// IsError reports whether the command did not complete with success.
func (c *Completion) IsError() bool { return c.Status().IsError() }

// Result64 returns CDW0 and CDW1 as one value, the way Zone Append and
// Property Get report it.
func (c *Completion) Result64() uint64 { return uint64(c.CDW1)<<32 | uint64(c.CDW0) }

// SetResult64 sets CDW0 and CDW1 from one value.
func (c *Completion) SetResult64(v uint64) { c.CDW0, c.CDW1 = uint32(v), uint32(v>>32) }

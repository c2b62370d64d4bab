// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/nvme"
)

// Bits of an entry of the Commands Supported and Effects log page (NVMe Base
// 2.0, figure 211).
const (
	effectSupported = 1 << 0
	effectData      = 1 << 1 // logical block content changes
)

// effectsCSI is the command set that a host asks about.
func (c *Controller) effectsCSI(cmd *nvme.Command) uint8 {
	if c.CC().CSS() != cssAll { // CC.CSS names the command set
		return csiNVM
	}
	return uint8(cmd.CDW14 >> 24)
}

// effectsPage lists the commands that the controller executes: admin commands
// and those of a command set. Of command sets that it has not got it executes
// none, and says so rather than to refuse the page: nvme-cli asks
// for the Zoned Namespace command set's too before it shows anything. What
// Prepare and the transport refuse is not in it, and the other way round; a
// test compares the two.
func (c *Controller) effectsPage(p []byte, csi uint8) []byte {
	admin := func(op nvme.Opcode) {
		binary.LittleEndian.PutUint32(p[4*int(op):], effectSupported)
	}
	io := func(op nvme.Opcode, effects uint32) {
		if c.has(csi) && c.supports(op) {
			binary.LittleEndian.PutUint32(p[1024+4*int(op):], effectSupported|effects)
		}
	}
	for _, op := range []nvme.Opcode{
		nvme.AdminGetLogPage, nvme.AdminIdentify, nvme.AdminAbort, nvme.AdminSetFeatures,
		nvme.AdminGetFeatures, nvme.AdminAsyncEventRequest, nvme.AdminKeepAlive,
	} {
		admin(op)
	}
	if c.opts.QueueCommands {
		admin(nvme.AdminCreateIOSQ)
		admin(nvme.AdminDeleteIOSQ)
		admin(nvme.AdminCreateIOCQ)
		admin(nvme.AdminDeleteIOCQ)
	}
	if c.opts.DoorbellBuffers {
		admin(nvme.AdminDoorbellBufferConfig)
	}
	io(nvme.CmdFlush, effectData)
	io(nvme.CmdWrite, effectData)
	io(nvme.CmdRead, 0)
	io(nvme.CmdCompare, 0)
	io(nvme.CmdWriteZeroes, effectData)
	io(nvme.CmdDatasetManagement, effectData)
	io(nvme.CmdVerify, 0)
	io(nvme.CmdCopy, effectData)
	for _, op := range []nvme.Opcode{nvme.CmdReservationRegister, nvme.CmdReservationAcquire, nvme.CmdReservationRelease, nvme.CmdReservationReport} {
		io(op, 0)
	}
	if csi == csiZNS {
		zoned := func(op nvme.Opcode, effects uint32) {
			if c.supportsZoned(op) {
				binary.LittleEndian.PutUint32(p[1024+4*int(op):], effectSupported|effects)
			}
		}
		zoned(nvme.CmdZoneManagementSend, effectData)
		zoned(nvme.CmdZoneManagementReceive, 0)
		zoned(nvme.CmdZoneAppend, effectData)
	}
	return p
}

// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Offsets of the controller properties in BAR0 in bytes (section 3.1.3).
// Fabrics controllers have the same ones behind Property Get and Set.
const (
	RegCAP     = 0x0
	RegVS      = 0x8
	RegINTMS   = 0xc
	RegINTMC   = 0x10
	RegCC      = 0x14
	RegCSTS    = 0x1c
	RegNSSR    = 0x20
	RegAQA     = 0x24
	RegASQ     = 0x28
	RegACQ     = 0x30
	RegCMBLOC  = 0x38
	RegCMBSZ   = 0x3c
	RegBPINFO  = 0x40
	RegBPRSEL  = 0x44
	RegBPMBL   = 0x48
	RegCMBMSC  = 0x50
	RegCMBSTS  = 0x58
	RegCMBEBS  = 0x5c
	RegCMBSWTP = 0x60
	RegNSSD    = 0x64
	RegCRTO    = 0x68
	RegPMRCAP  = 0xe00
	RegPMRCTL  = 0xe04
	RegPMRSTS  = 0xe08
	RegPMREBS  = 0xe0c
	RegPMRSWTP = 0xe10
	RegPMRMSCL = 0xe14
	RegPMRMSCU = 0xe18

	// RegDoorbells is the offset of the first doorbell (NVMe over PCIe
	// Transport specification 1.0, section 3.1.2).
	RegDoorbells = 0x1000
)

// NSSRReset written to RegNSSR resets the NVM subsystem: "NVMe" (section
// 3.1.3.7).
const NSSRReset uint32 = 0x4e564d65

// Values written to RegNSSD (section 3.1.3.20).
const (
	NSSDNormal uint32 = 0x4e726d6c // "Nrml": normal shutdown of the NVM subsystem
	NSSDAbrupt uint32 = 0x41627074 // "Abpt": abrupt shutdown of the NVM subsystem
)

// Limits of queues in entries (section 3.3.3 and CAP.MQES, AQA).
const (
	MinQueueEntries      = 2
	MaxAdminQueueEntries = 4096
	MaxIOQueueEntries    = 65536
	MaxIOQueues          = 65535
)

// DoorbellOffset returns the offset in BAR0 of a queue's doorbell: the tail of
// submission queue qid or, if isCQ, the head of completion queue qid. Stride is
// CAP.DoorbellStride, in bytes. Doorbell buffers have the same layout without
// RegDoorbells.
func DoorbellOffset(qid uint16, isCQ bool, stride int) int {
	i := 2 * int(qid)
	if isCQ {
		i++
	}
	return RegDoorbells + i*stride
}

// DoorbellQueue is the reverse of DoorbellOffset. It reports false for an
// offset that is no doorbell.
func DoorbellQueue(offset, stride int) (qid uint16, isCQ, ok bool) {
	offset -= RegDoorbells
	if stride <= 0 || offset < 0 || offset%stride != 0 || offset/stride > 2*0xffff+1 {
		return 0, false, false
	}
	i := offset / stride
	return uint16(i / 2), i&1 != 0, true
}

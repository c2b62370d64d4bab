// SPDX-License-Identifier: BSD-3-Clause

package host

import "github.com/gospdk/gospdk/pci"

// quirk is a way in which a controller departs from the specification.
type quirk uint32

const (
	quirkReadLatency quirk = 1 << iota
	quirkWriteLatency
	quirkDelayBeforeCheckReady
	quirkStriping
	quirkDelayAfterQueueAlloc
	quirkReadZeroAfterDeallocate
	quirkIdentifyCNS
	quirkOCSSD
	quirkNoIntelLogPages
	quirkSHSTComplete
	quirkDelayBeforeInit
	quirkMinIOQueueSize
	quirkMaxPCIAccessWidth
	quirkOACSSecurity
	quirkNoSGLForDSM
	quirkMDTSExcludeMD
	quirkNotUseSGL
	quirkMinAdminQueueSize
	quirkMSIXVectorCount
	quirkEnd
)

// quirkNames are the names that SPDK prints.
var quirkNames = [...]string{
	"NVME_INTEL_QUIRK_READ_LATENCY",
	"NVME_INTEL_QUIRK_WRITE_LATENCY",
	"NVME_QUIRK_DELAY_BEFORE_CHK_RDY",
	"NVME_INTEL_QUIRK_STRIPING",
	"NVME_QUIRK_DELAY_AFTER_QUEUE_ALLOC",
	"NVME_QUIRK_READ_ZERO_AFTER_DEALLOCATE",
	"NVME_QUIRK_IDENTIFY_CNS",
	"NVME_QUIRK_OCSSD",
	"NVME_INTEL_QUIRK_NO_LOG_PAGES",
	"NVME_QUIRK_SHST_COMPLETE",
	"NVME_QUIRK_DELAY_BEFORE_INIT",
	"NVME_QUIRK_MINIMUM_IO_QUEUE_SIZE",
	"NVME_QUIRK_MAXIMUM_PCI_ACCESS_WIDTH",
	"NVME_QUIRK_OACS_SECURITY",
	"NVME_QUIRK_NO_SGL_FOR_DSM",
	"NVME_QUIRK_MDTS_EXCLUDE_MD",
	"NVME_QUIRK_NOT_USE_SGL",
	"NVME_QUIRK_MINIMUM_ADMIN_QUEUE_SIZE",
	"NVME_QUIRK_MSIX_VECTOR_COUNT",
}

// PCI vendors that make controllers with quirks.
const (
	vendorIntel      = 0x8086
	vendorMemblaze   = 0x1c5f
	vendorSamsung    = 0x144d
	vendorVirtualBox = 0x80ee
	vendorRedHat     = 0x1b36
	vendorCNEXLabs   = 0x1d1d
	vendorVMware     = 0x15ad
	vendorHuawei     = 0x19e5
	vendorMicrosoft  = 0x1414
	vendorMicron     = 0x1344
)

const anyID = 0xffff

const intelStriped = quirkReadLatency | quirkWriteLatency | quirkStriping | quirkMinIOQueueSize

type quirkEntry struct {
	vendor, device, subVendor, subDevice uint16
	quirks                               quirk
}

// quirkTable: the first match counts.
var quirkTable = [...]quirkEntry{
	{vendorIntel, 0x0953, anyID, anyID, intelStriped | quirkReadZeroAfterDeallocate | quirkDelayBeforeInit},
	{vendorIntel, 0x0a53, anyID, anyID, intelStriped | quirkReadZeroAfterDeallocate | quirkDelayBeforeInit},
	{vendorIntel, 0x0a54, anyID, anyID, intelStriped | quirkReadZeroAfterDeallocate | quirkDelayBeforeInit},
	{vendorIntel, 0x0a55, anyID, anyID, intelStriped | quirkReadZeroAfterDeallocate},
	{vendorIntel, 0x0b60, anyID, anyID, intelStriped | quirkNoSGLForDSM},
	{vendorMemblaze, 0x0540, anyID, anyID, quirkDelayBeforeCheckReady},
	{vendorSamsung, 0xa821, anyID, anyID, quirkDelayBeforeCheckReady},
	{vendorSamsung, 0xa822, anyID, anyID, quirkDelayBeforeCheckReady},
	{vendorSamsung, 0xa826, anyID, anyID, quirkDelayBeforeCheckReady},
	{vendorVirtualBox, 0x4e56, anyID, anyID, quirkDelayAfterQueueAlloc},
	{vendorIntel, 0x5845, anyID, anyID, quirkNoIntelLogPages | quirkMaxPCIAccessWidth},
	{vendorRedHat, 0x0010, anyID, anyID, quirkMaxPCIAccessWidth},
	{vendorCNEXLabs, 0x1f1f, anyID, anyID, quirkIdentifyCNS | quirkOCSSD},
	{vendorVMware, 0x07f0, anyID, anyID, quirkSHSTComplete},
	{vendorIntel, 0x2700, anyID, anyID, quirkOACSSecurity},
	{vendorIntel, 0x4140, anyID, anyID, quirkMDTSExcludeMD},
	{vendorHuawei, anyID, anyID, anyID, quirkNotUseSGL},
	{vendorMicrosoft, 0xb111, anyID, anyID, quirkMinAdminQueueSize},
	{vendorMicron, anyID, anyID, anyID, quirkMSIXVectorCount},
}

func matches(want, have uint16) bool { return want == anyID || want == have }

func (e *quirkEntry) match(id pci.ID) bool {
	return matches(e.vendor, id.Vendor) && matches(e.device, id.Device) &&
		matches(e.subVendor, id.SubVendor) && matches(e.subDevice, id.SubDevice)
}

// quirksOf finds the quirks of a PCI function, and logs the search.
func quirksOf(id pci.ID) quirk {
	nvmeLog.Debugf("Searching for %04x:%04x [%04x:%04x]...", id.Vendor, id.Device, id.SubVendor, id.SubDevice)
	for i := range quirkTable {
		e := &quirkTable[i]
		if !e.match(id) {
			continue
		}
		nvmeLog.Debugf("Matched quirk %04x:%04x [%04x:%04x]:", e.vendor, e.device, e.subVendor, e.subDevice)
		for bit, name := range quirkNames {
			if e.quirks&(1<<bit) != 0 {
				nvmeLog.Debugf("Quirk enabled: %s", name)
			}
		}
		return e.quirks
	}
	nvmeLog.Debugf("No quirks found.")
	return 0
}

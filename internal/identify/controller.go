// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"strings"

	"github.com/gospdk/gospdk/nvme"
)

var (
	eventBits = []bit{
		{"  Namespace Attribute Notices:", nvme.OAESNamespaceAttribute},
		{"  Firmware Activation Notices:", nvme.OAESFirmwareActivation},
		{"  ANA Change Notices:", nvme.OAESANAChange},
		{"  PLE Aggregate Log Change Notices:", nvme.OAESPredictableLatency},
		{"  LBA Status Info Alert Notices:", nvme.OAESLBAStatusInformation},
		{"  EGE Aggregate Log Change Notices:", nvme.OAESEnduranceGroup},
		{"  Normal NVM Subsystem Shutdown event:", nvme.OAESNormalSubsystemStop},
		{"  Zone Descriptor Change Notices:", nvme.OAESZoneDescriptorChanged},
		{"  Discovery Log Change Notices:", nvme.OAESDiscoveryLogChange},
	}
	attributeBits = []bit{
		{"  128-bit Host Identifier:", nvme.CTRATTHostID128},
		{"  Non-Operational Permissive Mode:", nvme.CTRATTNonOperationalPower},
		{"  NVM Sets:", nvme.CTRATTNVMSets},
		{"  Read Recovery Levels:", nvme.CTRATTReadRecoveryLevels},
		{"  Endurance Groups:", nvme.CTRATTEnduranceGroups},
		{"  Predictable Latency Mode:", nvme.CTRATTPredictableLatency},
		{"  Traffic Based Keep ALive:", nvme.CTRATTTrafficKeepAlive}, // spelt so by spdk_nvme_identify
		{"  Namespace Granularity:", nvme.CTRATTNamespaceGranularity},
		{"  SQ Associations:", nvme.CTRATTSQAssociations},
		{"  UUID List:", nvme.CTRATTUUIDList},
		{"  Multi-Domain Subsystem:", nvme.CTRATTMultiDomain},
		{"  Fixed Capacity Management:", nvme.CTRATTFixedCapacity},
		{"  Variable Capacity Management:", nvme.CTRATTVariableCapacity},
		{"  Delete Endurance Group:", nvme.CTRATTDeleteEnduranceGroup},
		{"  Delete NVM Set:", nvme.CTRATTDeleteNVMSet},
		{"  Extended LBA Formats Supported:", nvme.CTRATTExtendedLBAFormats},
		{"  Flexible Data Placement Supported:", nvme.CTRATTFDP},
	}
	adminBits = []bit{
		{"Security Send/Receive:", nvme.OACSSecurity},
		{"Format NVM:", nvme.OACSFormat},
		{"Firmware Activate/Download:", nvme.OACSFirmware},
		{"Namespace Management:", nvme.OACSNamespaceManagement},
		{"Device Self-Test:", nvme.OACSDeviceSelfTest},
		{"Directives:", nvme.OACSDirectives},
		{"NVMe-MI:", nvme.OACSNVMeMI},
		{"Virtualization Management:", nvme.OACSVirtualization},
		{"Doorbell Buffer Config:", nvme.OACSDoorbellBufferConfig},
		{"Get LBA Status Capability:", nvme.OACSGetLBAStatus},
		{"Command & Feature Lockdown Capability:", nvme.OACSLockdown},
	}
	anaBits = []bit{
		{"  ANA Optimized State               :", nvme.ANACAPOptimized},
		{"  ANA Non-Optimized State           :", nvme.ANACAPNonOptimized},
		{"  ANA Inaccessible State            :", nvme.ANACAPInaccessible},
		{"  ANA Persistent Loss State         :", nvme.ANACAPPersistentLoss},
		{"  ANA Change State                  :", nvme.ANACAPChange},
	}
	nvmBits = []bit{
		{"Compare Command:", nvme.ONCSCompare},
		{"Write Uncorrectable Command:", nvme.ONCSWriteUncorrectable},
		{"Dataset Management Command:", nvme.ONCSDatasetManagement},
		{"Write Zeroes Command:", nvme.ONCSWriteZeroes},
		{"Set Features Save Field:", nvme.ONCSSaveSelect},
		{"Reservations:", nvme.ONCSReservations},
		{"Timestamp:", nvme.ONCSTimestamp},
		{"Copy:", nvme.ONCSCopy},
	}
	sglBits = []bit{
		{"  SGL Keyed:", nvme.SGLSKeyed},
		{"  SGL Bit Bucket Descriptor:", nvme.SGLSBitBucket},
		{"  SGL Metadata Pointer:", nvme.SGLSMetadataContiguous},
		{"  Oversized SGL:", nvme.SGLSOversized},
		{"  SGL Metadata Address:", nvme.SGLSMetadataSGL},
		{"  SGL Offset:", nvme.SGLSOffset},
		{"  Transport SGL Data Block:", nvme.SGLSTransport},
	}
)

// heading names the controller.
func (r *Report) heading(t *text) {
	line := strings.Repeat("=", 53)
	kind := "NVMeoF"
	if r.Trid.Trtype == nvme.TrtypePCIe {
		kind = "NVMe"
	}
	t.printf("%s\n%s Controller at %s\n%s\n", line, kind, r.Name, line)
	t.hexDump(nvme.Bytes(r.Controller))
}

// capabilities writes what the registers and the controller as a whole say.
func (r *Report) capabilities(t *text) {
	c := r.Controller
	t.section(wide, "Controller Capabilities/Features")
	t.field("Vendor ID:", "%04x", c.VID)
	t.field("Subsystem Vendor ID:", "%04x", c.SSVID)
	t.field("Serial Number:", "%s", str(c.SN[:]))
	t.field("Model Number:", "%s", str(c.MN[:]))
	t.field("Firmware Version:", "%s", str(c.FR[:]))
	t.field("Recommended Arb Burst:", "%d", c.RAB)
	t.field("IEEE OUI Identifier:", "%02x %02x %02x", c.IEEE[0], c.IEEE[1], c.IEEE[2])
	t.printf("Multi-path I/O\n")
	t.yesNo("  May have multiple subsystem ports:", c.CMIC&nvme.CMICMultiplePorts != 0)
	t.yesNo("  May have multiple controllers:", c.CMIC&nvme.CMICMultipleControllers != 0)
	t.yesNo("  Associated with SR-IOV VF:", c.CMIC&nvme.CMICSRIOV != 0)
	if c.MDTS == 0 || c.MDTS > 32 {
		t.field("Max Data Transfer Size:", "Unlimited")
	} else {
		t.field("Max Data Transfer Size:", "%d", uint64(r.CAP.MinPageSize())<<c.MDTS)
	}
	t.field("Max Number of Namespaces:", "%d", c.NN)
	t.field("Max Number of I/O Queues:", "%d", r.NumIOQueues)
	t.field("NVMe Specification Version (VS):", "%v", r.Version)
	if c.VER != 0 {
		t.field("NVMe Specification Version (Identify):", "%v", c.VER)
	}
	r.registers(t)
	t.printf("Optional Asynchronous Events Supported\n")
	t.bits(c.OAES, eventBits)
	t.printf("Controller Attributes\n")
	t.bits(c.CTRATT, attributeBits)
	t.line()
}

func (r *Report) registers(t *text) {
	c := r.CAP
	t.field("Maximum Queue Entries:", "%d", c.MaxQueueEntries())
	t.yesNo("Contiguous Queues Required:", c.CQR())
	t.printf("Arbitration Mechanisms Supported\n")
	t.supported("  Weighted Round Robin:", c.AMS()&1 != 0)
	t.supported("  Vendor Specific:", c.AMS()&2 != 0)
	t.field("Reset Timeout:", "%d ms", c.TimeoutMS())
	t.field("Doorbell Stride:", "%d bytes", c.DoorbellStride())
	t.supported("NVM Subsystem Reset:", c.NSSRS())
	t.printf("Command Sets Supported\n")
	t.supported("  NVM Command Set:", c.CSS()&1 != 0)
	t.supported("Boot Partition:", c.BPS())
	t.field("Memory Page Size Minimum:", "%d bytes", c.MinPageSize())
	t.field("Memory Page Size Maximum:", "%d bytes", c.MaxPageSize())
	t.supported("Persistent Memory Region:", c.PMRS())
}

// buffers writes about the memory that the controller has.
func (r *Report) buffers(t *text) {
	t.section(wide, "Controller Memory Buffer Support")
	t.yesNo("Supported:", r.CMBSZ != 0)
	if s := r.CMBSZ; s != 0 {
		t.field("Total Size:", "%d bytes", s.Size())
		t.supported("Submission Queues in CMB:", s.SQS())
		t.supported("Completion Queues in CMB:", s.CQS())
		t.supported("Read data and metadata in CMB", s.RDS())
		t.supported("Write data and metadata in CMB:", s.WDS())
	}
	t.line()
	t.section(wide, "Persistent Memory Region Support")
	t.yesNo("Supported:", r.CAP.PMRS())
	if r.CAP.PMRS() {
		t.supported("Read data and metadata in PMR", r.PMRCAP.RDS())
		t.supported("Write data and metadata in PMR:", r.PMRCAP.WDS())
	}
	t.line()
}

// admin writes the attributes of the admin command set.
func (r *Report) admin(t *text) {
	c := r.Controller
	t.section(wide, "Admin Command Set Attributes")
	t.bits(uint32(c.OACS), adminBits)
	t.field("Abort Command Limit:", "%d", int(c.ACL)+1)
	t.field("Async Event Request Limit:", "%d", int(c.AERL)+1)
	r.firmwareAttributes(t)
	t.yesNo("Per-Namespace SMART Log:", c.LPA&nvme.LPASMARTPerNamespace != 0)
	r.anaAttributes(t)
	t.field("Subsystem NQN:", "%s", str(c.SUBNQN[:]))
	t.supported("Command Effects Log Page:", c.LPA&nvme.LPACommandEffects != 0)
	t.supported("Get Log Page Extended Data:", c.LPA&nvme.LPAExtendedData != 0)
	t.supported("Telemetry Log Pages:", c.LPA&nvme.LPATelemetry != 0)
	t.supported("Persistent Event Log Pages:", c.LPA&nvme.LPAPersistentEvent != 0)
	pages := c.LPA&nvme.LPASupportedLogPages != 0
	t.choice("Supported Log Pages Log Page:", pages, "Supported", "May Support")
	t.supported("Commands Supported & Effects Log Page:", pages)
	t.choice("Feature Identifiers & Effects Log Page:", pages, "Supported", "May Support")
	t.choice("NVMe-MI Commands & Effects Log Page:", pages, "Supported", "May Support")
	t.supported("Data Area 4 for Telemetry Log:", c.LPA&nvme.LPATelemetryDataArea4 != 0)
	t.field("Error Log Page Entries Supported:", "%d", int(c.ELPE)+1)
	t.supported("Keep Alive:", c.KAS != 0)
	if c.KAS != 0 {
		t.field("Keep Alive Granularity:", "%d ms", int(c.KAS)*100)
	}
	t.line()
}

func (r *Report) firmwareAttributes(t *text) {
	c := r.Controller
	if c.OACS&nvme.OACSFirmware != 0 {
		t.field("Number of Firmware Slots:", "%d", c.FRMW>>nvme.FRMWSlotsShift&7)
		t.yesNo("Firmware Slot 1 Read-Only:", c.FRMW&nvme.FRMWSlot1ReadOnly != 0)
		t.yesNo("Firmware Activation Without Reset:", c.FRMW&nvme.FRMWActivateWithoutReset != 0)
		t.yesNo("Multiple Update Detection Support:", c.FRMW&nvme.FRMWMultipleUpdate != 0)
	} else {
		for _, name := range []string{"Number of Firmware Slots:", "Firmware Slot 1 Read-Only:",
			"Firmware Activation Without Reset:", "Multiple Update Detection Support:"} {
			t.field(name, "N/A")
		}
	}
	switch c.FWUG {
	case 0:
		t.field("Firmware Update Granularity:", "No Information Provided")
	case 0xff:
		t.field("Firmware Update Granularity:", "No Restriction")
	default:
		t.field("Firmware Update Granularity:", "%d KiB", int(c.FWUG)*4)
	}
}

func (r *Report) anaAttributes(t *text) {
	c := r.Controller
	on := c.CMIC&nvme.CMICANAReporting != 0
	t.supported("Asymmetric Namespace Access Log Page:", on)
	if !on {
		return
	}
	t.width = 37
	defer func() { t.width = wide }()
	t.field("ANA Transition Time                 :", " %d sec", c.ANATT)
	t.printf("\nAsymmetric Namespace Access Capabilities\n")
	t.bits(uint32(c.ANACAP), anaBits)
	t.yesNo("  ANAGRPID is not changed           :", c.ANACAP&nvme.ANACAPStaticGroupID != 0)
	t.supported("  Non-Zero ANAGRPID for NS Mgmt Cmd :", c.ANACAP&nvme.ANACAPNonZeroGroupID != 0)
	t.line()
	t.field("ANA Group Identifier Maximum        :", "%d", c.ANAGRPMAX)
	t.field("Number of ANA Group Identifiers     :", "%d", c.NANAGRPID)
	t.field("Max Number of Allowed Namespaces    :", "%d", c.MNAN)
}

// nvm writes the attributes of the NVM command set.
func (r *Report) nvm(t *text) {
	c := r.Controller
	t.section(narrow, "NVM Command Set Attributes")
	t.printf("Submission Queue Entry Size\n")
	t.field("  Max:", "%d", 1<<(c.SQES>>4))
	t.field("  Min:", "%d", 1<<(c.SQES&15))
	t.printf("Completion Queue Entry Size\n")
	t.field("  Max:", "%d", 1<<(c.CQES>>4))
	t.field("  Min:", "%d", 1<<(c.CQES&15))
	t.field("Number of Namespaces:", "%d", c.NN)
	t.bits(uint32(c.ONCS), nvmBits)
	t.choice("Volatile Write Cache:", c.VWC&nvme.VWCPresent != 0, "Present", "Not Present")
	t.field("Atomic Write Unit (Normal):", "%d", int(c.AWUN)+1)
	t.field("Atomic Write Unit (PFail):", "%d", int(c.AWUPF)+1)
	t.field("Atomic Compare & Write Unit:", "%d", int(c.ACWU)+1)
	t.supported("Fused Compare & Write:", c.FUSES&nvme.FUSESCompareWrite != 0)
	t.printf("Scatter-Gather List\n")
	sgl := map[uint32]string{nvme.SGLSSupported: "Supported", nvme.SGLSSupportedDword: "Supported (Dword aligned)"}[c.SGLS&nvme.SGLSSupportedMask]
	if sgl == "" {
		sgl = "Not Supported"
	}
	t.field("  SGL Command Set:", "%s", sgl)
	t.bits(c.SGLS, sglBits)
	if units := c.RPMBS & 7; units > 0 {
		t.printf("Replay Protected Memory Block:  Supported\n")
		t.printf("  Number of RPMB Units:  %d\n", units)
		t.printf("  Authentication Method: %s\n", map[uint32]string{0: "HMAC SHA-256"}[c.RPMBS>>3&7])
		t.printf("  Total Size (in 128KB units) = %d\n", c.RPMBS>>16&0xff+1)
		t.printf("  Access Size (in 512B units) = %d\n", c.RPMBS>>24&0xff+1)
	} else {
		t.printf("Replay Protected Memory Block:  Not Supported\n")
	}
	for i, d := range []uint16{c.CRDT1, c.CRDT2, c.CRDT3} {
		if d != 0 {
			t.printf("Command Retry Delay Time %d:  %d milliseconds\n", i+1, int(d)*100)
		}
	}
	t.line()
}

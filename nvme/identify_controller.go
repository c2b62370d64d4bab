// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// IdentifyController is the Identify Controller data structure (CNS 01h,
// section 5.17.2). Text fields are padded with spaces; see [Text].
type IdentifyController struct {
	_ structs.HostLayout

	VID       uint16   // PCI vendor id
	SSVID     uint16   // PCI subsystem vendor id
	SN        [20]byte // serial number
	MN        [40]byte // model number
	FR        [8]byte  // firmware revision
	RAB       uint8    // recommended arbitration burst, power of two of commands
	IEEE      [3]byte  // OUI, least significant byte first
	CMIC      uint8    // CMIC bits
	MDTS      uint8    // power of two of CAP.MPSMIN pages; 0 is no limit
	CNTLID    uint16   // controller id
	VER       VS       // version
	RTD3R     uint32   // RTD3 resume latency in µs
	RTD3E     uint32   // RTD3 entry latency in µs
	OAES      uint32   // OAES bits
	CTRATT    uint32   // CTRATT bits
	RRLS      uint16   // read recovery levels supported, a bit each
	BPCAP     uint8    // boot partition capabilities (Base 2.1)
	_         [1]byte
	NSSL      uint32 // NVM subsystem shutdown latency in µs (Base 2.1)
	_         [2]byte
	PLSI      uint8    // power loss signaling information (Base 2.1)
	CNTRLTYPE uint8    // ControllerType values
	FGUID     [16]byte // FRU globally unique identifier, big endian
	CRDT1     uint16   // command retry delay times in 100 ms
	CRDT2     uint16
	CRDT3     uint16
	CRCAP     uint8 // controller reachability capabilities (Base 2.1)
	_         [118]byte
	NVMSR     uint8   // NVM subsystem report: bit 0 storage device, bit 1 enclosure
	VWCI      uint8   // VPD write cycles: bits 6:0 remaining, bit 7 valid
	MEC       uint8   // management endpoint: bit 0 SMBus, bit 1 PCIe
	OACS      uint16  // OACS bits
	ACL       uint8   // abort command limit, 0's based
	AERL      uint8   // asynchronous event request limit, 0's based
	FRMW      uint8   // FRMW bits
	LPA       uint8   // LPA bits
	ELPE      uint8   // error log page entries, 0's based
	NPSS      uint8   // number of power states supported, 0's based
	AVSCC     uint8   // bit 0: admin vendor commands use the standard format
	APSTA     uint8   // bit 0: autonomous power state transitions supported
	WCTEMP    uint16  // warning composite temperature threshold in K
	CCTEMP    uint16  // critical composite temperature threshold in K
	MTFA      uint16  // maximum time for firmware activation in 100 ms
	HMPRE     uint32  // host memory buffer preferred size in 4 KiB
	HMMIN     uint32  // host memory buffer minimum size in 4 KiB
	TNVMCAP   Uint128 // total NVM capacity in bytes
	UNVMCAP   Uint128 // unallocated NVM capacity in bytes
	RPMBS     uint32  // replay protected memory block support
	EDSTT     uint16  // extended device self-test time in minutes
	DSTO      uint8   // bit 0: one self-test at a time in the subsystem
	FWUG      uint8   // firmware update granularity in 4 KiB; FFh is none
	KAS       uint16  // keep alive granularity in 100 ms; 0 is not supported
	HCTMA     uint16  // bit 0: host controlled thermal management
	MNTMT     uint16  // minimum thermal management temperature in K
	MXTMT     uint16  // maximum thermal management temperature in K
	SANICAP   uint32  // SANICAP bits
	HMMINDS   uint32  // host memory buffer minimum descriptor entry in 4 KiB
	HMMAXD    uint16  // host memory maximum descriptor entries
	NSETIDMAX uint16  // NVM set identifier maximum
	ENDGIDMAX uint16  // endurance group identifier maximum
	ANATT     uint8   // ANA transition time in s
	ANACAP    uint8   // ANACAP bits
	ANAGRPMAX uint32  // ANA group identifier maximum
	NANAGRPID uint32  // number of ANA group identifiers
	PELS      uint32  // persistent event log size in 64 KiB
	DOMAINID  uint16  // domain identifier
	KPIOC     uint8   // key per I/O capabilities (Base 2.1)
	_         [1]byte
	MPTFAWR   uint16 // time for firmware activation without reset in 100 ms
	_         [6]byte
	MEGCAP    Uint128 // maximum endurance group capacity in bytes
	TMPTHHA   uint8   // temperature threshold hysteresis (Base 2.1)
	_         [1]byte
	CQT       uint16 // command quiesce time in ms (Base 2.1)
	_         [124]byte
	SQES      uint8   // bits 3:0 required, 7:4 largest, powers of two of bytes
	CQES      uint8   // likewise for completion queue entries
	MAXCMD    uint16  // maximum outstanding commands; 0 is not said
	NN        uint32  // the largest valid namespace id
	ONCS      uint16  // ONCS bits
	FUSES     uint16  // FUSES bits
	FNA       uint8   // FNA bits
	VWC       uint8   // VWC bits
	AWUN      uint16  // atomic write unit normal in blocks, 0's based
	AWUPF     uint16  // atomic write unit power fail in blocks, 0's based
	ICSVSCC   uint8   // bit 0: I/O vendor commands use the standard format
	NWPC      uint8   // namespace write protection capabilities
	ACWU      uint16  // atomic compare and write unit in blocks, 0's based
	OCFS      uint16  // copy descriptor formats supported, a bit each
	SGLS      uint32  // SGLS bits
	MNAN      uint32  // maximum number of allowed namespaces; 0 is NN
	MAXDNA    Uint128 // maximum domain namespace attachments
	MAXCNA    uint32  // maximum I/O controller namespace attachments
	OAQD      uint32  // optimal aggregated queue depth (Base 2.1)
	RHIRI     uint8   // recommended host-initiated refresh interval in days (Base 2.1)
	HIRT      uint8   // host-initiated refresh time in minutes (Base 2.1)
	CMMRTD    uint16  // controller maximum memory range tracking descriptors (Base 2.1)
	NMMRTD    uint16  // NVM subsystem maximum memory range tracking descriptors (Base 2.1)
	MINMRTG   uint8   // minimum memory range tracking granularity (Base 2.1)
	MAXMRTG   uint8   // maximum memory range tracking granularity (Base 2.1)
	TRATTR    uint8   // tracking attributes (Base 2.1)
	_         [1]byte
	MCUDMQ    uint16 // maximum controller user data migration queues (Base 2.1)
	MNSUDMQ   uint16 // maximum NVM subsystem user data migration queues (Base 2.1)
	MCMR      uint16 // maximum CDQ memory ranges (Base 2.1)
	NMCMR     uint16 // NVM subsystem maximum CDQ memory ranges (Base 2.1)
	MCDQPC    uint16 // maximum controller data queue PRP count (Base 2.1)
	_         [180]byte
	SUBNQN    [256]byte // NVM subsystem NQN, ends at the first zero byte
	_         [768]byte
	IOCCSZ    uint32 // I/O command capsule size in 16 bytes (Fabrics)
	IORCSZ    uint32 // I/O response capsule size in 16 bytes (Fabrics)
	ICDOFF    uint16 // in capsule data offset in 16 bytes (Fabrics)
	FCATT     uint8  // bit 0: static controller model (Fabrics)
	MSDBD     uint8  // maximum SGL data block descriptors; 0 is no limit (Fabrics)
	OFCS      uint16 // bit 0: Disconnect supported (Fabrics)
	DCTYPE    uint8  // discovery controller type (Fabrics)
	_         [241]byte
	PSD       [32]PowerStateDescriptor
	VS        [1024]byte // vendor specific
}

// PowerStateDescriptor is a power state.
type PowerStateDescriptor struct {
	_ structs.HostLayout

	MP    uint16 // maximum power in units of Flags' MXPS
	_     uint8
	Flags uint8  // bit 0 MXPS: units of 0.0001 W, not 0.01 W; bit 1 NOPS: not operational
	ENLAT uint32 // entry latency in µs
	EXLAT uint32 // exit latency in µs
	RRT   uint8  // relative read throughput, lower is better
	RRL   uint8  // relative read latency
	RWT   uint8  // relative write throughput
	RWL   uint8  // relative write latency
	IDLP  uint16 // idle power in units of IPS
	IPS   uint8  // bits 7:6 idle power scale: 1 is 0.0001 W, 2 is 0.01 W
	_     uint8
	ACTP  uint16 // active power in units of APS
	APW   uint8  // bits 2:0 active power workload, 7:6 active power scale
	_     [9]byte
}

// MaxPower returns the maximum power in mW, 0 if not reported.
func (p *PowerStateDescriptor) MaxPower() float64 {
	if p.Flags&1 != 0 {
		return float64(p.MP) / 10
	}
	return float64(p.MP) * 10
}

// NonOperational reports whether the controller processes no I/O in the state.
func (p *PowerStateDescriptor) NonOperational() bool { return p.Flags&2 != 0 }

// MaxTransferSize returns the largest data transfer of a command in bytes, 0
// for no limit. PageSize is CAP.MinPageSize.
func (c *IdentifyController) MaxTransferSize(pageSize int) uint64 {
	if c.MDTS == 0 {
		return 0
	}
	return shiftOrMax(uint64(pageSize), c.MDTS)
}

// NumPowerStates returns the number of valid entries of PSD, 1 to 32.
func (c *IdentifyController) NumPowerStates() int { return min(int(c.NPSS), len(c.PSD)-1) + 1 }

// NumErrorEntries returns the number of entries that the Error Information log
// can hold.
func (c *IdentifyController) NumErrorEntries() int { return int(c.ELPE) + 1 }

// FirmwareSlots returns the number of firmware slots.
func (c *IdentifyController) FirmwareSlots() int { return int(c.FRMW >> 1 & 7) }

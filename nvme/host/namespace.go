// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"fmt"
	"sync/atomic"

	"github.com/gospdk/gospdk/nvme"
)

// Namespace is a namespace of a controller. It may be used on any thread, and
// stays valid, though inactive, when the namespace goes.
type Namespace struct {
	ctrlr  *Controller
	id     uint32
	active atomic.Bool
	geo    atomic.Pointer[geometry] // never nil
	data   atomic.Pointer[nvme.IdentifyNamespace]
	ids    atomic.Pointer[nsIDs]
}

type nsIDs struct {
	csi   nvme.CSI
	nguid [16]byte
	uuid  [16]byte
	eui64 [8]byte
}

// geometry is what the data path has to know about a namespace. It is
// replaced as a whole when the namespace changes.
type geometry struct {
	size        uint64 // blocks
	sector      uint32 // bytes of data of a block
	metadata    uint32 // bytes of metadata of a block
	extended    uint32 // bytes of a block in the host's buffer
	maxIO       uint32 // blocks of one command
	maxIONoMD   uint32 // the same when metadata is not transferred
	stripe      uint32 // blocks; commands must not cross multiples of it; 0 is none
	pageSize    uint32
	maxSGEs     uint32
	sgl         bool
	pi          bool
	interleaved bool
	piType      uint8
}

// noGeometry is of a namespace that is not active: it takes no command.
var noGeometry = &geometry{extended: 1, sector: 1, pageSize: 4096}

// maxBlocksPerCommand is the limit of NLB.
const maxBlocksPerCommand = 65536

// stripped tells whether, with PRACT, metadata stays in the controller.
func (g *geometry) stripped(f IOFlags) bool {
	return f&FlagPRACT != 0 && g.interleaved && g.pi && g.metadata == 8
}

// bufferBlock returns the bytes of a block in the host's buffer.
func (g *geometry) bufferBlock(f IOFlags) uint32 {
	if g.stripped(f) {
		return g.sector
	}
	return g.extended
}

// maxBlocks returns how many blocks of that many bytes one command takes.
func (g *geometry) maxBlocks(block uint32) uint32 {
	if block == g.extended {
		return g.maxIO
	}
	return g.maxIONoMD
}

// refTagCounts tells whether the reference tag follows the LBA.
func (g *geometry) refTagCounts() bool { return g.pi && (g.piType == 1 || g.piType == 2) }

func (g *geometry) refTag(x *Transfer) uint32 {
	switch {
	case x.Flags&FlagRefTag != 0:
		return x.RefTag
	case g.refTagCounts():
		return uint32(x.LBA)
	}
	return 0
}

// ID returns the namespace identifier.
func (ns *Namespace) ID() uint32 { return ns.id }

// Controller returns the controller that the namespace belongs to.
func (ns *Namespace) Controller() *Controller { return ns.ctrlr }

// Active tells whether the namespace can be used.
func (ns *Namespace) Active() bool { return ns.active.Load() }

// Data returns the Identify Namespace data. It must not be changed.
func (ns *Namespace) Data() *nvme.IdentifyNamespace { return ns.data.Load() }

// NumBlocks returns the size in blocks.
func (ns *Namespace) NumBlocks() uint64 { return ns.geo.Load().size }

// BlockSize returns the bytes of data in a block, without metadata.
func (ns *Namespace) BlockSize() uint32 { return ns.geo.Load().sector }

// ExtendedBlockSize returns the bytes of a block in a data buffer: with
// metadata where that is interleaved.
func (ns *Namespace) ExtendedBlockSize() uint32 { return ns.geo.Load().extended }

// MetadataSize returns the bytes of metadata of a block.
func (ns *Namespace) MetadataSize() uint32 { return ns.geo.Load().metadata }

// Interleaved tells whether metadata follows the data of each block in the
// data buffer, rather than being in a buffer of its own.
func (ns *Namespace) Interleaved() bool { return ns.geo.Load().interleaved }

// ProtectionType returns the type of end-to-end protection, 1 to 3; 0 if none.
func (ns *Namespace) ProtectionType() uint8 { return ns.geo.Load().piType }

// Size returns the size in bytes of data.
func (ns *Namespace) Size() uint64 {
	g := ns.geo.Load()
	return g.size * uint64(g.sector)
}

// MaxIOBlocks returns how many blocks one command takes. More is split.
func (ns *Namespace) MaxIOBlocks() uint32 { return ns.geo.Load().maxIO }

// OptimalIOBoundary returns the blocks at whose multiples commands are split;
// 0 if they are not.
func (ns *Namespace) OptimalIOBoundary() uint32 { return ns.geo.Load().stripe }

// CSI returns the command set identifier.
func (ns *Namespace) CSI() nvme.CSI { return ns.identifiers().csi }

// NGUID, UUID and EUI64 return globally unique identifiers; zero if the
// controller gave none.
func (ns *Namespace) NGUID() [16]byte { return ns.identifiers().nguid }

// UUID is described at NGUID.
func (ns *Namespace) UUID() [16]byte { return ns.identifiers().uuid }

// EUI64 is described at NGUID.
func (ns *Namespace) EUI64() [8]byte { return ns.identifiers().eui64 }

func (ns *Namespace) identifiers() nsIDs {
	if p := ns.ids.Load(); p != nil {
		return *p
	}
	return nsIDs{}
}

func (ns *Namespace) deactivate() {
	ns.active.Store(false)
	ns.geo.Store(noGeometry)
}

// setData takes over what Identify Namespace said, if it makes sense.
func (ns *Namespace) setData(d *nvme.IdentifyNamespace) error {
	g, err := ns.ctrlr.geometryOf(d)
	if err != nil {
		ns.deactivate()
		return fmt.Errorf("host: namespace %d: %w", ns.id, err)
	}
	ns.data.Store(d)
	if g == nil {
		ns.deactivate()
		return nil
	}
	if nvmeLog.Enabled() && g.stripe != 0 {
		what := "optimal IO boundary"
		if d.NOIOB == 0 {
			what = "stripe size quirk"
		}
		nvmeLog.Debugf("%v ns %d %s %d blocks", ns.ctrlr, ns.id, what, g.stripe)
	}
	ns.geo.Store(g)
	ns.active.Store(true)
	return nil
}

// Bounds of what a namespace may sensibly say.
const (
	minLBADS = 9
	maxLBADS = 20
)

// geometryOf returns nil if the namespace is not active.
func (c *Controller) geometryOf(d *nvme.IdentifyNamespace) (*geometry, error) {
	if d.NSZE == 0 {
		return nil, nil
	}
	index := d.FormatIndex()
	if index > int(d.NLBAF)+int(d.NULBAF) || index >= len(d.LBAF) {
		return nil, fmt.Errorf("format index %d of %d", index, int(d.NLBAF)+int(d.NULBAF)+1)
	}
	f := d.LBAF[index]
	if ds := f.LBADS; ds < minLBADS || ds > maxLBADS {
		return nil, fmt.Errorf("LBADS %d: a block must have 2^%d to 2^%d bytes", ds, minLBADS, maxLBADS)
	}
	g := &geometry{
		size: d.NSZE, sector: 1 << f.LBADS, metadata: uint32(f.MS), interleaved: d.ExtendedLBA(),
		pageSize: c.pageSize, maxSGEs: c.maxSGEs, sgl: c.has(flagSGL),
	}
	if g.size > 1<<63/uint64(g.sector) {
		return nil, fmt.Errorf("NSZE %#x: more than 2^63 bytes", d.NSZE)
	}
	g.extended = g.sector
	if g.interleaved {
		g.extended += g.metadata
	}
	if t := d.ProtectionType(); g.metadata >= 8 && t >= 1 && t <= 3 {
		g.pi, g.piType = true, uint8(t)
	}
	limit := c.maxTransfer.Load()
	g.maxIO = min(limit/g.extended, maxBlocksPerCommand)
	g.maxIONoMD = min(limit/g.sector, maxBlocksPerCommand)
	if c.quirks&quirkMDTSExcludeMD != 0 {
		g.maxIO = g.maxIONoMD
	}
	if g.maxIO == 0 {
		return nil, fmt.Errorf("a block of %d bytes exceeds the largest transfer of %d", g.extended, limit)
	}
	id := c.identify.Load()
	switch {
	case d.NOIOB != 0:
		g.stripe = uint32(d.NOIOB)
	case c.quirks&quirkStriping != 0 && id.VS[3] != 0 && id.VS[3] < 16:
		g.stripe = uint32((uint64(c.pageSize) << id.VS[3]) / uint64(g.sector))
	}
	return g, nil
}

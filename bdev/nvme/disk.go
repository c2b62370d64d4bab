// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/thread"
)

// maxBlocks is what commands with a 16-bit number of blocks take.
const maxBlocks = 1 << 16

// Disk is the device of a namespace.
type Disk struct {
	m         *Module
	group     *bdevCtrlr
	nsid      uint32
	info      bdev.Info
	blocks    atomic.Uint64
	identity  [40]byte
	ops       map[bdev.Op]bool
	flushes   bool
	resetting atomic.Int32 // resets under way: what they end is not tried again
	policy    atomic.Pointer[Policy]
	epoch     atomic.Uint32 // changes when channels are to choose their paths anew

	mu       sync.Mutex // guards what follows
	paths    []*nvmeNS  // in the order in which they are tried
	channels []*channel
	leaving  bool // the device is being unregistered
}

// newDisk finds out what the device of a namespace is like.
func (c *ctrlr) newDisk(ctx context.Context, hc *host.Controller, n *nvmeNS) (*Disk, error) {
	ns, id := n.ns.Load(), hc.Identify()
	d := &Disk{m: c.m, group: c.group, nsid: n.id, paths: []*nvmeNS{n}, identity: identity(ns)}
	d.setPolicy(c.cfg.Policy)
	d.blocks.Store(ns.NumBlocks())
	d.info = bdev.Info{
		Name: fmt.Sprintf("%sn%d", c.cfg.Name, n.id), Product: "NVMe disk", Module: moduleName,
		BlockSize: ns.ExtendedBlockSize(), NumBlocks: ns.NumBlocks(), NVMeNamespace: n.id,
		WriteCache: id.VWC&spec.VWCPresent != 0, OptimalIOBoundary: ns.OptimalIOBoundary(),
		MaxSegment: hc.MaxTransfer(), HasNUMA: true, NUMA: -1,
	}
	var err error
	if d.info.UUID, err = c.m.uuidOf(ns, id); err != nil {
		return nil, err
	}
	if c.cfg.Trid.Trtype != spec.TrtypeTCP {
		d.info.Alignment = 4 // of PRP entries
	}
	d.flushes = d.info.WriteCache && c.m.Options().EnableFlush
	d.ops = map[bdev.Op]bool{bdev.OpNVMeAdmin: true, bdev.OpNVMeIO: true}
	switch ns.CSI() {
	case spec.CSINVM:
		d.setOps(hc, ns)
	case spec.CSIZNS:
		d.setOps(hc, ns)
		err = d.setZones(ctx, hc, ns)
	default:
		if !c.cfg.AllowUnknownCSI {
			return nil, fmt.Errorf("command set %d is neither NVM (0) nor zoned (2); allow_unrecognized_csi makes a device for passthrough of it", ns.CSI())
		}
		d.info.Product = "NVMe Passthrough disk"
	}
	d.setSizes(id, ns.Data())
	d.setMetadata(ns, c.cfg.DIFCheck)
	d.setLimits(ctx, hc, ns)
	return d, err
}

// identity is what tells a namespace from another one with the same
// identifier.
func identity(ns *host.Namespace) (b [40]byte) {
	uid, nguid, eui := ns.UUID(), ns.NGUID(), ns.EUI64()
	copy(b[:], uid[:])
	copy(b[16:], nguid[:])
	copy(b[32:], eui[:])
	return b
}

// uuidSpace is the space of the UUIDs that are made of serial numbers.
var uuidSpace = uuid.MustParse("edaed2de-24bc-4b07-b559-f47ecbe730fd")

func (m *Module) uuidOf(ns *host.Namespace, id *spec.IdentifyController) (uuid.UUID, error) {
	if nguid := ns.NGUID(); nguid != [16]byte{} {
		return nguid, nil
	}
	if uid := ns.UUID(); uid != [16]byte{} || !m.Options().GenerateUUIDs {
		return uid, nil
	}
	return uuid.NewSHA1(uuidSpace, fmt.Appendf(nil, "%s%d", id.SN[:], ns.ID())), nil
}

func (d *Disk) setOps(hc *host.Controller, ns *host.Namespace) {
	id := hc.Identify()
	for _, op := range []bdev.Op{bdev.OpRead, bdev.OpWrite, bdev.OpFlush, bdev.OpReset, bdev.OpAbort} {
		d.ops[op] = true
	}
	d.ops[bdev.OpCompare] = id.ONCS&spec.ONCSCompare != 0
	d.ops[bdev.OpUnmap] = id.ONCS&spec.ONCSDatasetManagement != 0
	d.ops[bdev.OpWriteZeroes] = id.ONCS&spec.ONCSWriteZeroes != 0
	d.ops[bdev.OpCopy] = id.ONCS&spec.ONCSCopy != 0 && ns.Data().MSSRL > 0
	d.ops[bdev.OpCompareAndWrite] = id.FUSES&spec.FUSESCompareWrite != 0 && d.ops[bdev.OpCompare]
}

// setSizes takes over what is said of atomic and preferred sizes.
func (d *Disk) setSizes(id *spec.IdentifyController, data *spec.IdentifyNamespace) {
	i := &d.info
	block := uint32(data.BlockSize())
	atomics := data.NSFEAT&spec.NSFEATAtomics != 0
	written, physical := block, block
	if data.NABO == 0 {
		written = block * (1 + uint32(id.AWUPF))
		if atomics && data.NAWUPF != 0 {
			written = block * (1 + uint32(data.NAWUPF))
		}
	}
	if data.NSFEAT&spec.NSFEATOptimalPerformance != 0 {
		physical = block * (1 + uint32(data.NPWG))
		i.PreferredWriteGranularity = uint32(data.NPWG) + 1
		i.PreferredWriteAlignment = uint32(data.NPWA) + 1
		i.OptimalWriteSize = uint32(data.NOWS) + 1
		i.PreferredUnmapGranularity = uint32(data.NPDG) + 1
		i.PreferredUnmapAlignment = uint32(data.NPDA) + 1
	}
	i.PhysicalBlockSize = min(written, physical)
	i.AtomicCompareWrite = uint32(id.ACWU) + 1
	if atomics {
		i.AtomicCompareWrite = uint32(data.NACWU) + 1
	}
	i.ZeroesAfterUnmap = data.DLFEAT&7 == 1
}

func (d *Disk) setMetadata(ns *host.Namespace, check dif.Flags) {
	i := &d.info
	if i.MDSize = ns.MetadataSize(); i.MDSize == 0 {
		return
	}
	i.MDInterleaved = ns.Interleaved()
	if i.DIF = dif.Type(ns.ProtectionType()); i.DIF == dif.Disabled {
		return
	}
	i.DIFHeadOfMD = ns.Data().DPS&spec.DPSFirst != 0
	i.DIFCheck = check
}

// setLimits asks for the limits of the NVM command set, which older
// controllers do not know.
func (d *Disk) setLimits(ctx context.Context, hc *host.Controller, ns *host.Namespace) {
	i := &d.info
	i.MaxWriteZeroes, i.MaxUnmap, i.MaxUnmapSegments = maxBlocks, math.MaxUint32, 256
	i.MaxCopy = min(uint64(ns.Data().MSSRL), maxBlocks)
	if sges := hc.MaxSGEs(); sges > 0 {
		i.MaxSegments = sges
	}
	if requests := d.m.Options().IOQueueRequests; requests > 1 {
		i.MaxSegments = min(requests/2, max(i.MaxSegments, 1))
	}
	var limits spec.IdentifyControllerNVM
	if hc.Version() < spec.NewVS(2, 0, 0) || hc.IdentifyData(ctx, spec.CNSIOCSController, 0, 0, spec.CSINVM, spec.Bytes(&limits)) != nil {
		return
	}
	pages := uint64(hc.CAP().MinPageSize()) / uint64(i.BlockSize)
	if w := limits.WZSL; w > 0 && w <= 16 && pages > 0 {
		i.MaxWriteZeroes = min(pages<<w, maxBlocks)
	}
	if limits.DMRSL > 0 {
		i.MaxUnmap = uint64(limits.DMRSL)
	}
	if limits.DMRL > 0 {
		i.MaxUnmapSegments = uint32(limits.DMRL)
	}
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device.
func (d *Disk) Supports(op bdev.Op) bool { return d.ops[op] }

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) { return d.newChannel(t) }

// Close implements bdev.Device.
func (d *Disk) Close(context.Context) error {
	d.m.dropDisk(d)
	for _, n := range d.listPaths() {
		n.c.forget(n)
	}
	d.group.lookAgain(d.m) // for a namespace that waits for the name
	return nil
}

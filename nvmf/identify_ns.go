// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/nvme"
)

// Limits of Copy (NVM Command Set 1.0, 4.1.5.1).
const (
	copyRanges      = 128
	copyRangeBlocks = 65535
	copyTotalBlocks = 1 << 20
)

// Bits of Identify Namespace (NVM Command Set 1.0, figure 97).
const (
	nsfeatThin       = 1 << 0
	nsfeatAtomics    = 1 << 1 // NAWUN, NAWUPF and NACWU are the namespace's own
	nsfeatOptimal    = 1 << 4
	nmicShared       = 1 << 0
	flbasInterleaved = 1 << 4
	mcInterleaved    = 1 << 0
	mcSeparate       = 1 << 1
	dlfeatZeroes     = 1
	nstatReady       = 1
)

// identifyNamespace is CNS 00h, where an identifier that is not attached gives
// zeroes and FFFFFFFFh what all namespaces have in common, and CNS 11h.
func (c *Controller) identifyNamespace(p []byte, nsid uint32, active bool) nvme.Status {
	id, _ := nvme.View[nvme.IdentifyNamespace](p)
	ns := c.namespace(nsid)
	switch {
	case ns != nil:
		c.describeNamespace(id, ns)
	case nsid == allNamespaces && active:
		// Only with namespace management is there anything to say, and
		// hosts cannot manage namespaces here.
		return nvme.StatusInvalidNamespace
	case nsid == 0 || nsid > uint32(len(c.home.ns)):
		return nvme.StatusInvalidNamespace
	}
	return nvme.StatusSuccess
}

func (c *Controller) describeNamespace(id *nvme.IdentifyNamespace, ns *nsChannel) {
	info := &ns.ns.info
	id.NSZE, id.NCAP, id.NUSE = ns.blocks, ns.blocks, ns.blocks
	id.NMIC = nmicShared
	id.RESCAP = rescapTypes
	if ns.ns.reservations.file != "" {
		id.RESCAP |= nvme.RESCAPPersist
	}
	if c.sub.opts.ANAReporting {
		id.ANAGRPID = ns.ns.ANAGroup()
		if anaStatus(c.access().state(id.ANAGRPID)) == nvme.StatusANAInaccessible {
			id.NUSE = 0 // NVMe Base 2.0, 8.1.3.3
		}
	}
	id.NSFEAT = nsfeatOptimal | nsfeatAtomics
	id.LBAF[0].LBADS = ns.logBlock()
	if info.MDSize > 0 {
		id.LBAF[0].MS = uint16(info.MDSize)
		id.MC = mcSeparate
		if info.MDInterleaved {
			id.MC = mcInterleaved
			id.FLBAS = flbasInterleaved
		}
		if protects(info) {
			describeProtection(id, info)
		}
	}
	if info.ZeroesAfterUnmap {
		id.DLFEAT = dlfeatZeroes
	}
	physical := uint16(max(info.PhysicalBlockSize/info.BlockSize, 1) - 1)
	unit := uint16(max(info.WriteUnit, 1) - 1)
	id.NPWG, id.NPWA = max(physical, unit), max(physical, unit)
	id.NPDG, id.NPDA = physical, physical
	id.NOWS = uint16(min(ns.maxBlocks, 65536) - 1)
	id.NACWU = uint16(min(ns.fusedLimit(), 65536) - 1)
	// The Linux driver takes a boundary beyond MDTS for one at MDTS.
	id.NOIOB = uint16(min(info.OptimalIOBoundary, ns.maxBlocks, 65535))
	if ns.supports(nvme.CmdCopy) {
		id.MSSRL, id.MCL, id.MSRC = copyRangeBlocks, copyTotalBlocks, copyRanges-1
	}
	id.NVMCAP = nvme.NewUint128(0, ns.blocks*uint64(info.DataSize()))
	id.NGUID, id.EUI64 = ns.ns.nguid, ns.ns.eui64
}

// identifyNamespaceNVM is CNS 05h: no storage tags, no extended protection
// information, so all is zero.
func (c *Controller) identifyNamespaceNVM(_ []byte, nsid uint32) nvme.Status {
	if nsid == 0 || nsid > uint32(len(c.home.ns)) {
		return nvme.StatusInvalidNamespace
	}
	return nvme.StatusSuccess
}

// identifyIndependent is CNS 08h.
func (c *Controller) identifyIndependent(p []byte, nsid uint32) nvme.Status {
	if nsid == 0 || nsid > uint32(len(c.home.ns)) {
		return nvme.StatusInvalidNamespace
	}
	if c.namespace(nsid) == nil {
		return nvme.StatusSuccess
	}
	p[1] = nmicShared
	p[14] = nstatReady
	return nvme.StatusSuccess
}

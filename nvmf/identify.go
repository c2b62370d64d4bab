// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"
	"math/bits"

	"github.com/gospdk/gospdk/nvme"
)

// I/O command sets (NVMe Base 2.0, figure 274).
const (
	csiNVM  = 0
	csiZNS  = 2
	csiLast = csiZNS
)

// putString fills p with s padded by spaces, as identify strings are.
func putString(p []byte, s string) {
	for i := range p[copy(p, s):] {
		p[len(s)+i] = ' '
	}
}

// identify executes Identify (NVMe Base 2.0, 5.17).
func (c *Controller) identify(r *Request) nvme.Status {
	cmd := &r.Cmd
	if cmd.CDW14&uuidIndexMask != 0 {
		return nvme.StatusInvalidField.WithDNR()
	}
	p := c.admin.page[:]
	clear(p)
	s := c.identifyPage(p, nvme.CNS(cmd.CDW10), cmd)
	if s == nvme.StatusSuccess {
		r.reply(p)
		return s
	}
	return s.WithDNR()
}

// identifyPage fills p for the given CNS. Namespaces are not created and
// attached by hosts, so those that are allocated are those that are attached.
func (c *Controller) identifyPage(p []byte, cns nvme.CNS, cmd *nvme.Command) nvme.Status {
	csi := uint8(cmd.CDW11 >> 24)
	if c.sub.discovery && cns != nvme.CNSController {
		return nvme.StatusInvalidField
	}
	switch cns {
	case nvme.CNSNamespace, nvme.CNSAllocatedNamespace:
		return c.identifyNamespace(p, cmd.NSID, cns == nvme.CNSNamespace)
	case nvme.CNSController:
		c.identifyController(p)
	case nvme.CNSActiveNamespaces, nvme.CNSAllocatedNamespaces:
		return c.listNamespaces(p, cmd.NSID, nil)
	case nvme.CNSNamespaceDescriptors:
		return c.namespaceDescriptors(p, cmd.NSID)
	case nvme.CNSIOCSActiveNamespaces, nvme.CNSIOCSAllocatedNamespaces:
		if !c.has(csi) {
			return nvme.StatusInvalidField
		}
		return c.listNamespaces(p, cmd.NSID, &csi)
	case nvme.CNSIOCSNamespace, nvme.CNSIOCSAllocatedNamespace:
		switch {
		case !c.has(csi):
			return nvme.StatusInvalidIOCS
		case csi == csiZNS:
			return c.identifyZoned(p, cmd.NSID)
		}
		return c.identifyNamespaceNVM(p, cmd.NSID)
	case nvme.CNSIOCSController:
		if !c.has(csi) {
			return nvme.StatusInvalidIOCS
		}
		if csi == csiZNS {
			p[0] = c.zasl()
			break
		}
		// What is zero has no limit beyond MDTS.
		p[1] = c.sub.opts.WZSL
		binary.LittleEndian.PutUint32(p[4:], c.sub.opts.DMRSL)
	case nvme.CNSIndependentNamespace:
		return c.identifyIndependent(p, cmd.NSID)
	case nvme.CNSNamespaceControllers:
		if c.namespace(cmd.NSID) == nil {
			return nvme.StatusInvalidField
		}
		c.listControllers(p, uint16(cmd.CDW10>>16))
	case nvme.CNSControllers:
		c.listControllers(p, uint16(cmd.CDW10>>16))
	case nvme.CNSIOCommandSets:
		id := uint16(cmd.CDW10 >> 16)
		if id != 0xffff && id != c.id {
			return nvme.StatusInvalidField
		}
		p[0] = 1 << csiNVM // one combination: all that there are
		if c.hasZones() {
			p[0] |= 1 << csiZNS
		}
	default:
		return nvme.StatusInvalidField
	}
	return nvme.StatusSuccess
}

// listNamespaces lists those above nsid in increasing order, of a command set
// unless csi is nil.
func (c *Controller) listNamespaces(p []byte, nsid uint32, csi *uint8) nvme.Status {
	if nsid >= allNamespaces-1 {
		return nvme.StatusInvalidNamespace
	}
	for _, ns := range c.home.ns[min(int(nsid), len(c.home.ns)):] {
		if len(p) == 0 {
			break
		}
		if ns != nil && (csi == nil || *csi == ns.csi()) {
			binary.LittleEndian.PutUint32(p, ns.nsid)
			p = p[4:]
		}
	}
	return nvme.StatusSuccess
}

// listControllers lists the subsystem's controllers from id on.
func (c *Controller) listControllers(p []byte, id uint16) {
	n := uint16(0)
	for _, other := range c.sub.controllerIDs() {
		if other >= id && n < 2047 {
			n++
			binary.LittleEndian.PutUint16(p[2*n:], other)
		}
	}
	binary.LittleEndian.PutUint16(p, n)
}

// Types of namespace identification descriptors (NVMe Base 2.0, figure 276).
const (
	nidtEUI64 = 1
	nidtNGUID = 2
	nidtUUID  = 3
	nidtCSI   = 4
)

func (c *Controller) namespaceDescriptors(p []byte, nsid uint32) nvme.Status {
	ns := c.namespace(nsid)
	if ns == nil {
		return nvme.StatusInvalidNamespace
	}
	add := func(typ uint8, id []byte) {
		p[0], p[1] = typ, uint8(len(id))
		copy(p[4:], id)
		p = p[4+len(id):]
	}
	if id := ns.ns.eui64; id != [8]byte{} {
		add(nidtEUI64, id[:])
	}
	if id := ns.ns.nguid; id != [16]byte{} {
		add(nidtNGUID, id[:])
	}
	if id := ns.ns.uuid; id != [16]byte{} {
		add(nidtUUID, id[:])
	}
	add(nidtCSI, []byte{ns.csi()})
	return nvme.StatusSuccess
}

const (
	controllerTypeIO = 1
	copyFormat0      = 1
)

func (c *Controller) identifyController(p []byte) {
	o := &c.sub.opts
	id, _ := nvme.View[nvme.IdentifyController](p)
	id.VID, id.SSVID = c.opts.VendorID, c.opts.SubsystemVendorID
	putString(id.SN[:], o.Serial)
	putString(id.MN[:], o.Model)
	putString(id.FR[:], o.Firmware)
	id.RAB = 6
	id.IEEE = [3]byte{c.opts.OUI[2], c.opts.OUI[1], c.opts.OUI[0]}
	id.CMIC = nvme.CMICMultipleControllers
	id.MDTS = uint8(bits.TrailingZeros32(c.opts.MaxDataSize / 4096))
	id.CNTLID = c.id
	id.VER = Version
	id.OAES = nvme.OAESNamespaceAttribute
	id.CTRATT = nvme.CTRATTHostID128 | nvme.CTRATTTrafficKeepAlive
	id.CNTRLTYPE = controllerTypeIO
	if c.opts.DoorbellBuffers {
		id.OACS = nvme.OACSDoorbellBufferConfig
	}
	id.ACL = abortLimit - 1
	id.AERL = maxAER - 1
	id.FRMW = nvme.FRMWSlot1ReadOnly | 1<<1
	id.LPA = nvme.LPACommandEffects | nvme.LPAExtendedData | nvme.LPASupportedLogPages
	id.ELPE = errorEntries - 1
	id.WCTEMP, id.CCTEMP = defaultTemperature, 373
	id.KAS = uint16(c.opts.keepAliveUnits() / 100)
	crdt := c.sub.target.Config().CRDT
	id.CRDT1, id.CRDT2, id.CRDT3 = crdt[0], crdt[1], crdt[2]
	id.SQES, id.CQES = 0x66, 0x44
	id.MAXCMD = uint16(min(c.opts.QueueEntries, 65535))
	id.NN = uint32(len(c.home.ns))
	id.MNAN = uint32(len(c.home.ns))
	id.ONCS = c.oncs()
	if c.supportsFused() && c.opts.MaskedFUSES&nvme.FUSESCompareWrite == 0 {
		id.FUSES = nvme.FUSESCompareWrite
	}
	id.VWC = nvme.VWCBroadcastNotSupported
	if c.hasWriteCache() {
		id.VWC |= nvme.VWCPresent
	}
	if c.supports(nvme.CmdCopy) {
		id.OCFS = copyFormat0
	}
	id.SGLS = c.opts.SGLS
	c.identifyANA(id)
	if c.opts.Fabrics != nil {
		c.identifyFabrics(id)
	}
	copy(id.SUBNQN[:], c.sub.nqn)
	id.PSD[0].MP = 2500 // units of 0.01 W
}

// oncs is the field of that name: the optional commands that all namespaces
// execute.
func (c *Controller) oncs() uint16 {
	v := uint16(nvme.ONCSSaveSelect | nvme.ONCSTimestamp)
	for _, op := range []nvme.Opcode{nvme.CmdCompare, nvme.CmdDatasetManagement, nvme.CmdWriteZeroes, nvme.CmdVerify, nvme.CmdCopy, nvme.CmdReservationRegister} {
		if c.supports(op) {
			v |= oncsOf(op)
		}
	}
	return v
}

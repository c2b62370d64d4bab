// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/nvme"
)

// correct puts what is of the controller here into the answer of a device: a
// host has a controller of the target, with the device behind it.
func (c *Controller) correct(r *Request) {
	cmd := &r.Cmd
	p := c.adminPassthru()
	mine := c.admin.page[:]
	clear(mine)
	var device [4096]byte
	switch {
	case cmd.Opcode == nvme.AdminIdentify && nvme.CNS(cmd.CDW10) == nvme.CNSController:
		r.gather(device[:])
		c.identifyController(mine)
		correctController(&p, mine, device[:])
		r.reply(mine)
	case passesIdentify(cmd) && !c.sub.opts.Passthrough:
		r.gather(device[:])
		if r.Status = c.identifyNamespace(mine, cmd.NSID, true); r.Status == nvme.StatusSuccess {
			correctNamespace(mine, device[:])
			r.reply(mine)
		}
	case cmd.Opcode == nvme.AdminGetLogPage && p.GetLogPage:
		c.correctLog(r, &p, mine, device[:])
	}
}

// correctController takes from the device what identifies it, and what of it
// hosts reach.
func correctController(p *AdminPassthru, mine, device []byte) {
	id, _ := nvme.View[nvme.IdentifyController](mine)
	d, _ := nvme.View[nvme.IdentifyController](device)
	id.SN, id.MN, id.FR, id.IEEE = d.SN, d.MN, d.FR, d.IEEE
	if p.GetLogPage {
		id.LPA, id.ELPE, id.PELS = d.LPA, d.ELPE, d.PELS
	}
	if p.Sanitize {
		id.SANICAP = d.SANICAP
	}
	oacs := uint16(0)
	if p.SecuritySendRecv {
		oacs |= nvme.OACSSecurity
	}
	if p.FirmwareUpdate {
		oacs |= nvme.OACSFirmware
		id.FRMW, id.FWUG, id.MTFA = d.FRMW, d.FWUG, d.MTFA
	}
	if p.NVMeMI {
		oacs |= nvme.OACSNVMeMI
	}
	id.OACS = id.OACS&^oacs | d.OACS&oacs
	if p.IdentifyUUIDList {
		id.CTRATT |= d.CTRATT & nvme.CTRATTUUIDList
	}
}

// correctNamespace takes from the device what it likes, and what it does as a
// whole.
func correctNamespace(mine, device []byte) {
	id, _ := nvme.View[nvme.IdentifyNamespace](mine)
	d, _ := nvme.View[nvme.IdentifyNamespace](device)
	if d.NSFEAT&nvme.NSFEATOptimalPerformance != 0 {
		id.NSFEAT |= nvme.NSFEATOptimalPerformance
		id.NPWG, id.NPWA, id.NPDG, id.NPDA, id.NOWS = d.NPWG, d.NPWA, d.NPDG, d.NPDA, d.NOWS
	}
	if d.NSFEAT&nvme.NSFEATAtomics != 0 {
		id.NSFEAT |= nvme.NSFEATAtomics
		id.NAWUN, id.NAWUPF, id.NACWU = d.NAWUN, d.NAWUPF, d.NACWU
	}
	id.NABSN, id.NABO, id.NABSPF = d.NABSN, d.NABO, d.NABSPF
}

// correctLog merges the log pages that list what there is. Each is an array of
// 4 bytes an entry.
func (c *Controller) correctLog(r *Request, p *AdminPassthru, mine, device []byte) {
	var fromMine func(entry int) bool // entries that are the controller's
	size := 1024
	switch nvme.LogPageID(r.Cmd.CDW10) {
	case nvme.LogCommandEffects:
		size = 4096
		c.effectsPage(mine, c.effectsCSI(&r.Cmd))
		fromMine = func(i int) bool {
			return i >= 256 || !p.takes(&nvme.Command{Opcode: nvme.Opcode(i)}) || nvme.Opcode(i) == nvme.AdminGetFeatures || nvme.Opcode(i) == nvme.AdminSetFeatures
		}
	case nvme.LogSupportedPages:
		c.supportedLogs(mine[:size])
		fromMine = func(i int) bool {
			id := nvme.LogPageID(i)
			return !p.takes(&nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(i)}) || id == nvme.LogFeatureEffects || id == nvme.LogCommandEffects
		}
	case nvme.LogFeatureEffects:
		c.featureEffectsPage(mine[:size])
		fromMine = func(i int) bool { return !p.GetSetFeatures || ownFeature(nvme.FeatureID(i)) }
	default:
		return
	}
	off := uint64(r.Cmd.CDW12) | uint64(r.Cmd.CDW13)<<32
	if off >= uint64(size) {
		return
	}
	r.gather(device[off:size])
	for i := range size / 4 {
		if !fromMine(i) {
			binary.LittleEndian.PutUint32(mine[4*i:], binary.LittleEndian.Uint32(device[4*i:]))
		}
	}
	r.reply(mine[off:size])
}

// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/nvme"
)

// Sizes of log pages in bytes, and what goes with them (NVMe Base 2.0, 5.16).
const (
	errorEntries     = 64
	errorEntrySize   = 64
	maxChanged       = 1024
	changedOverflow  = 0xffffffff
	smartLogSize     = 512
	retainEvent      = 1 << 15
	offsetTypeIndex  = 1 << 23
	temperature      = 310 // kelvin; there is no sensor, so a comfortable one
	logUnitBlocks    = 1000
	smartBlock       = 512
	tempWarningBit   = 1 << 1
	logPageSupported = 1
)

// prepareGetLogPage finds the length: dwords, 0's based, 32 bits.
func (c *Controller) prepareGetLogPage(r *Request) {
	numd := uint64(r.Cmd.CDW10>>16) | uint64(r.Cmd.CDW11&0xffff)<<16
	n := (numd + 1) * 4
	if n > uint64(min(c.opts.MaxDataSize, maxAdminData)) {
		r.fail(nvme.StatusInvalidField.WithDNR())
		return
	}
	r.Xfer, r.Length = nvme.TransferControllerToHost, uint32(n)
}

// getLogPage executes Get Log Page.
func (c *Controller) getLogPage(r *Request) nvme.Status {
	cmd := &r.Cmd
	id := nvme.LogPageID(cmd.CDW10)
	off := uint64(cmd.CDW12) | uint64(cmd.CDW13)<<32
	if off%4 != 0 || cmd.CDW14&(offsetTypeIndex|uuidIndexMask) != 0 {
		return nvme.StatusInvalidField.WithDNR()
	}
	data, s := c.logPage(id, r)
	if s != nvme.StatusSuccess {
		return s
	}
	if off > uint64(len(data)) {
		return nvme.StatusInvalidField.WithDNR()
	}
	r.reply(data[off:])
	if cmd.CDW10&retainEvent == 0 {
		c.logRead(id)
	}
	return nvme.StatusSuccess
}

// logPage builds a page. The slice is good until the next command.
func (c *Controller) logPage(id nvme.LogPageID, r *Request) ([]byte, nvme.Status) {
	p := c.admin.page[:]
	clear(p)
	if c.sub.discovery && !discoveryLogs(id) {
		return nil, nvme.StatusInvalidLogPage.WithDNR()
	}
	switch id {
	case nvme.LogSupportedPages:
		return c.supportedLogs(p[:1024]), nvme.StatusSuccess
	case nvme.LogError:
		return c.life.errorPage(p[:errorEntries*errorEntrySize]), nvme.StatusSuccess
	case nvme.LogSMART:
		// One log for the controller: LPA bit 0 is clear.
		if n := r.Cmd.NSID; n != 0 && n != allNamespaces {
			return nil, nvme.StatusInvalidField.WithDNR()
		}
		return c.smartPage(p[:smartLogSize]), nvme.StatusSuccess
	case nvme.LogFirmwareSlot:
		p[0] = 1 // slot 1 is active
		putString(p[8:16], c.sub.opts.Firmware)
		return p[:512], nvme.StatusSuccess
	case nvme.LogChangedNamespaces:
		return c.logs.changedPage(p), nvme.StatusSuccess
	case nvme.LogCommandEffects:
		csi := c.effectsCSI(&r.Cmd)
		if csi > csiLast {
			return nil, nvme.StatusInvalidField.WithDNR()
		}
		return c.effectsPage(p, csi), nvme.StatusSuccess
	case nvme.LogMIEffects: // there are none, which zeroes say
		return p, nvme.StatusSuccess
	case nvme.LogFeatureEffects:
		return c.featureEffectsPage(p[:1024]), nvme.StatusSuccess
	case nvme.LogReservationNotification:
		return c.noticePage(p), nvme.StatusSuccess
	case nvme.LogANA:
		if c.sub.opts.ANAReporting {
			return c.anaPage(uint8(r.Cmd.CDW10>>8)&nvme.LSPANAGroupsOnly != 0), nvme.StatusSuccess
		}
	case nvme.LogDiscovery:
		if c.sub.discovery && c.opts.Fabrics != nil {
			return c.sub.target.discoveryPage(c.asks(&r.Cmd)), nvme.StatusSuccess
		}
	}
	return nil, nvme.StatusInvalidLogPage.WithDNR()
}

// logRead lets events go on whose page has been read.
func (c *Controller) logRead(id nvme.LogPageID) {
	switch id {
	case nvme.LogError:
		c.unmask(eventError)
	case nvme.LogSMART:
		c.unmask(eventSMART)
	case nvme.LogChangedNamespaces:
		c.logs.changed = c.logs.changed[:0]
		c.logs.changedTooMany = false
		c.unmask(eventNotice)
	case nvme.LogReservationNotification:
		c.noticeRead()
	case nvme.LogDiscovery, nvme.LogANA:
		c.unmask(eventNotice)
	}
}

func (c *Controller) supportedLogs(p []byte) []byte {
	if c.sub.discovery {
		for _, id := range []nvme.LogPageID{nvme.LogSupportedPages, nvme.LogFeatureEffects, nvme.LogDiscovery} {
			p[4*int(id)] = logPageSupported
		}
		p[4*int(nvme.LogDiscovery)+2] = discoveryCanExtend >> 16
		return p
	}
	for _, id := range []nvme.LogPageID{
		nvme.LogSupportedPages, nvme.LogError, nvme.LogSMART, nvme.LogFirmwareSlot,
		nvme.LogChangedNamespaces, nvme.LogCommandEffects, nvme.LogFeatureEffects,
		nvme.LogMIEffects, nvme.LogReservationNotification,
	} {
		p[4*int(id)] = logPageSupported
	}
	if c.sub.opts.ANAReporting {
		p[4*int(nvme.LogANA)] = logPageSupported
	}
	return p
}

// featureEffectsPage tells which features there are and what they reach.
func (c *Controller) featureEffectsPage(p []byte) []byte {
	const supported, changesController, scopeNamespace, scopeController = 1, 1 << 4, 1 << 20, 1 << 21
	for id := range 256 {
		caps, ok := c.featureCapabilities(nvme.FeatureID(id))
		if !ok {
			continue
		}
		v := uint32(supported | changesController | scopeController)
		if caps&featureNamespaceSpecific != 0 {
			v = supported | changesController | scopeNamespace
		}
		binary.LittleEndian.PutUint32(p[4*id:], v)
	}
	return p
}

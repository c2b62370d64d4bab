// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// Bytes of the data of reservation commands.
const (
	reservationKeys = 16 // the current key and another one
	reservationKey  = 8
)

// rescapTypes are the types of reservations: all.
const rescapTypes = 0x3f << 1

// prepareReservation finds the length of the data of a reservation command.
func (l *Lane) prepareReservation(r *Request) {
	switch r.Cmd.Opcode {
	case nvme.CmdReservationRegister, nvme.CmdReservationAcquire:
		r.Xfer, r.Length = nvme.TransferHostToController, reservationKeys
	case nvme.CmdReservationRelease:
		r.Xfer, r.Length = nvme.TransferHostToController, reservationKey
	case nvme.CmdReservationReport:
		n := (uint64(r.Cmd.CDW10) + 1) * 4
		if n > uint64(l.c.opts.MaxDataSize) {
			r.fail(nvme.StatusInvalidField.WithDNR())
			return
		}
		r.Xfer, r.Length = nvme.TransferControllerToHost, uint32(n)
	}
}

// reserves tells whether the command is about reservations.
func reserves(op nvme.Opcode) bool {
	switch op {
	case nvme.CmdReservationRegister, nvme.CmdReservationAcquire, nvme.CmdReservationRelease, nvme.CmdReservationReport:
		return true
	}
	return false
}

// executeReservation carries out a reservation command.
func (l *Lane) executeReservation(r *Request, ns *Namespace) {
	v, host := &ns.reservations, l.c.hostID()
	if r.Cmd.Opcode == nvme.CmdReservationReport {
		if !nvme.ParseReservationReport(&r.Cmd).Extended { // identifiers have 128 bits
			r.Finish(nvme.StatusHostIDInconsistentFormat.WithDNR())
			return
		}
		r.reply(v.report())
		r.Finish(nvme.StatusSuccess)
		return
	}
	if host == (hostID{}) { // NVMe Base 2.0, 5.27.1.25.2
		r.Finish(nvme.StatusCommandSequenceError.WithDNR())
		return
	}
	var keys [reservationKeys]byte
	r.gather(keys[:r.Length])
	current, other := binary.LittleEndian.Uint64(keys[:]), binary.LittleEndian.Uint64(keys[8:])
	var (
		told   []notice
		gone   []hostID
		status nvme.Status
	)
	switch r.Cmd.Opcode {
	case nvme.CmdReservationRegister:
		told, status = v.register(host, nvme.ParseReservationRegister(&r.Cmd), current, other)
	case nvme.CmdReservationAcquire:
		x := nvme.ParseReservationAcquire(&r.Cmd)
		told, gone, status = v.acquire(host, x, current, other)
		if x.Action != nvme.ReservationActionPreemptAndAbort {
			gone = nil
		}
	case nvme.CmdReservationRelease:
		told, status = v.free(host, nvme.ParseReservationRelease(&r.Cmd), current)
	}
	if status != nvme.StatusSuccess {
		if status != nvme.StatusReservationConflict {
			status = status.WithDNR()
		}
		r.Finish(status)
		return
	}
	l.settleReservation(r, ns, told, gone)
}

// settleReservation ends a reservation command when the change is in the file
// and the commands of hosts that were sent away have ended. Both take their
// time, so that a goroutine waits for them.
func (l *Lane) settleReservation(r *Request, ns *Namespace, told []notice, gone []hostID) {
	if ns.reservations.file == "" && len(told) == 0 && len(gone) == 0 {
		r.Finish(nvme.StatusSuccess)
		return
	}
	go func() {
		status := nvme.StatusSuccess
		if err := ns.reservations.save(ns.uuid); err != nil {
			log.Errorf("nvmf: subsystem %s: namespace %d: %v", ns.sub.nqn, ns.nsid, err)
			status = nvme.StatusInternalDeviceError
		}
		ns.sub.waitForHosts(ns.nsid, gone)
		ns.sub.tellReservations(ns.nsid, told)
		l.thread.Send(func() { r.Finish(status) })
	}()
}

// waitForHosts waits until the commands have ended that hosts have under way
// with a namespace: none of them changes anything after that.
func (s *Subsystem) waitForHosts(nsid uint32, hosts []hostID) {
	for _, c := range s.liveControllers() {
		for _, h := range hosts {
			if c.hostID() != h {
				continue
			}
			for _, l := range c.all() {
				done := make(chan struct{})
				if l.thread.Send(func() { l.whenIdle(nsid, func() { close(done) }) }) {
					<-done
				}
			}
		}
	}
}

// whenIdle calls fn when the commands of now have ended.
func (l *Lane) whenIdle(nsid uint32, fn func()) {
	if n := l.namespace(nsid); n != nil && n.users > 0 {
		n.idle = append(n.idle, fn)
		return
	}
	fn()
}

// tellReservations gives notices to the controllers of hosts.
func (s *Subsystem) tellReservations(nsid uint32, all []notice) {
	for _, c := range s.liveControllers() {
		for _, n := range all {
			if c.hostID() == n.host {
				c.thread.Send(func() { c.reservationNotice(nsid, n.kind) })
			}
		}
	}
}

// maxNotices is how many wait for a host to read them.
const maxNotices = 255

// reservationNotice puts a notice into the log of the controller.
func (c *Controller) reservationNotice(nsid uint32, kind uint8) {
	n := c.namespace(nsid)
	if n == nil || c.feat.reservationMask[nsid]>>kind&1 != 0 || len(c.logs.notices) == maxNotices {
		return
	}
	c.logs.noticeCount++
	c.logs.notices = append(c.logs.notices, nvme.ReservationNotificationLog{LPC: c.logs.noticeCount, Type: kind, NSID: nsid})
	c.raise(eventIO, ioReservationLog, uint8(nvme.LogReservationNotification))
}

// noticePage is the log page of the oldest notice.
func (c *Controller) noticePage(p []byte) []byte {
	var page nvme.ReservationNotificationLog
	if len(c.logs.notices) > 0 {
		page = c.logs.notices[0]
		page.NALP = uint8(len(c.logs.notices) - 1)
	}
	return p[:copy(p, nvme.Bytes(&page))]
}

// noticeRead takes the oldest notice off, and tells of the next.
func (c *Controller) noticeRead() {
	if len(c.logs.notices) > 0 {
		c.logs.notices = c.logs.notices[1:]
	}
	if len(c.logs.notices) > 0 {
		c.raise(eventIO, ioReservationLog, uint8(nvme.LogReservationNotification))
	}
	c.unmask(eventIO)
}

// hostID returns who uses the controller. Any goroutine may ask.
func (c *Controller) hostID() hostID {
	if id := hostID(c.opts.Connection.HostID); id != (hostID{}) {
		return id
	}
	if id := c.io.hostID.Load(); id != nil {
		return *id
	}
	return hostID{}
}

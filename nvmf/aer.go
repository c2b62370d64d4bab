// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"math/bits"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// maxAER is how many Asynchronous Event Requests may wait (AERL + 1).
const maxAER = 4

// Kinds of asynchronous events (NVMe Base 2.0, figure 145 ff.).
const (
	eventError  = 0
	eventSMART  = 1
	eventNotice = 2
	eventIO     = 6 // of the I/O command set

	ioReservationLog = 0

	errorInvalidDoorbellRegister = 0
	errorInvalidDoorbellValue    = 1

	noticeNamespaceAttribute = 0

	smartSpare       = 0
	smartTemperature = 1
)

// Bits of the Asynchronous Event Configuration feature and of OAES, which
// agree (NVMe Base 2.0, 5.27.1.8).
const (
	configSMART     = 0xff
	configNamespace = 1 << 8
	configANA       = 1 << 11
	configDiscovery = 1 << 31
)

// events are the asynchronous events of a controller. A type of event that
// has been reported is masked until the host reads the log page that goes
// with it; one event of each kind waits at most.
type events struct {
	waiting [maxAER]*Request
	n       int
	masked  uint8 // by event type
	pending [8]pendingEvents
}

// pendingEvents are the events of one type that wait for a request: what they
// are, and the log pages that go with them. Places are the low bits of
// information codes, in which those that there are differ.
type pendingEvents struct {
	places uint32
	info   [32]uint8
	page   [32]uint8
}

// reset forgets events and requests; those end without a completion.
func (e *events) reset() {
	for i := range e.n {
		r := e.waiting[i]
		e.waiting[i] = nil
		r.flags &^= flagWaiting
	}
	*e = events{}
}

// asyncEventRequest parks r until there is something to tell.
func (c *Controller) asyncEventRequest(r *Request) {
	e := &c.events
	if e.n == maxAER {
		r.Finish(nvme.StatusAERLimitExceeded.WithDNR())
		return
	}
	c.park(r)
	e.waiting[e.n] = r
	e.n++
	c.deliverEvents()
}

// park takes r out of the requests in execution without ending it.
func (c *Controller) park(r *Request) {
	r.release()
	r.flags |= flagWaiting
	r.lane.drained()
}

// unpark brings r back, to be finished.
func (c *Controller) unpark(r *Request) {
	r.flags = r.flags&^flagWaiting | flagActive
	r.lane.outstanding++
}

// raise reports an event if the host has asked for it.
func (c *Controller) raise(typ, info, page uint8) {
	p := &c.events.pending[typ]
	i := info % 32
	p.places |= 1 << i
	p.info[i], p.page[i] = info, page
	c.deliverEvents()
}

// deliverEvents ends waiting requests with pending events.
func (c *Controller) deliverEvents() {
	e := &c.events
	for typ := range e.pending {
		p := &e.pending[typ]
		if p.places == 0 || e.n == 0 || e.masked&(1<<typ) != 0 {
			continue
		}
		i := bits.TrailingZeros32(p.places)
		p.places &^= 1 << i
		e.masked |= 1 << typ
		e.n--
		r := e.waiting[e.n]
		e.waiting[e.n] = nil
		c.unpark(r)
		r.CDW0 = uint32(typ) | uint32(p.info[i])<<8 | uint32(p.page[i])<<16
		r.Finish(nvme.StatusSuccess)
	}
}

// unmask lets events of type typ through again: the host has read their log
// page.
func (c *Controller) unmask(typ uint8) {
	c.events.masked &^= 1 << typ
	c.deliverEvents()
}

// abortEvent ends the waiting request with identifier cid, if there is one,
// because the host asked for it.
func (c *Controller) abortEvent(cid uint16) bool {
	e := &c.events
	for i := range e.n {
		if r := e.waiting[i]; r.Cmd.CID == cid {
			e.n--
			e.waiting[i] = e.waiting[e.n]
			e.waiting[e.n] = nil
			c.unpark(r)
			r.Finish(nvme.StatusAbortedByRequest)
			return true
		}
	}
	return false
}

// InvalidDoorbell reports that the host wrote a doorbell of a queue that is
// not there (register is true), or wrote a value that the queue does not
// have.
func (c *Controller) InvalidDoorbell(qid uint16, register bool) {
	log.Warnf("controller %d: invalid doorbell write, queue %d", c.id, qid)
	info := uint8(errorInvalidDoorbellValue)
	if register {
		info = errorInvalidDoorbellRegister
	}
	c.life.addError(errorEntry{sqid: qid, cid: 0xffff, status: nvme.StatusSuccess})
	c.raise(eventError, info, uint8(nvme.LogError))
}

// namespaceChanged tells the host that nsid was added, removed or resized.
func (c *Controller) namespaceChanged(nsid uint32) {
	c.logs.addChanged(nsid)
	if c.feat.asyncEvents&configNamespace != 0 {
		c.raise(eventNotice, noticeNamespaceAttribute, uint8(nvme.LogChangedNamespaces))
	}
}

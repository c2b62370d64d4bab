// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

// shadow is where the client keeps doorbells and event indexes in its own
// memory (NVMe Base 2.0, 5.8 and annex B.5). It then writes the real doorbell
// of an I/O queue only when the value passes the event index, which the
// controller moves only before it sleeps: a busy pair never rings.
type shadow struct {
	doorbellAddr, eventAddr uint64
	doorbells, events       []byte // nil if it is not used
}

// configureShadow executes Doorbell Buffer Config. Queues that are there
// already go over to it with the values that they have.
func (c *controller) configureShadow(doorbells, events uint64) nvme.Status {
	if doorbells%pageSize != 0 || events%pageSize != 0 {
		return nvme.StatusInvalidField
	}
	if doorbells == events {
		return nvme.StatusInvalidField
	}
	d, err := c.queueMemory(doorbells, pageSize, true)
	if err != nil {
		flag.Debugf("%s: shadow doorbells: %v", c.ep.l.dir, err)
		return nvme.StatusInvalidField
	}
	e, err := c.queueMemory(events, pageSize, true)
	if err != nil {
		flag.Debugf("%s: event indexes: %v", c.ep.l.dir, err)
		return nvme.StatusInvalidField
	}
	c.shadow = shadow{doorbells, events, d, e}
	c.switchDoorbells(true)
	return nvme.StatusSuccess
}

// doorbellOf returns the doorbell of a queue and its event index, nil if the
// doorbell is a real one. The admin queues' always are.
func (c *controller) doorbellOf(id uint16, isCQ bool) (db, event *uint32) {
	if id == 0 || c.shadow.doorbells == nil {
		return doorbell(c.doorbells.mem, id, isCQ), nil
	}
	return doorbell(c.shadow.doorbells, id, isCQ), doorbell(c.shadow.events, id, isCQ)
}

// switchDoorbells moves all I/O queues to the doorbells that doorbellOf names
// now, with their present values if the memory is ours to set.
func (c *controller) switchDoorbells(carry bool) {
	move := func(db, event **uint32, id uint16, isCQ bool) {
		old := *db
		*db, *event = c.doorbellOf(id, isCQ)
		if carry {
			mmio.Store32(*db, mmio.Load32(old))
		}
	}
	for id := 1; id < len(c.sqs); id++ {
		if q := c.sqs[id]; q != nil {
			move(&q.db, &q.event, q.ID, false)
		}
		if q := c.cqs[id]; q != nil {
			move(&q.db, &q.event, q.id, true)
		}
	}
}

// remapShadow finds the shadow doorbells after the client's memory changed.
// If they are gone the queues go back to the real doorbells, where the client
// rings from then on if it means to go on at all.
func (c *controller) remapShadow() {
	s := &c.shadow
	if s.doorbells == nil {
		return
	}
	d, err1 := c.queueMemory(s.doorbellAddr, pageSize, true)
	e, err2 := c.queueMemory(s.eventAddr, pageSize, true)
	if err1 != nil || err2 != nil {
		c.dropShadow()
		return
	}
	s.doorbells, s.events = d, e
	c.switchDoorbells(false)
}

// dropShadow puts the last known values into the real doorbells.
func (c *controller) dropShadow() {
	c.shadow = shadow{}
	for id := 1; id < len(c.sqs); id++ {
		if q := c.sqs[id]; q != nil {
			q.db, q.event = c.doorbellOf(q.ID, false)
			mmio.Store32(q.db, q.head)
		}
		if q := c.cqs[id]; q != nil {
			q.db, q.event = c.doorbellOf(q.id, true)
			mmio.Store32(q.db, q.head)
		}
	}
}
